//! [`Reference`]: an image's name (the grammar of the OCI distribution specification, with docker's defaults).
//!
//! It names; it does not say whether such an image exists, and it never tells a short image id from a name: that is
//! [`crate::Store::resolve`]'s part.

mod grammar;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Digest;
use grammar::{is_identifier, is_registry, is_repository, is_tag};

/// The registry that is meant when a name has none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Another name of [`DEFAULT_REGISTRY`], from docker's early days.
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
/// The folder of official images in the default registry.
const OFFICIAL: &str = "library/";
/// The tag that is meant when a name has neither tag nor digest.
const DEFAULT_TAG: &str = "latest";

/// A normalised image name: `hello` is `docker.io/library/hello`. An invalid one cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not an image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text does not follow the grammar.
    #[error("invalid reference format: {0:?}")]
    Malformed(String),
    /// A repository name has upper-case letters.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UpperCase(String),
    /// The name is an image id: 64 hexadecimal digits.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
}

impl Reference {
    /// The registry's host with its port: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry: `library/hello`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was given.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same name with the tag `latest` if it has neither tag nor digest.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository under a digest alone: `repository@digest`.
    #[must_use]
    pub fn at_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository under a tag alone.
    ///
    /// # Errors
    /// The text is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Malformed(tag.chars().take(grammar::MAX_REPOSITORY_LEN).collect()));
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same name without its digest.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        Self { digest: None, ..self.clone() }
    }

    /// True if both name the same repository of the same registry.
    #[must_use]
    pub fn same_repository(&self, other: &Self) -> bool {
        self.registry == other.registry && self.repository == other.repository
    }

    /// As docker shows it: without `docker.io/library/`. With its tag or digest.
    #[must_use]
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        self.push_suffix(&mut text);
        text
    }

    /// The familiar name without tag and digest.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return format!("{}/{}", self.registry, self.repository);
        }
        match self.repository.strip_prefix(OFFICIAL) {
            // A name that could be taken for an image id keeps its folder, so that it reads back as itself.
            Some(name) if !name.contains('/') && !is_identifier(name) => name.to_owned(),
            // So does one whose first part could be taken for a registry.
            _ if split_registry(&self.repository).0.is_some() => format!("{DEFAULT_REGISTRY}/{}", self.repository),
            _ => self.repository.clone(),
        }
    }

    fn push_suffix(&self, text: &mut String) {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
    }
}

/// Splits a registry off if the first part looks like one: it has a dot, a port or capitals, or is `localhost`.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

impl fmt::Display for Reference {
    /// The canonical form, with registry, tag and digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}/{}", self.registry, self.repository);
        self.push_suffix(&mut text);
        f.write_str(&text)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ReferenceError::Malformed(text.chars().take(grammar::MAX_REPOSITORY_LEN).collect());
        if text.len() > grammar::MAX_REFERENCE_LEN {
            return Err(malformed());
        }
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some(digest.parse::<Digest>().map_err(|_| malformed())?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(named);
        let registry = match registry {
            None | Some(LEGACY_DEFAULT_REGISTRY) => DEFAULT_REGISTRY,
            Some(registry) => registry,
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let repository = match registry == DEFAULT_REGISTRY && !path.contains('/') {
            true => format!("{OFFICIAL}{path}"),
            false => path.to_owned(),
        };
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase(repository));
        }
        if !is_registry(registry) || !is_repository(&repository) || !tag.is_none_or(is_tag) {
            return Err(malformed());
        }
        Ok(Self { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests;
