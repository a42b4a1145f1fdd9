//! [`Reference`]: an image's name (the grammar of the OCI distribution specification, with docker's defaults).

use std::fmt;
use std::str::FromStr;

use crate::Digest;

/// A normalised image name: `hello` is `docker.io/library/hello`. An invalid one cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    pub fn or_latest(self) -> Self {
        todo!("image helper")
    }

    /// As docker shows it: without `docker.io/library/`. With its tag or digest.
    #[must_use]
    pub fn familiar(&self) -> String {
        todo!("image helper")
    }

    /// The familiar name without tag and digest.
    #[must_use]
    pub fn familiar_name(&self) -> String {
        todo!("image helper")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!("image helper: the canonical form")
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        todo!("image helper")
    }
}
