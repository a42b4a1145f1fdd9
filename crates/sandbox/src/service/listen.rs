//! [`serve`]: accepts connections for a service until its container is to end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::hold::{Stage, Told};
use super::shared::Service;
use super::stream::ServerStream;
use crate::Exit;
use crate::network::{Accepted, Listener};

/// How long a client may take for a request's head, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(60);

/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;

/// Header fields of a request.
const FIELDS: usize = 128;

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// How long a listener rests that can't accept (the process has too many open files).
const PAUSE: Duration = Duration::from_millis(50);

/// What ends a service.
struct Serving {
    service: Arc<Service>,
    listeners: Vec<Arc<Listener>>,
    connections: JoinSet<()>,
    wall_clock: Option<Pin<Box<Sleep>>>,
    pause: Option<Pin<Box<Sleep>>>,
    paused: bool,
}

/// What a service's task is woken for.
enum Event {
    Connection(ServerStream),
    /// It is to end with this status, when it has answered what came before.
    Drain(u8),
    TimedOut,
}

/// Accepts connections for a service until its container is to end, then lets what began come to its end.
pub(crate) async fn serve(service: Arc<Service>, listeners: Vec<Arc<Listener>>, wall_clock_ms: u64) -> Exit {
    for listener in &listeners {
        listener.serve(&service);
    }
    service.make_ready();
    let end = || Instant::now().checked_add(Duration::from_millis(wall_clock_ms));
    let wall_clock = (wall_clock_ms > 0).then(end).flatten().map(|end| Box::pin(sleep_until(end)));
    let (connections, paused) = (JoinSet::new(), false);
    let mut serving = Serving { service, listeners, connections, wall_clock, pause: None, paused };
    let exit = loop {
        match poll_fn(|cx| serving.poll(cx)).await {
            Event::Connection(stream) => serving.spawn(stream),
            Event::TimedOut => break Exit::TimedOut,
            Event::Drain(status) => {
                serving.drain().await;
                break Exit::Signalled(status);
            }
        }
    };
    serving.service.hold.advance(Stage::Cut);
    serving.service.close();
    serving.connections.shutdown().await;
    exit
}

impl Serving {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let control = &self.service.parts.around.control;
        control.register(cx.waker());
        if let Some(status) = control.stop_requested() {
            return Poll::Ready(Event::Drain(status));
        }
        if let Some(end) = &mut self.wall_clock
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Event::TimedOut);
        }
        let paused = control.paused();
        if std::mem::replace(&mut self.paused, paused) != paused {
            self.service.hold.tell();
        }
        while let Poll::Ready(Some(_)) = self.connections.poll_join_next(cx) {}
        if paused || self.connections.len() >= self.service.spec.connections as usize || self.rests(cx) {
            return Poll::Pending;
        }
        for listener in &self.listeners {
            match listener.poll_accept_raw(cx) {
                Poll::Ready(Ok(accepted)) => return Poll::Ready(Event::Connection(stream(accepted, listener))),
                Poll::Ready(Err(_)) => {
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// It could not accept just now.
    fn rests(&mut self, cx: &mut Context<'_>) -> bool {
        let rests = self.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(cx).is_pending());
        if !rests {
            self.pause = None;
        }
        rests
    }

    fn spawn(&mut self, stream: ServerStream) {
        self.connections.spawn(connection(Arc::clone(&self.service), stream, Scheme::Http));
    }

    /// Answers what came before the end was asked for, unless it is asked to end at once.
    async fn drain(&mut self) {
        self.listeners.clear();
        self.service.hold.advance(Stage::Draining);
        poll_fn(|cx| {
            let control = &self.service.parts.around.control;
            control.register(cx.waker());
            if control.kill_requested() {
                return Poll::Ready(());
            }
            loop {
                match self.connections.poll_join_next(cx) {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

fn stream(accepted: Accepted, listener: &Listener) -> ServerStream {
    match accepted {
        Accepted::Memory(established) => ServerStream::memory(established.connection),
        Accepted::Kernel(stream, _) => {
            // Answers are written whole; at worst they are held back a little.
            let _ = stream.set_nodelay(true);
            ServerStream::kernel(stream, Arc::clone(listener.counters()))
        }
    }
}

/// Serves one connection: HTTP/1.1, or HTTP/2 if it begins so.
async fn connection(service: Arc<Service>, stream: ServerStream, scheme: Scheme) {
    let _open = Open::new(&service);
    let handler = {
        let service = Arc::clone(&service);
        service_fn(move |request: hyper::Request<Incoming>| {
            let (service, scheme) = (Arc::clone(&service), scheme.clone());
            async move { Ok::<_, Infallible>(service.handle(request, scheme).await) }
        })
    };
    let server = server();
    let mut served = pin!(server.serve_connection(TokioIo::new(stream), handler));
    let (mut told, mut draining) = (Told::default(), false);
    poll_fn(|cx| {
        if !draining {
            service.hold.register(&mut told, cx);
            if service.hold.stage() >= Stage::Draining {
                draining = true;
                served.as_mut().graceful_shutdown();
            }
        }
        // How a connection ends is its client's affair.
        served.as_mut().poll(cx).map(drop)
    })
    .await;
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(FIELDS);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32);
    server
}

/// A connection that is open.
struct Open<'a>(&'a Service);

impl<'a> Open<'a> {
    fn new(service: &'a Service) -> Self {
        service.figures.connections.fetch_add(1, Ordering::Relaxed);
        Self(service)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.figures.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
