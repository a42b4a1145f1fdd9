//! How images go out: save and push.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use sprat_docker_api::JsonMessage;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio_util::task::AbortOnDropHandle;

use super::list::named;
use super::move_in::registry_auth;
use crate::docker::lines::{self, Lines};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

/// Bytes read at once from an archive that is being written.
const CHUNK_BYTES: usize = 256 * 1024;

/// `GET /images/get?names=A&names=B`.
pub(super) async fn save(State(door): State<Arc<Door>>, params: Params) -> Result<Response, ApiError> {
    let names: Vec<_> = params.all("names").flat_map(|names| names.split(',')).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(ApiError::invalid("names must be given"));
    }
    archive(&door, names).await
}

/// Streams an archive through a pipe: no copy on disk, and a slow client slows the writer. An error after the first
/// bytes breaks the answer off, which clients notice.
pub(super) async fn archive(door: &Door, names: Vec<String>) -> Result<Response, ApiError> {
    let failed = |error| ApiError::host("open a pipe", &error);
    let (read, write) = std::io::pipe().map_err(failed)?;
    rustix::io::ioctl_fionbio(&read, true).map_err(|error| failed(error.into()))?;
    let mut pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(read)).map_err(failed)?;
    let engine = Arc::clone(&door.engine);
    let task =
        AbortOnDropHandle::new(tokio::spawn(async move { engine.save(names, File::from(OwnedFd::from(write))).await }));
    let first = read_chunk(&mut pipe).await.map_err(failed)?;
    if first.is_empty() {
        return match task.await {
            Ok(Ok(())) => Ok(tar(Body::empty())),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(ApiError::host("write the archive", &std::io::Error::other(error))),
        };
    }
    let rest = futures_util::stream::unfold(Some((pipe, task)), |state| async move {
        let (mut pipe, task) = state?;
        match read_chunk(&mut pipe).await {
            Ok(chunk) if chunk.is_empty() => match task.await {
                Ok(Ok(())) => None,
                // The answer has begun: its client only sees it end early.
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an archive could not be written to its end"
                    );
                    Some((Err(std::io::Error::other(error)), None))
                }
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            },
            Ok(chunk) => Some((Ok(chunk), Some((pipe, task)))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let head = futures_util::stream::iter([Ok::<_, std::io::Error>(first)]);
    Ok(tar(Body::from_stream(futures_util::StreamExt::chain(head, rest))))
}

async fn read_chunk(pipe: &mut pipe::Receiver) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
    pipe.read_buf(&mut chunk).await?;
    Ok(chunk.freeze())
}

fn tar(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    response
}

/// `POST /images/NAME/push?tag=`.
pub(super) async fn push(
    door: Arc<Door>,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let name = named(name, params.text("tag"))?.or_latest();
    let credentials = registry_auth(headers)?;
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        let tag = name.tag().unwrap_or_default().to_owned();
        // Refused before the first line, so that the answer has a status.
        door.engine.image(&name.to_string())?;
        let progress = writer.progress();
        let (digest, size) = door.engine.push(&name, &credentials, &progress).await?;
        writer.push(&JsonMessage::aux(json!({ "Tag": tag, "Digest": digest.to_string(), "Size": size })));
        Ok(())
    })
    .await
}
