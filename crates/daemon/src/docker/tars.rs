//! Answers that are tars, streamed while they are written.

use std::fs::File;
use std::os::fd::OwnedFd;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use sprat_engine::EngineError;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio_util::task::AbortOnDropHandle;

use super::ApiError;

/// Bytes read at once from an archive that is being written.
const CHUNK_BYTES: usize = 256 * 1024;

/// Streams an archive of a media type through a pipe: no copy on disk, and a slow client slows the writer. An error after the first
/// bytes breaks the answer off, which clients notice.
pub(super) async fn stream<F>(kind: &'static str, write: impl FnOnce(File) -> F) -> Result<Response, ApiError>
where
    F: Future<Output = Result<(), EngineError>> + Send + 'static,
{
    let failed = |error| ApiError::host("open a pipe", &error);
    let (read, to) = std::io::pipe().map_err(failed)?;
    rustix::io::ioctl_fionbio(&read, true).map_err(|error| failed(error.into()))?;
    let mut pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(read)).map_err(failed)?;
    let task = AbortOnDropHandle::new(tokio::spawn(write(File::from(OwnedFd::from(to)))));
    let first = read_chunk(&mut pipe).await.map_err(failed)?;
    if first.is_empty() {
        return match task.await {
            Ok(Ok(())) => Ok(tar(kind, Body::empty())),
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
    Ok(tar(kind, Body::from_stream(futures_util::StreamExt::chain(head, rest))))
}

async fn read_chunk(pipe: &mut pipe::Receiver) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
    pipe.read_buf(&mut chunk).await?;
    Ok(chunk.freeze())
}

fn tar(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
