//! [`Session`]: one repository of one registry with one set of credentials.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use oci_client::client::{Certificate, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};

use super::Credentials;
use crate::{Reference, StoreError};

/// Longest wait for a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the next bytes.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for the answer that tells plain HTTP from TLS.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// What is said of a refusal without a reason.
pub(super) const NO_REASON: &str = "log in, or check the credentials";
/// How Sprat names itself.
pub(super) const USER_AGENT: &str = concat!("sprat/", env!("CARGO_PKG_VERSION"));

/// One repository of one registry with one set of credentials. A client of its own, so that no other caller's token is
/// ever used.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) image: oci_client::Reference,
    pub(super) name: Reference,
    pub(super) auth: RegistryAuth,
    /// Plain HTTP.
    pub(super) plain: bool,
}

impl Session {
    pub(super) fn new(
        name: &Reference,
        credentials: &Credentials,
        plain: bool,
        certificates: &[Certificate],
    ) -> Result<Self, StoreError> {
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: certificates.to_vec(),
            // One PUT of known length: all registries take it, while some refuse chunks.
            use_monolithic_push: true,
            platform_resolver: None,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| translate(name, &error))?;
        let (registry, repository) = (name.registry().to_owned(), name.repository().to_owned());
        let image = match (name.digest(), name.tag()) {
            (Some(digest), _) => oci_client::Reference::with_digest(registry, repository, digest.to_string()),
            (None, tag) => oci_client::Reference::with_tag(registry, repository, tag.unwrap_or("latest").to_owned()),
        };
        let auth = match credentials {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { username, password } => RegistryAuth::Basic(username.clone(), password.clone()),
            Credentials::Token(token) => RegistryAuth::Bearer(token.clone()),
        };
        Ok(Self { client, image, name: name.clone(), auth, plain })
    }

    /// Gets a token if the registry wants one.
    pub(super) async fn authenticate(&self, operation: RegistryOperation) -> Result<Option<String>, StoreError> {
        self.client.auth(&self.image, &self.auth, operation).await.map_err(|error| self.failed(&error))
    }

    /// Fails if the registry refuses the credentials.
    pub(super) async fn check_credentials(&self) -> Result<(), StoreError> {
        let token = self.authenticate(RegistryOperation::Pull).await?;
        if token.is_some() && !matches!(self.auth, RegistryAuth::Bearer(_)) {
            // The token service knows them; whether they may read the probed repository does not matter.
            return Ok(());
        }
        match self.client.fetch_manifest_digest(&self.image, &self.auth).await.map_err(|error| self.failed(&error)) {
            Ok(_) | Err(StoreError::NotInRegistry(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn failed(&self, error: &OciDistributionError) -> StoreError {
        translate(&self.name, error)
    }
}

/// True for this machine's own addresses.
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// True if a registry that may be spoken to over plain HTTP does speak it; else it is TLS.
pub(super) async fn speaks_plain_http(registry: &str) -> bool {
    let Ok(client) = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(PROBE_TIMEOUT).build()
    else {
        return true;
    };
    match client.get(format!("http://{registry}/v2/")).send().await {
        // What servers say to plain HTTP on a TLS port; a registry has no reason to say it here.
        Ok(response) => response.status() != reqwest::StatusCode::BAD_REQUEST,
        // Nobody there is the caller's error to tell; broken off or silent means another protocol.
        Err(error) => error.is_connect(),
    }
}

/// What an error of the protocol means for the caller.
fn translate(name: &Reference, error: &OciDistributionError) -> StoreError {
    let registry = name.registry().to_owned();
    let denied = |reason: String| denied(name, reason);
    let status = match error {
        OciDistributionError::ServerError { code, .. } => Some(*code),
        OciDistributionError::RequestError(error) => error.status().map(|status| status.as_u16()),
        _ => None,
    };
    match (error, status) {
        (OciDistributionError::AuthenticationFailure(reason), _) => denied(reason.trim().to_owned()),
        (OciDistributionError::UnauthorizedError { .. }, _) | (_, Some(401 | 403)) => denied(String::new()),
        (OciDistributionError::ImageManifestNotFoundError(_), _) | (_, Some(404)) => {
            StoreError::NotInRegistry(name.familiar())
        }
        (OciDistributionError::RegistryError { envelope, .. }, _) => {
            let first = envelope.errors.first();
            let reason = first.map(|error| error.message.clone()).unwrap_or_default();
            match first.map(|error| &error.code) {
                Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound) => {
                    StoreError::NotInRegistry(name.familiar())
                }
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => denied(reason),
                _ => StoreError::Registry { registry, reason: envelope.to_string() },
            }
        }
        _ => StoreError::Registry { registry, reason: with_sources(error) },
    }
}

/// The registry refuses; an empty reason gets a hint.
pub(super) fn denied(name: &Reference, reason: String) -> StoreError {
    StoreError::Denied {
        registry: name.registry().to_owned(),
        what: name.repository().to_owned(),
        reason: if reason.is_empty() { NO_REASON.to_owned() } else { reason },
    }
}

/// An error's text with those of its causes.
pub(super) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
