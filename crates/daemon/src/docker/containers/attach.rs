//! `POST /containers/NAME/attach`: the connection becomes the container's standard streams.
//!
//! With Upgrade the answer is 101, without it 200; the bytes that follow are the same. The client's half-close is the end
//! of standard input; output goes on until the container ends, the client is gone or types its detach keys.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderValue, StatusCode, header};
use sprat_docker_api::{ApiVersion, DetachKeys, Detached};
use sprat_engine::{AttachOptions, Attachment, LogQuery, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::logs;
use super::streams::Wanted;
use crate::connection::{Hijack, Hijacked};
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door};

/// Bytes of standard input read at once.
const STDIN_CHUNK: usize = 16 * 1024;

/// Time a client has to close its side after the guest's end.
const INPUT_DRAIN: Duration = Duration::from_secs(2);

pub(super) async fn attach(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Version(version): Version,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    let container = door.engine.inspect(&name)?;
    refuse_by_state(&name, container.state.status)?;
    let wanted = Wanted { stdout: params.flag("stdout"), stderr: params.flag("stderr"), raw: container.spec.tty };
    let stream = params.flag("stream");
    let stdin = stream && params.flag("stdin") && container.spec.open_stdin;
    let keys = keys(params.text("detachKeys"), container.spec.tty)?;
    let hijack = request.extensions().get::<Hijack>().cloned();
    let hijack = hijack.ok_or_else(|| ApiError::invalid("this connection can't be attached to"))?;

    // Attached before the log is read, so that no output falls between; a line of that moment may come twice.
    let attachment = if stream { Some(door.engine.attach(&name, AttachOptions { stdin }).await?) } else { None };
    let query = LogQuery { stdout: wanted.stdout, stderr: wanted.stderr, ..LogQuery::default() };
    let log = if params.flag("logs") { Some(door.engine.logs(&name, query)?) } else { None };
    let log = log.map(|entries| logs::render(entries, wanted, logs::Shown::default()).boxed());

    hijack.take_over(move |taken| async move {
        let mut taken = taken;
        if let Some(log) = log
            && copy_log(log, &mut taken.io).await.is_err()
        {
            return;
        }
        match attachment {
            Some(attachment) => carry(taken, attachment, wanted, keys).await,
            // The client may be gone already.
            None => drop(taken.io.shutdown().await),
        }
    });
    Ok(head(request.headers().contains_key(header::UPGRADE), wanted, version))
}

/// Carries both directions of a connection until the guest ends, or the client leaves.
pub(super) async fn carry(taken: Hijacked, attachment: Attachment, wanted: Wanted, keys: Option<DetachKeys>) {
    let gone = taken.peer_gone();
    let (mut reader, mut writer) = tokio::io::split(taken.io);
    tokio::select! {
        () = relay(attachment, &mut reader, taken.sent, &mut writer, wanted, keys) => {}
        () = gone => return,
    }
    // The client may be gone already.
    let _ = writer.shutdown().await;
    read_off(&mut reader).await;
}

/// Reads the input that the guest did not want: closing over it would reset the connection, and the client would lose
/// output that it has not read yet.
pub(super) async fn read_off<R: AsyncRead + Unpin>(reader: &mut R) {
    let _ = tokio::time::timeout(INPUT_DRAIN, tokio::io::copy(reader, &mut tokio::io::sink())).await;
}

/// Refuses to attach to what is held or between two runs.
pub(super) fn refuse_by_state(name: &str, status: Status) -> Result<(), ApiError> {
    let conflict = |text| Err(ApiError::new(StatusCode::CONFLICT, "container_state", text));
    match status {
        Status::Paused => conflict(format!("container {name} is paused, unpause the container before attach")),
        Status::Restarting => conflict(format!("container {name} is restarting, wait until the container is running")),
        Status::Created | Status::Running | Status::Removing | Status::Exited | Status::Dead => Ok(()),
    }
}

/// Docker's default keys only count on a terminal: binary input may contain them.
pub(super) fn keys(text: Option<&str>, tty: bool) -> Result<Option<DetachKeys>, ApiError> {
    match text {
        Some(text) => Ok(Some(DetachKeys::parse(text).map_err(|error| ApiError::invalid(error.to_string()))?)),
        None => Ok(tty.then(DetachKeys::default_keys)),
    }
}

/// 101 with Upgrade; else 200 in HTTP/1.0, whose body ends with the connection.
pub(super) fn head(upgrade: bool, wanted: Wanted, version: ApiVersion) -> Response {
    let body = Body::from_stream(futures_util::stream::empty::<Result<Bytes, std::io::Error>>());
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, wanted.content_type(version));
    if upgrade {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"UPGRADED"));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("tcp"));
    } else {
        *response.version_mut() = http::Version::HTTP_10;
    }
    response
}

async fn copy_log<S, W>(mut log: S, writer: &mut W) -> Result<(), ()>
where
    S: Stream<Item = Result<Bytes, sprat_engine::EngineError>> + Unpin,
    W: AsyncWrite + Unpin,
{
    while let Some(part) = log.next().await {
        let part = part.map_err(|error| tracing::warn!(%error, "a log could not be read"))?;
        writer.write_all(&part).await.map_err(|_| ())?;
    }
    Ok(())
}

/// How the input side ended.
#[derive(Debug, PartialEq, Eq)]
enum InputEnd {
    /// The client closed its half; output goes on.
    Closed,
    /// The client is gone, or typed its detach keys.
    Left,
}

/// Carries both directions until the container ends or the client leaves. Dropping the attachment detaches.
async fn relay<R, W>(
    attachment: Attachment,
    reader: R,
    sent: Bytes,
    writer: &mut W,
    wanted: Wanted,
    keys: Option<DetachKeys>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Attachment { mut output, input } = attachment;
    let mut incoming = std::pin::pin!(carry_input(reader, sent, input, keys));
    let mut input_open = true;
    loop {
        tokio::select! {
            // Output first: what the guest wrote before its end is sent whatever the client does.
            biased;
            part = output.recv() => {
                let Some((stream, data)) = part else { return };
                let data = wanted.wrap(stream, data);
                if writer.write_all(&data).await.is_err() {
                    return;
                }
            }
            end = &mut incoming, if input_open => match end {
                InputEnd::Closed => input_open = false,
                InputEnd::Left => return,
            },
        }
    }
}

/// Gives what the client sends to the guest. Without an input it is read and dropped, to notice the client's end.
async fn carry_input<R: AsyncRead + Unpin>(
    mut reader: R,
    sent: Bytes,
    mut input: Option<mpsc::Sender<Bytes>>,
    mut keys: Option<DetachKeys>,
) -> InputEnd {
    let mut typed = sent;
    loop {
        let (data, left) = match keys.as_mut().map(|keys| keys.feed(&typed)) {
            None => (std::mem::take(&mut typed), false),
            Some(Detached::No(data)) => (data, false),
            Some(Detached::Yes(data)) => (data, true),
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
        let mut buffer = BytesMut::with_capacity(STDIN_CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return InputEnd::Closed,
            Ok(_) => typed = buffer.freeze(),
            Err(_) => return InputEnd::Left,
        }
    }
}

#[cfg(test)]
mod tests {
    use sprat_engine::Stream as Output;

    use super::*;

    const FRAMED: Wanted = Wanted { stdout: true, stderr: true, raw: false };
    const RAW: Wanted = Wanted { raw: true, ..FRAMED };

    struct Guest {
        output: mpsc::Sender<(Output, Bytes)>,
        input: mpsc::Receiver<Bytes>,
        client: tokio::io::DuplexStream,
    }

    fn start(wanted: Wanted, keys: Option<DetachKeys>, sent: &'static [u8]) -> Guest {
        let (output, from_guest) = mpsc::channel(4);
        let (to_guest, input) = mpsc::channel(4);
        let (client, server) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let (reader, mut writer) = tokio::io::split(server);
            let attachment = Attachment { output: from_guest, input: Some(to_guest) };
            relay(attachment, reader, Bytes::from_static(sent), &mut writer, wanted, keys).await;
            let _ = writer.shutdown().await;
        });
        Guest { output, input, client }
    }

    #[tokio::test]
    async fn a_half_close_ends_stdin_and_output_goes_on() {
        let mut guest = start(FRAMED, None, b"early ");
        guest.client.write_all(b"late").await.unwrap();
        guest.client.shutdown().await.unwrap();
        let mut input = Vec::new();
        while let Some(part) = guest.input.recv().await {
            input.extend_from_slice(&part);
        }
        assert_eq!(input, b"early late");
        guest.output.send((Output::Stdout, "out".into())).await.unwrap();
        guest.output.send((Output::Stderr, "err".into())).await.unwrap();
        drop(guest.output);
        let mut answer = Vec::new();
        guest.client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x03err");
    }

    #[tokio::test]
    async fn detach_keys_end_the_connection_and_not_the_guest() {
        let mut guest = start(RAW, Some(DetachKeys::default_keys()), b"");
        guest.client.write_all(b"ls\x10\x11").await.unwrap();
        assert_eq!(guest.input.recv().await.unwrap(), "ls");
        let mut answer = Vec::new();
        guest.client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty());
        assert!(guest.output.is_closed());
    }

    #[tokio::test]
    async fn a_client_that_is_gone_is_detached() {
        let guest = start(RAW, None, b"");
        drop(guest.client);
        // The write that fails ends the relay. (Of a socket the close itself is noticed.)
        while guest.output.send((Output::Stdout, "x".into())).await.is_ok() {}
    }

    #[test]
    fn the_head_is_101_with_upgrade_and_200_without() {
        let upgraded = head(true, FRAMED, ApiVersion::MAX);
        assert_eq!(upgraded.status(), 101);
        assert_eq!(upgraded.headers()["upgrade"], "tcp");
        assert_eq!(upgraded.headers()["content-type"], "application/vnd.docker.multiplexed-stream");
        let plain = head(false, RAW, ApiVersion::MAX);
        assert_eq!(plain.status(), 200);
        assert_eq!(plain.headers()["content-type"], "application/vnd.docker.raw-stream");
    }

    #[test]
    fn default_keys_only_count_on_a_terminal() {
        assert_eq!(keys(None, true), Ok(Some(DetachKeys::default_keys())));
        assert_eq!(keys(None, false), Ok(None));
        assert_eq!(keys(Some("nonsense"), true).unwrap_err().status, 400);
    }
}
