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
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
    hijack.take_over(move |taken| relay(taken, attachment, wanted, keys));
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

/// Carries both directions until the container ends or the client leaves. Dropping the attachment detaches.
async fn relay(taken: Hijacked, attachment: Attachment, wanted: Wanted, mut keys: Option<DetachKeys>) {
    let (mut reader, mut writer) = tokio::io::split(taken.io);
    let Attachment { mut output, mut input } = attachment;
    let mut read = BytesMut::from(&*taken.sent);
    loop {
        // All frames that are there already.
        let next = match next_frame(&mut read) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket broke");
                break;
            }
        };
        if let Some(frame) = next {
            let (data, left) = match frame {
                SocketFrame::Data(data) => typed(data, keys.as_mut()),
                SocketFrame::Close => (Bytes::new(), true),
                SocketFrame::Pong => (Bytes::new(), false),
                SocketFrame::Ping(data) => {
                    if writer.write_all(&pong(&data)).await.is_err() {
                        return;
                    }
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
                break;
            }
            continue;
        }
        read.reserve(CHUNK);
        tokio::select! {
            // Output first: what the guest wrote before its end is sent whatever the client does.
            biased;
            part = output.recv() => {
                let Some((stream, data)) = part else { break };
                let shown = match stream {
                    Stream::Stdout => wanted.stdout,
                    Stream::Stderr => wanted.stderr,
                };
                if shown && writer.write_all(&binary(&data)).await.is_err() {
                    return;
                }
            }
            count = reader.read_buf(&mut read) => if !matches!(count, Ok(1..)) {
                return;
            },
        }
    }
    // The client may be gone already.
    let _ = writer.write_all(&close()).await;
    let _ = writer.shutdown().await;
}

/// What a client typed, and whether it leaves by its detach keys.
fn typed(data: Bytes, keys: Option<&mut DetachKeys>) -> (Bytes, bool) {
    match keys.map(|keys| keys.feed(&data)) {
        None => (data, false),
        Some(Detached::No(data)) => (data, false),
        Some(Detached::Yes(data)) => (data, true),
    }
}
