//! What a registry has under a name, without its content.

use super::client::Session;
use super::manifests::{ManifestReader, body};
use crate::manifest::{ConfigFile, DOCKER_INDEX, Document, MAX_CONFIG_BYTES, OCI_INDEX};
use crate::{Digest, StoreError};

/// What a registry has under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Type of the manifest or index.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it is for: operating system, architecture, and variant (may be empty).
    pub platforms: Vec<(String, String, String)>,
}

pub(super) async fn describe(session: &Session, manifests: &ManifestReader) -> Result<Remote, StoreError> {
    let bytes = manifests.read(session, None).await?;
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let (media_type, platforms) = match Document::parse(&bytes)? {
        Document::Index(entries) => {
            let platforms = entries.into_iter().filter_map(|entry| entry.platform);
            let platforms = platforms.map(|it| (it.os, it.architecture, it.variant.unwrap_or_default())).collect();
            (index_type(&bytes).to_owned(), platforms)
        }
        Document::Image(manifest) if manifest.has_image_config() => {
            let what = format!("blobs/{}", manifest.config.digest);
            let answer = manifests.get(session, &what, "*/*").await?;
            let config = ConfigFile::parse(&body(session, answer, MAX_CONFIG_BYTES).await?)?;
            (manifest.media_type, vec![(config.os, config.architecture, String::new())])
        }
        Document::Image(manifest) => (manifest.media_type, Vec::new()),
    };
    Ok(Remote { media_type, digest, size, platforms })
}

/// An index says what it is; one that does not is OCI's.
fn index_type(bytes: &[u8]) -> &'static str {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        #[serde(default)]
        media_type: String,
    }
    match serde_json::from_slice::<Named>(bytes) {
        Ok(named) if named.media_type == DOCKER_INDEX => DOCKER_INDEX,
        _ => OCI_INDEX,
    }
}
