//! Output of containers as pieces with their stream: of an attachment, of an exec, of a log.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, ReadHalf, WriteHalf};

use crate::client::{self, Client};
use crate::error::CliError;

/// Bytes of the head before each piece (Docker Engine API, "Stream format").
const HEAD: usize = 8;

/// The side that takes input.
pub(super) type Input = WriteHalf<TokioIo<Upgraded>>;

/// Where the bytes come from.
enum From {
    Connection(ReadHalf<TokioIo<Upgraded>>),
    Body(Incoming),
}

/// Output of a container.
pub(super) struct Stream {
    from: From,
    pieces: Pieces,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Stream {
    /// Opens a connection that is taken over: an attachment, or an exec.
    pub(super) async fn open(
        client: &Client,
        path: &str,
        body: Option<&Value>,
        raw: bool,
    ) -> Result<(Self, Input), CliError> {
        let (connection, upgrade) = (("Connection", "Upgrade"), ("Upgrade", "tcp"));
        let response = match body {
            Some(value) => {
                let headers = [connection, upgrade, ("Content-Type", "application/json")];
                client.send(Method::POST, path, &headers, client::json(value)).await?
            }
            None => {
                let headers = [connection, upgrade, ("Content-Length", "0")];
                client.send(Method::POST, path, &headers, client::empty()).await?
            }
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(CliError::new("the daemon does not attach").why(format!("it answered {}", response.status())));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|e| CliError::new("the attachment broke").why(e))?;
        let (from, to) = tokio::io::split(TokioIo::new(upgraded));
        let buffer = vec![0; 32 * 1024];
        Ok((Self { from: From::Connection(from), pieces: Pieces::new(raw), buffer }, to))
    }

    /// A log.
    pub(super) async fn log(client: &Client, path: &str, raw: bool) -> Result<Self, CliError> {
        let body = client.send(Method::GET, path, &[], client::empty()).await?.into_body();
        Ok(Self { from: From::Body(body), pieces: Pieces::new(raw), buffer: Vec::new() })
    }

    /// Hands each piece on; ends when the container does, or when `each` fails, which means that nobody reads any more.
    pub(super) async fn copy(mut self, mut each: impl FnMut(u8, &[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        loop {
            match &mut self.from {
                From::Connection(from) => {
                    let n = from.read(&mut self.buffer).await?;
                    if n == 0 {
                        return Ok(());
                    }
                    self.pieces.take(self.buffer.get(..n).unwrap_or_default(), &mut each)?;
                }
                From::Body(body) => match body.frame().await {
                    None => return Ok(()),
                    Some(frame) => {
                        let frame = frame.map_err(std::io::Error::other)?;
                        if let Ok(data) = frame.into_data() {
                            self.pieces.take(&data, &mut each)?;
                        }
                    }
                },
            }
        }
    }
}

/// Takes a stream apart, whatever the borders of what is read.
struct Pieces {
    raw: bool,
    head: Vec<u8>,
    stream: u8,
    left: usize,
}

impl Pieces {
    const fn new(raw: bool) -> Self {
        Self { raw, head: Vec::new(), stream: 1, left: 0 }
    }

    fn take(
        &mut self,
        mut data: &[u8],
        each: &mut impl FnMut(u8, &[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        if self.raw {
            return each(1, data);
        }
        while !data.is_empty() {
            if self.left == 0 {
                let (head, rest) = data.split_at(data.len().min(HEAD.saturating_sub(self.head.len())));
                self.head.extend_from_slice(head);
                data = rest;
                if let [stream, _, _, _, a, b, c, d] = *self.head.as_slice() {
                    self.stream = stream;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.head.clear();
                }
                continue;
            }
            let (piece, rest) = data.split_at(data.len().min(self.left));
            self.left -= piece.len();
            data = rest;
            each(self.stream, piece)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_whatever_was_read_at_once() {
        let bytes =
            [&[1, 0, 0, 0, 0, 0, 0, 3][..], b"abc", &[2, 0, 0, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 2], b"de"]
                .concat();
        for size in 1..bytes.len() {
            let mut pieces = Pieces::new(false);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for part in bytes.chunks(size) {
                let each = &mut |stream, data: &[u8]| {
                    if stream == 2 {
                        err.extend_from_slice(data)
                    } else {
                        out.extend_from_slice(data)
                    }
                    Ok(())
                };
                pieces.take(part, each).unwrap();
            }
            assert_eq!((out.as_slice(), err.as_slice()), (&b"abc"[..], &b"de"[..]), "{size}");
        }
    }
}
