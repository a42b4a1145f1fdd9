//! Request bodies: JSON with a limit, uploads to a file with a limit.

use std::path::Path;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::{ApiError, Door};

/// Most bytes of a JSON body.
pub(super) const MAX_JSON_BYTES: usize = 8 * 1024 * 1024;

/// Most bytes of an upload: a build context or an archive of images.
const MAX_UPLOAD_BYTES: u64 = 32 * 1024 * 1024 * 1024;

/// Reads a JSON body. `None` without one.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<Option<(T, Bytes)>, ApiError> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    check_content_type(headers)?;
    let value = serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid(format!("invalid JSON: {error}")))?;
    Ok(Some((value, bytes)))
}

async fn bytes(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_JSON_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the request body is larger than the limit of {MAX_JSON_BYTES} bytes");
            Err(ApiError::too_large(message))
        }
        Err(error) => Err(ApiError::invalid(format!("the request body could not be read: {error}"))),
    }
}

/// A body of another type is refused: simple requests of web pages can't be JSON. None at all is allowed.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or("?");
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::invalid(format!("unsupported Content-Type header ({text}): must be 'application/json'")))
}

/// Streams a body to a file, which goes with the value returned.
pub(super) async fn upload(door: &Door, body: Body) -> Result<TempPath, ApiError> {
    const ACTION: &str = "keep the upload";

    fs_err::create_dir_all(&door.uploads).map_err(|error| ApiError::host(ACTION, &error))?;
    let (file, path) = tempfile::Builder::new()
        .prefix("upload-")
        .tempfile_in(&door.uploads)
        .map_err(|error| ApiError::host(ACTION, &error))?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut stream = body.into_data_stream();
    let mut size = 0_u64;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ApiError::invalid(format!("the upload broke off: {error}")))?;
        size += chunk.len() as u64;
        if size > MAX_UPLOAD_BYTES {
            let message = format!("the upload is larger than the limit of {MAX_UPLOAD_BYTES} bytes");
            return Err(ApiError::too_large(message));
        }
        file.write_all(&chunk).await.map_err(|error| ApiError::host(ACTION, &error))?;
    }
    file.flush().await.map_err(|error| ApiError::host(ACTION, &error))?;
    Ok(path)
}

/// Removes what a killed daemon left. Called once, before anything is served.
pub(super) fn sweep_uploads(folder: &Path) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if let Err(error) = fs_err::remove_file(entry.path()) {
            tracing::warn!(%error, "an old upload could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Example {
        #[serde(rename = "Tty")]
        tty: bool,
    }

    async fn read(content_type: &str, text: impl Into<Body>) -> Result<bool, ApiError> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
        Ok(json::<Example>(&headers, text.into()).await?.is_some_and(|(example, _)| example.tty))
    }

    #[tokio::test]
    async fn json_is_read_and_malformed_json_is_a_400() {
        assert_eq!(read("application/json", r#"{"Tty":true}"#).await, Ok(true));
        assert_eq!(read("application/json; charset=utf-8", r#"{"Tty":true}"#).await, Ok(true));
        assert_eq!(read("application/json", "").await, Ok(false));
        for text in ["{", "[]", "nul", r#"{"Tty":1}"#, "{\"Tty\":true} x", "\u{0}"] {
            let error = read("application/json", text).await.unwrap_err();
            assert_eq!(error.status, 400, "{text}");
            assert!(error.body.message.starts_with("invalid JSON: "), "{}", error.body.message);
        }
    }

    #[tokio::test]
    async fn another_content_type_is_refused_in_dockers_words() {
        let error = read("text/plain", r#"{"Tty":true}"#).await.unwrap_err();
        assert_eq!(error.body.message, "unsupported Content-Type header (text/plain): must be 'application/json'");
    }

    #[tokio::test]
    async fn a_huge_body_is_refused() {
        let error = read("application/json", vec![b' '; MAX_JSON_BYTES + 1]).await.unwrap_err();
        assert_eq!(error.status, 413);
    }

    #[tokio::test]
    async fn deep_nesting_is_refused_without_a_crash() {
        let text = format!("{{\"x\":{}", "[".repeat(1_000_000));
        assert_eq!(read("application/json", text).await.unwrap_err().status, 400);
    }
}
