//! `GET /containers/NAME/attach/ws`: the container's streams over a WebSocket, as browsers have them.
//!
//! What the client sends is standard input, output goes out in binary messages without framing, as docker does it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use sprat_docker_api::{DetachKeys, Detached};
use sprat_engine::{AttachOptions, Attachment, Stream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::attach;
use crate::connection::{Hijack, Hijacked};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

/// Most bytes of one message of a client.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

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
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|error| ApiError::invalid(error.to_string()))
}

/// Carries both directions until the container ends or the client leaves. Dropping the attachment detaches.
async fn relay(taken: Hijacked, attachment: Attachment, wanted: Wanted, mut keys: Option<DetachKeys>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let socket = WebSocketStream::from_partially_read(taken.io, taken.sent.to_vec(), Role::Server, Some(config)).await;
    let (mut to, mut from) = socket.split();
    let Attachment { mut output, mut input } = attachment;
    loop {
        tokio::select! {
            // Output first: what the guest wrote before its end is sent whatever the client does.
            biased;
            part = output.recv() => {
                let Some((stream, data)) = part else { break };
                let shown = match stream {
                    Stream::Stdout => wanted.stdout,
                    Stream::Stderr => wanted.stderr,
                };
                if shown && to.send(Message::Binary(data)).await.is_err() {
                    return;
                }
            }
            message = from.next() => match message {
                Some(Ok(message)) => {
                    let (data, left) = typed(message, keys.as_mut());
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
                }
                Some(Err(_)) | None => return,
            },
        }
    }
    // The client may be gone already.
    let _ = to.close().await;
}

/// What a message has for standard input, and whether its sender leaves.
fn typed(message: Message, keys: Option<&mut DetachKeys>) -> (Bytes, bool) {
    let data = match message {
        Message::Binary(data) => data,
        Message::Text(text) => text.into(),
        Message::Close(_) => return (Bytes::new(), true),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return (Bytes::new(), false),
    };
    match keys.map(|keys| keys.feed(&data)) {
        None => (data, false),
        Some(Detached::No(data)) => (data, false),
        Some(Detached::Yes(data)) => (data, true),
    }
}
