//! Serving HTTP/1.1 on one accepted connection, and handing the bare connection to a handler that hijacks it.
//!
//! A handler hijacks by leaving a closure in the request's [`Hijack`] slot; when its answer's head is sent, the closure
//! gets the connection with all bytes that the client already sent. Both of docker's ways work so: 101 with Upgrade, and
//! 200 without.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

use crate::head_read::head_read;

/// Time in which a request's head must be complete; idle connections end after it too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// Answers requests.
pub(crate) type Handler = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response> + Send + Sync>;

/// A bare connection.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {
    /// Its socket, to see whether the peer is there.
    fn socket(&self) -> Option<BorrowedFd<'_>>;
}

impl Io for UnixStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl Io for TcpStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

#[cfg(test)]
impl Io for tokio::io::DuplexStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// An answer that goes on until the daemon or the client ends it carries this extension: it is cut when the daemon ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endless;

/// A connection that was hijacked.
pub(crate) struct Hijacked {
    /// The connection.
    pub(crate) io: Box<dyn Io>,
    /// What the client sent already behind its request.
    pub(crate) sent: Bytes,
}

type Continuation = Box<dyn FnOnce(Hijacked) -> BoxFuture<'static, ()> + Send>;

/// The slot of a connection into which a handler puts what goes on with the bare connection.
#[derive(Clone, Default)]
pub(crate) struct Hijack(Arc<Mutex<Option<Continuation>>>);

impl Hijack {
    /// Takes the connection over once the answer's head is sent. The answer must end HTTP on it: status 101, or
    /// version 1.0 with a body of unknown length.
    pub(crate) fn take_over<F>(&self, then: impl FnOnce(Hijacked) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        *self.0.lock() = Some(Box::new(|io| Box::pin(then(io))));
    }
}

impl Hijacked {
    /// Ends when the peer has closed both directions, whether anything is read from it or not. (A peer that closed its
    /// sending half still reads.) Over TCP a full close looks like a half close until something is sent.
    pub(crate) fn peer_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        // Registered a second time, so it needs a descriptor of its own; of what family it is does not matter to polling.
        let watched = self.io.socket().and_then(|socket| socket.try_clone_to_owned().ok());
        let watched = watched.and_then(|fd| UnixStream::from_std(fd.into()).ok());
        async move {
            let Some(watched) = watched else { return std::future::pending().await };
            while watched.writable().await.is_ok() {
                if is_hung_up(&watched) {
                    return;
                }
                // Every change of the socket comes as an edge, a hang-up whatever one is interested in: wait for the next.
                let _ = watched.try_io(Interest::WRITABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
            }
        }
    }
}

fn is_hung_up(socket: &UnixStream) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&now)), Ok(1..))
}

/// Serves one connection until it ends; when `ending` becomes true, until its request under way is answered. Hijacked
/// connections and [`Endless`] answers are cut then.
pub(crate) async fn serve(io: impl Io + 'static, handler: Handler, mut ending: watch::Receiver<bool>) {
    let hijack = Hijack::default();
    let slot = hijack.clone();
    let cut = ending.clone();
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(slot.clone());
        let answer = handler(request);
        let cut = cut.clone();
        Box::pin(async move { Ok::<_, std::convert::Infallible>(until(cut, answer.await)) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(io), service);
    let mut told = false;
    let result = loop {
        tokio::select! {
            result = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => break result,
            _ = ending.wait_for(|ending| *ending), if !told => {
                told = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
        return;
    }
    let parts = connection.into_parts();
    let mut io = parts.io.into_inner();
    let taken_over = hijack.0.lock().take();
    match taken_over {
        Some(then) => {
            head_read(io.socket()).await;
            let taken = then(Hijacked { io: Box::new(io), sent: parts.read_buf });
            tokio::select! {
                () = taken => {}
                _ = ending.wait_for(|ending| *ending) => {}
            }
        }
        None => {
            // The client may be gone already.
            let _ = io.shutdown().await;
        }
    }
}

/// Ends an endless answer's body with the daemon.
fn until(mut ending: watch::Receiver<bool>, response: Response) -> Response {
    if response.extensions().get::<Endless>().is_none() {
        return response;
    }
    let cut = async move {
        // An error is the end of whoever tells.
        let _ = ending.wait_for(|ending| *ending).await;
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(cut))))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::StatusCode;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn echo_handler(upgrade: bool) -> Handler {
        Arc::new(move |request: Request<Body>| {
            let hijack = request.extensions().get::<Hijack>().cloned().unwrap();
            hijack.take_over(|mut taken: Hijacked| async move {
                taken.io.write_all(&taken.sent).await.unwrap();
                let mut rest = Vec::new();
                taken.io.read_to_end(&mut rest).await.unwrap();
                taken.io.write_all(&rest).await.unwrap();
                taken.io.write_all(b"end").await.unwrap();
            });
            let mut response =
                Body::from_stream(futures_util::stream::empty::<Result<Bytes, std::io::Error>>()).into_response();
            if upgrade {
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert("upgrade", http::HeaderValue::from_static("tcp"));
                response.headers_mut().insert("connection", http::HeaderValue::from_static("Upgrade"));
            } else {
                *response.version_mut() = http::Version::HTTP_10;
            }
            Box::pin(async move { response })
        })
    }

    async fn exchange(upgrade: bool, request: &[u8]) -> String {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let (_keep, ending) = watch::channel(false);
        tokio::spawn(serve(server, echo_handler(upgrade), ending));
        client.write_all(request).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn an_upgraded_connection_is_handed_over_with_what_was_sent_behind_the_head() {
        let answer =
            exchange(true, b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly").await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nearlyend"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_is_hijacked_without_upgrade_too() {
        let answer = exchange(false, b"POST /x HTTP/1.1\r\nHost: x\r\n\r\nearly").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nearlyend"), "{answer}");
        assert!(!answer.contains("content-length"), "{answer}");
    }

    #[tokio::test]
    async fn a_half_sent_request_ends_with_the_client() {
        let (mut client, server) = tokio::io::duplex(1024);
        let (_keep, ending) = watch::channel(false);
        let task = tokio::spawn(serve(server, echo_handler(true), ending));
        client.write_all(b"POST /x HTT").await.unwrap();
        drop(client);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn an_idle_connection_ends_when_the_daemon_does() {
        let (_client, server) = tokio::io::duplex(1024);
        let (tell, ending) = watch::channel(false);
        let task = tokio::spawn(serve(server, echo_handler(true), ending));
        tell.send(true).unwrap();
        task.await.unwrap();
    }
}
