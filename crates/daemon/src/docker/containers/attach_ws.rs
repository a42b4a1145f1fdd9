//! `GET /containers/NAME/attach/ws`: the container's streams over a WebSocket, as browsers have them.
//!
//! What the client sends is standard input, output goes out in binary messages without framing, as docker does it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, StatusCode, header};
use sprat_docker_api::{DetachKeys, Detached};
use sprat_engine::{AttachOptions, Attachment, Stream};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::attach;
use crate::connection::{Hijack, Hijacked};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;
/// Most bytes of one frame of a client.
const MAX_FRAME: usize = 1 << 20;
/// Most bytes of a message, which is kept until its last frame is there.
const MAX_MESSAGE: usize = 16 << 20;

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
        .read_buffer_size(CHUNK)
        .max_frame_size(Some(MAX_FRAME))
        .max_message_size(Some(MAX_MESSAGE));
    let sent = taken.sent.to_vec();
    let mut socket = WebSocketStream::from_partially_read(taken.io, sent, Role::Server, Some(config)).await;
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
                if shown && socket.send(Message::Binary(data)).await.is_err() {
                    return;
                }
            }
            message = socket.next() => {
                let (data, left) = match message {
                    Some(Ok(Message::Text(text))) => typed(text.into(), keys.as_mut()),
                    Some(Ok(Message::Binary(data))) => typed(data, keys.as_mut()),
                    // Pings are answered by the socket itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => break,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a WebSocket broke");
                        break;
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
            }
        }
    }
    // After a client's closing frame this one is refused, and the flush sends the answer to it. The client may be gone.
    let _ = socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await;
    let _ = socket.flush().await;
    let _ = socket.get_mut().shutdown().await;
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
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio::sync::mpsc;

    use super::*;

    /// The specification's own example (section 5.7): a masked "Hello".
    const HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    /// An empty ping, and an empty closing frame.
    const PING_AND_CLOSE: [u8; 12] = [0x89, 0x80, 1, 2, 3, 4, 0x88, 0x80, 1, 2, 3, 4];
    /// Our closing frame: the end was reached as usual (section 7.4.1).
    const CLOSE: [u8; 4] = [0x88, 2, 3, 0xe8];

    struct Guest {
        output: mpsc::Sender<(Stream, Bytes)>,
        input: mpsc::Receiver<Bytes>,
        client: DuplexStream,
    }

    impl Guest {
        /// What the guest got until the client was detached.
        async fn got(&mut self) -> Vec<u8> {
            let mut got = Vec::new();
            while let Some(part) = self.input.recv().await {
                got.extend_from_slice(&part);
            }
            got
        }

        /// All bytes that the client still gets after the guest's end.
        async fn answer(self) -> Vec<u8> {
            let Self { output, mut client, .. } = self;
            drop(output);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        }
    }

    fn start(keys: Option<DetachKeys>, sent: &[u8]) -> Guest {
        let (output, from_guest) = mpsc::channel(4);
        let (to_guest, input) = mpsc::channel(64);
        let (client, server) = tokio::io::duplex(MAX_MESSAGE * 2);
        let taken = Hijacked { io: Box::new(server), sent: Bytes::copy_from_slice(sent) };
        let attachment = Attachment { output: from_guest, input: Some(to_guest) };
        tokio::spawn(relay(taken, attachment, Wanted { stdout: true, stderr: false }, keys));
        Guest { output, input, client }
    }

    /// A frame whose mask is zero.
    fn masked(first: u8, data: &[u8]) -> Vec<u8> {
        let length = u64::try_from(data.len()).unwrap().to_be_bytes();
        [&[first, 0xff], &length[..], &[0; 4], data].concat()
    }

    #[tokio::test]
    async fn the_specifications_examples_are_read_however_their_bytes_arrive() {
        let mut guest = start(None, &HELLO[..3]);
        for byte in HELLO[3..].iter().chain(&PING_AND_CLOSE) {
            guest.client.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(guest.got().await, b"Hello");
        assert_eq!(guest.answer().await, [0x8a, 0, 0x88, 0], "a pong, and an answer to the closing frame");
    }

    #[tokio::test]
    async fn what_no_client_may_send_ends_the_connection() {
        for bytes in [
            &[0x81, 0x01, b'x'][..],
            &masked(0xc1, b"x"),
            &masked(0x83, b"x"),
            &masked(0x8b, b"x"),
            &masked(0x09, b""),
            &masked(0x89, &[b'x'; 126]),
            &masked(0x80, b"x"),
            &masked(0x81, b"\xff"),
        ] {
            let mut guest = start(None, bytes);
            assert_eq!(guest.got().await, b"", "{bytes:x?}");
            assert_eq!(guest.answer().await, CLOSE, "{bytes:x?}");
        }
    }

    #[tokio::test]
    async fn a_frame_and_a_message_have_their_most_bytes() {
        let largest = vec![b'x'; MAX_FRAME];
        let mut guest = start(None, &[&masked(0x82, &largest)[..], &PING_AND_CLOSE].concat());
        assert_eq!(guest.got().await, largest);

        let mut guest = start(None, &masked(0x82, &vec![b'x'; MAX_FRAME + 1]));
        assert_eq!(guest.got().await, b"");
        assert_eq!(guest.answer().await, CLOSE);
        let mut guest = start(None, &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(guest.got().await, b"");

        let mut message = masked(0x02, &largest);
        for _ in 1..MAX_MESSAGE / MAX_FRAME {
            message.extend(masked(0x00, &largest));
        }
        let mut guest = start(None, &[&message[..], &masked(0x80, b""), &PING_AND_CLOSE].concat());
        assert_eq!(guest.got().await.len(), MAX_MESSAGE);
        let mut guest = start(None, &[&message[..], &masked(0x80, b"x")].concat());
        assert_eq!(guest.got().await, b"");
        assert_eq!(guest.answer().await, CLOSE);
    }

    #[tokio::test]
    async fn output_goes_out_in_binary_frames_and_ends_with_a_closing_one() {
        for (data, head) in [
            (b"Hello".to_vec(), vec![0x82, 5]),
            (vec![b'x'; 126], vec![0x82, 126, 0, 126]),
            (vec![b'x'; 65536], vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let guest = start(None, b"");
            guest.output.send((Stream::Stderr, "not wanted".into())).await.unwrap();
            guest.output.send((Stream::Stdout, data.clone().into())).await.unwrap();
            assert_eq!(guest.answer().await, [head, data, CLOSE.to_vec()].concat());
        }
    }

    #[tokio::test]
    async fn a_guest_waits_for_a_client_that_does_not_read() {
        let (output, from_guest) = mpsc::channel(1);
        let (mut client, server) = tokio::io::duplex(16);
        let taken = Hijacked { io: Box::new(server), sent: Bytes::new() };
        let attachment = Attachment { output: from_guest, input: None };
        let relay = tokio::spawn(relay(taken, attachment, Wanted { stdout: true, stderr: true }, None));
        let part = || (Stream::Stdout, Bytes::from_static(&[b'x'; 64]));
        // One is on its way, one waits.
        output.send(part()).await.unwrap();
        output.send(part()).await.unwrap();
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        assert!(output.try_send(part()).is_err());
        drop(output);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer.len(), 2 * 66 + CLOSE.len());
        relay.await.unwrap();
    }

    #[tokio::test]
    async fn detach_keys_and_a_client_that_is_gone_end_the_connection_and_not_the_guest() {
        let mut guest = start(Some(DetachKeys::default_keys()), &masked(0x82, b"ls\x10\x11"));
        assert_eq!(guest.got().await, b"ls");
        guest.output.closed().await;
        assert_eq!(guest.answer().await, CLOSE);

        let Guest { output, client, .. } = start(None, b"");
        drop(client);
        output.closed().await;
    }
}
