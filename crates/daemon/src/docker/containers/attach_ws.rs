//! `GET /containers/NAME/attach/ws`: the container's streams over a WebSocket, as browsers have them.
//!
//! What the client sends is standard input, output goes out in binary messages without framing, as docker does it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode, header};
use sprat_docker_api::{DetachKeys, Detached, SOCKET_KEY_SUFFIX, SocketFrame, binary, close, next_frame, pong};
use sprat_engine::{AttachOptions, Attachment, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::attach;
use crate::connection::{Hijack, Hijacked};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// Which streams a client wants.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    stdout: bool,
    stderr: bool,
}

pub(super) async fn attach(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    let key = handshake(&request)?;
    let container = door.engine.inspect(&name)?;
    attach::refuse_by_state(&name, container.state.status)?;
    let hijack = request.extensions().get::<Hijack>().cloned();
    let hijack = hijack.ok_or_else(|| ApiError::invalid("this connection can't be attached to"))?;
    let tty = container.spec.tty;
    let keys = attach::keys(params.text("detachKeys"), tty)?;
    let stdin = params.flag("stdin") && container.spec.open_stdin;
    // A terminal has one stream only.
    let wanted = Wanted { stdout: params.flag("stdout") || tty, stderr: params.flag("stderr") };
    let attachment = door.engine.attach(&name, AttachOptions { stdin }).await?;
    hijack.take_over(move |taken| carry(taken, attachment, wanted, keys));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    Ok(response)
}

/// The answer to a client's key (RFC 6455, section 4.2.2).
fn handshake(request: &Request) -> Result<HeaderValue, ApiError> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let upgrade = text(header::UPGRADE).eq_ignore_ascii_case("websocket");
    let key = text(header::SEC_WEBSOCKET_KEY);
    if !upgrade || key.is_empty() || text(header::SEC_WEBSOCKET_VERSION) != "13" {
        return Err(ApiError::invalid("this is a WebSocket: connect with Upgrade: websocket, version 13"));
    }
    let hash = sha1_smol::Sha1::from(format!("{key}{SOCKET_KEY_SUFFIX}")).digest().bytes();
    HeaderValue::from_str(&STANDARD.encode(hash)).map_err(|error| ApiError::invalid(error.to_string()))
}

/// Carries both directions until the container ends, or the client leaves or is gone. Dropping the attachment detaches.
async fn carry(taken: Hijacked, attachment: Attachment, wanted: Wanted, keys: Option<DetachKeys>) {
    let gone = taken.peer_gone();
    let (reader, writer) = tokio::io::split(taken.io);
    tokio::select! {
        () = relay(attachment, reader, BytesMut::from(&*taken.sent), writer, wanted, keys) => {}
        () = gone => {}
    }
}

/// The directions don't wait for each other: a guest may write before it reads, and a client read nothing.
async fn relay<R, W>(
    attachment: Attachment,
    mut reader: R,
    sent: BytesMut,
    mut writer: W,
    wanted: Wanted,
    keys: Option<DetachKeys>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Attachment { mut output, input } = attachment;
    let (pongs, mut answers) = mpsc::channel(1);
    let ended = {
        let mut incoming = std::pin::pin!(take(&mut reader, sent, input, keys, pongs));
        loop {
            tokio::select! {
                // Output first: what the guest wrote before its end is sent whatever the client does.
                biased;
                part = output.recv() => {
                    let Some((stream, data)) = part else { break InputEnd::Left };
                    let shown = match stream {
                        Stream::Stdout => wanted.stdout,
                        Stream::Stderr => wanted.stderr,
                    };
                    if shown && writer.write_all(&binary(&data)).await.is_err() {
                        return;
                    }
                }
                Some(pong) = answers.recv() => if writer.write_all(&pong).await.is_err() {
                    return;
                },
                end = &mut incoming => break end,
            }
        }
    };
    if ended == InputEnd::Gone {
        return;
    }
    // The client may be gone already.
    let _ = writer.write_all(&close()).await;
    let _ = writer.shutdown().await;
    attach::read_off(&mut reader).await;
}

/// How the client's side ended.
#[derive(Debug, PartialEq, Eq)]
enum InputEnd {
    /// It leaves, or what it sends is no WebSocket: it is told goodbye.
    Left,
    /// It is gone.
    Gone,
}

/// Takes what the client sends, until it leaves or is gone.
async fn take<R: AsyncRead + Unpin>(
    reader: &mut R,
    mut read: BytesMut,
    mut input: Option<mpsc::Sender<Bytes>>,
    mut keys: Option<DetachKeys>,
    pongs: mpsc::Sender<Bytes>,
) -> InputEnd {
    loop {
        let frame = match next_frame(&mut read) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                read.reserve(CHUNK);
                match reader.read_buf(&mut read).await {
                    Ok(1..) => continue,
                    Ok(0) | Err(_) => return InputEnd::Gone,
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a WebSocket broke");
                return InputEnd::Left;
            }
        };
        let (data, left) = match frame {
            SocketFrame::Data(data) => typed(data, keys.as_mut()),
            SocketFrame::Close => (Bytes::new(), true),
            SocketFrame::Pong => continue,
            SocketFrame::Ping(data) => {
                // The receiver lives as long as this.
                let _ = pongs.send(pong(&data)).await;
                continue;
            }
        };
        if let Some(sender) = &input
            && !data.is_empty()
            && sender.send(data).await.is_err()
        {
            // The guest closed its input; the client is still read, to notice its end.
            input = None;
        }
        if left {
            return InputEnd::Left;
        }
    }
}

/// What a client typed, and whether it leaves by its detach keys.
fn typed(data: Bytes, keys: Option<&mut DetachKeys>) -> (Bytes, bool) {
    match keys.map(|keys| keys.feed(&data)) {
        None => (data, false),
        Some(Detached::No(data)) => (data, false),
        Some(Detached::Yes(data)) => (data, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Wanted = Wanted { stdout: true, stderr: true };

    /// A masked frame, as clients send them; the mask is zero.
    fn masked(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[0x80 | kind, 0x80 | u8::try_from(data.len()).unwrap(), 0, 0, 0, 0], data].concat()
    }

    #[tokio::test]
    async fn input_that_the_guest_does_not_read_holds_up_neither_output_nor_pings() {
        let (output, from_guest) = mpsc::channel(1);
        let (to_guest, mut input) = mpsc::channel(1);
        let (mut client, server) = tokio::io::duplex(4096);
        let (reader, writer) = tokio::io::split(server);
        let attachment = Attachment { output: from_guest, input: Some(to_guest) };
        let relayed = tokio::spawn(relay(attachment, reader, BytesMut::new(), writer, BOTH, None));
        client.write_all(&masked(9, b"there?")).await.unwrap();
        let mut answer = [0; 8];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"\x8a\x06there?");
        // One waits for the guest, the next for its place.
        for _ in 0..3 {
            client.write_all(&masked(2, b"typed")).await.unwrap();
        }
        output.send((Stream::Stdout, Bytes::from_static(b"shown"))).await.unwrap();
        let mut answer = [0; 7];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"\x82\x05shown");
        assert_eq!(input.recv().await.unwrap(), "typed");
        drop(output);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, close());
        drop(client);
        relayed.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_goes_is_not_told_goodbye_and_its_input_ends() {
        let (_output, from_guest) = mpsc::channel(1);
        let (to_guest, mut input) = mpsc::channel(1);
        let (client, server) = tokio::io::duplex(4096);
        let (reader, writer) = tokio::io::split(server);
        let attachment = Attachment { output: from_guest, input: Some(to_guest) };
        drop(client);
        relay(attachment, reader, BytesMut::new(), writer, BOTH, None).await;
        assert_eq!(input.recv().await, None);
    }
}
