//! The OCI distribution protocol: pull and push.

use std::fmt;

use crate::{Digest, ProgressSink, Reference, Store, StoreError};

/// Credentials for one registry. Its Debug hides the secret.
#[derive(Clone, Default)]
pub enum Credentials {
    /// None.
    #[default]
    Anonymous,
    /// User and password.
    Basic {
        /// The user's name.
        username: String,
        /// The password or token.
        password: String,
    },
    /// An identity or registry token.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// A client for registries. One a daemon: concurrent pulls of one blob share its download.
#[derive(Debug)]
pub struct Registry {
    // image helper
}

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// Registries (`host:port`) spoken to over plain HTTP; loopback ones always may be.
    pub insecure: Vec<String>,
    /// PEM files with further root certificates.
    pub certificates: Vec<std::path::PathBuf>,
}

impl Registry {
    /// A client with these options.
    ///
    /// # Errors
    /// A certificate can't be read.
    pub fn new(_options: RegistryOptions) -> Result<Self, StoreError> {
        todo!("image helper")
    }

    /// Pulls an image into the store and tags it; an interrupted pull resumes or leaves nothing.
    ///
    /// # Errors
    /// The registry refuses or fails, content does not match its digest, or a limit is passed.
    pub async fn pull(
        &self,
        _store: &Store,
        _name: &Reference,
        _platform: Option<&str>,
        _credentials: &Credentials,
        _progress: &ProgressSink,
    ) -> Result<Digest, StoreError> {
        todo!("image helper")
    }

    /// Pushes a tagged image as an OCI image. Returns the manifest's digest and its size in bytes.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn push(
        &self,
        _store: &Store,
        _name: &Reference,
        _credentials: &Credentials,
        _progress: &ProgressSink,
    ) -> Result<(Digest, u64), StoreError> {
        todo!("image helper")
    }

    /// Checks credentials against a registry, as `docker login` does.
    ///
    /// # Errors
    /// The registry refuses them or fails.
    pub async fn login(&self, _registry: &str, _credentials: &Credentials) -> Result<(), StoreError> {
        todo!("image helper")
    }
}
