//! The tags of a repository (OCI distribution specification, "Listing Tags"), with a limit on what is read.

use reqwest::Response;
use reqwest::header::LINK;
use serde::Deserialize;

use super::client::Session;
use super::manifests::{ManifestReader, body};
use crate::{Reference, StoreError};

/// Most tags of a repository that are read.
const MAX_TAGS: usize = 10_000;

/// Most bytes of one page of the list.
const MAX_PAGE_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct Page {
    /// `null` where there are none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// All names of the repository that have a tag, in the registry's order.
pub(super) async fn list(session: &Session, reader: &ManifestReader) -> Result<Vec<Reference>, StoreError> {
    let mut names = Vec::new();
    let mut next = Some("tags/list".to_owned());
    while let Some(path) = next {
        let response = reader.get(session, &path, "application/json").await?;
        next = following(&response).filter(|following| *following != path);
        let bytes = body(session, response, MAX_PAGE_BYTES).await?;
        let page: Page = serde_json::from_slice(&bytes).map_err(|error| StoreError::invalid("list of tags", error))?;
        let tags = page.tags.unwrap_or_default();
        if tags.is_empty() {
            break;
        }
        if names.len() + tags.len() > MAX_TAGS {
            let reason = format!("{} has more than {MAX_TAGS}: pull tags by name", session.name.familiar_name());
            return Err(StoreError::invalid("list of tags", reason));
        }
        for tag in tags {
            names.push(session.name.with_tag(&tag)?);
        }
    }
    Ok(names)
}

/// The next page, if there is one (RFC 8288). Only the query is the registry's to choose: credentials go along.
fn following(response: &Response) -> Option<String> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    let (target, parameters) = link.trim_start().strip_prefix('<')?.split_once('>')?;
    let query = target.split_once('?')?.1;
    parameters.contains("next").then(|| format!("tags/list?{query}"))
}
