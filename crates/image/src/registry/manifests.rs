//! [`ManifestReader`]: manifests from a registry, with a limit on what is read.
//!
//! The client library reads a manifest's body whole, however long it is, so this one request is made here, with the
//! token that the library got.

use futures_util::StreamExt as _;
use oci_client::client::Certificate;
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, CONTENT_LENGTH};
use reqwest::{Client, Response};
use serde::Deserialize;

use super::client::{CONNECT_TIMEOUT, READ_TIMEOUT, Session, USER_AGENT, denied, with_sources};
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST};
use crate::{Digest, StoreError};

/// Most bytes of an error's body that are read.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// Reads manifests of one repository.
pub(super) struct ManifestReader {
    client: Client,
    token: Option<String>,
}

/// The body of a registry's error (OCI distribution specification, "Error Codes").
#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    message: String,
}

impl ManifestReader {
    /// With the token that the registry gave, if it gives any.
    pub(super) fn new(session: &Session, token: Option<String>, extra: &[Certificate]) -> Result<Self, StoreError> {
        let failed = |error: reqwest::Error| unreachable(session, &error);
        let extra = extra.iter().map(|certificate| reqwest::Certificate::from_pem(&certificate.data));
        let client = Client::builder()
            .tls_certs_merge(extra.collect::<Result<Vec<_>, _>>().map_err(failed)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(USER_AGENT)
            .build()
            .map_err(failed)?;
        Ok(Self { client, token })
    }

    /// The manifest of the session's name, or of a digest.
    pub(super) async fn read(&self, session: &Session, digest: Option<&Digest>) -> Result<Vec<u8>, StoreError> {
        let expected = digest.or(session.name.digest());
        let wanted = expected.map(ToString::to_string);
        let wanted = wanted.as_deref().or(session.name.tag()).unwrap_or("latest");
        let accept = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
        let response = self.get(session, &format!("manifests/{wanted}"), &accept).await?;
        let bytes = body(session, response, MAX_MANIFEST_BYTES).await?;
        let actual = Digest::of(&bytes);
        match expected {
            Some(expected) if actual != *expected => {
                Err(StoreError::DigestMismatch { what: "manifest".to_owned(), expected: expected.clone(), actual })
            }
            _ => Ok(bytes),
        }
    }

    /// The answer to a request for something of the repository, if it is a success.
    pub(super) async fn get(&self, session: &Session, what: &str, accept: &str) -> Result<Response, StoreError> {
        let scheme = if session.plain { "http" } else { "https" };
        let (host, repository) = (session.image.resolve_registry(), session.name.repository());
        let request = self.client.get(format!("{scheme}://{host}/v2/{repository}/{what}")).header(ACCEPT, accept);
        let request = match (&self.token, &session.auth) {
            (Some(token), _) | (None, RegistryAuth::Bearer(token)) => request.bearer_auth(token),
            (None, RegistryAuth::Basic(user, password)) => request.basic_auth(user, Some(password)),
            (None, RegistryAuth::Anonymous) => request,
        };
        let response = request.send().await.map_err(|error| unreachable(session, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(refused(session, response).await) }
    }
}

/// The body of an answer, read up to a limit in bytes.
pub(super) async fn body(session: &Session, response: Response, limit: u64) -> Result<Vec<u8>, StoreError> {
    let what = || format!("the registry's answer about {}", session.name.familiar());
    let too_large = || StoreError::TooLarge { what: what(), limit };
    let announced = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| unreachable(session, &error))?);
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
    }
    Ok(bytes)
}

/// What an answer that is no success means for the caller.
async fn refused(session: &Session, response: Response) -> StoreError {
    let status = response.status();
    let body = body(session, response, MAX_ERROR_BYTES).await.unwrap_or_default();
    let told = serde_json::from_slice::<ErrorBody>(&body).ok().and_then(|body| body.errors.into_iter().next());
    let reason = told.map(|entry| entry.message).unwrap_or_default();
    match status.as_u16() {
        401 | 403 => denied(&session.name, reason),
        404 => StoreError::NotInRegistry(session.name.familiar()),
        _ => StoreError::Registry {
            registry: session.name.registry().to_owned(),
            reason: format!("it answered {status} {reason}").trim_end().to_owned(),
        },
    }
}

fn unreachable(session: &Session, error: &reqwest::Error) -> StoreError {
    StoreError::Registry { registry: session.name.registry().to_owned(), reason: with_sources(error) }
}
