//! The OCI distribution protocol: pull and push.
//!
//! A pull takes a manifest, fetches what it names into the store's blobs (three at once, each verified, each shared by
//! all pulls that want it) and lets the store unpack it. A download that breaks off leaves a `.partial` file, which the
//! next one continues.

mod client;
mod describe;
mod download;
mod manifests;
mod pull;
mod push;
mod tags;

use std::fmt;

use oci_client::client::{Certificate, CertificateEncoding};

use crate::{Digest, ProgressSink, Reference, Store, StoreError};
use client::Session;
pub use describe::Remote;
use download::Flights;
use manifests::ManifestReader;

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
    insecure: Vec<String>,
    certificates: Vec<Certificate>,
    flights: Flights,
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
    pub fn new(options: RegistryOptions) -> Result<Self, StoreError> {
        // Fails only if another part of the process chose one before, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = options.certificates.iter().map(|path| {
            let data = std::fs::read(path).map_err(|error| StoreError::io("read the certificate", path, error))?;
            Ok(Certificate { encoding: CertificateEncoding::Pem, data })
        });
        let certificates = certificates.collect::<Result<_, StoreError>>()?;
        Ok(Self { insecure: options.insecure, certificates, flights: Flights::default() })
    }

    /// Pulls an image into the store and tags it; an interrupted pull resumes or leaves nothing.
    ///
    /// # Errors
    /// The registry refuses or fails, content does not match its digest, or a limit is passed.
    pub async fn pull(
        &self,
        store: &Store,
        name: &Reference,
        platform: Option<&str>,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<Digest, StoreError> {
        let name = name.clone().or_latest();
        let session = self.session(&name, credentials).await?;
        let token = session.authenticate(oci_client::RegistryOperation::Pull).await?;
        let manifests = ManifestReader::new(&session, token, &self.certificates)?;
        pull::Pull { session, manifests, store, name, flights: &self.flights, progress }.run(platform).await
    }

    /// The names of a repository's images, one a tag.
    ///
    /// # Errors
    /// The registry refuses or fails, there is no such repository, or it has more than 10,000 tags.
    pub async fn tags(&self, repository: &Reference, credentials: &Credentials) -> Result<Vec<Reference>, StoreError> {
        let session = self.session(repository, credentials).await?;
        let token = session.authenticate(oci_client::RegistryOperation::Pull).await?;
        tags::list(&session, &ManifestReader::new(&session, token, &self.certificates)?).await
    }

    /// What the registry has under a name. Nothing is pulled.
    ///
    /// # Errors
    /// The registry refuses or fails, or has nothing there.
    pub async fn describe(&self, name: &Reference, credentials: &Credentials) -> Result<Remote, StoreError> {
        let session = self.session(name, credentials).await?;
        let token = session.authenticate(oci_client::RegistryOperation::Pull).await?;
        describe::describe(&session, &ManifestReader::new(&session, token, &self.certificates)?).await
    }

    /// Pushes a tagged image as an OCI image. Returns the manifest's digest and its size in bytes.
    ///
    /// # Errors
    /// The registry refuses or fails.
    pub async fn push(
        &self,
        store: &Store,
        name: &Reference,
        credentials: &Credentials,
        progress: &ProgressSink,
    ) -> Result<(Digest, u64), StoreError> {
        let name = name.clone().or_latest();
        // Canonical, so that it can't be taken for a short id.
        let (image, lease) = store.lease(&name.to_string())?;
        let session = self.session(&name, credentials).await?;
        session.authenticate(oci_client::RegistryOperation::Push).await?;
        let pushed = push::Push { session, store, name, progress }.run(&image).await;
        drop(lease);
        pushed
    }

    /// Checks credentials against a registry, as `docker login` does.
    ///
    /// # Errors
    /// The registry refuses them or fails.
    pub async fn login(&self, registry: &str, credentials: &Credentials) -> Result<(), StoreError> {
        let host = registry.trim_start_matches("https://").trim_start_matches("http://");
        let host = host.split('/').next().unwrap_or(host);
        // A repository to ask about, which need not exist.
        let probe: Reference = format!("{host}/sprat/login:latest").parse()?;
        self.session(&probe, credentials).await?.check_credentials().await.map_err(|error| match error {
            StoreError::Denied { registry, reason, .. } => {
                let reason = if reason == client::NO_REASON { String::new() } else { format!(": {reason}") };
                StoreError::LoginRefused { registry, reason }
            }
            other => other,
        })
    }

    async fn session(&self, name: &Reference, credentials: &Credentials) -> Result<Session, StoreError> {
        let host = name.registry();
        let may_be_plain = client::is_loopback(host) || self.insecure.iter().any(|insecure| insecure == host);
        let plain = may_be_plain && client::speaks_plain_http(host).await;
        Session::new(name, credentials, plain, &self.certificates)
    }
}

#[cfg(test)]
mod tests;
