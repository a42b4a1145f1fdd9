//! Accepting connections: bounded in number, until the daemon ends.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::connection::{self, Handler, Io};
use crate::docker::Handlers;
use crate::listen::Bound;

/// Connections at once of one listener; further ones wait in the backlog.
const MAX_CONNECTIONS: usize = 16_384;

/// Pause after an accept failed, for instance for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What connections come from.
pub(crate) trait Accept: Send + Sync {
    /// A connection.
    type Stream: Io + 'static;

    /// The next connection.
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        self.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        self.poll_accept(cx).map(|accepted| {
            let (stream, _) = accepted?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// Accepts on an address of the API.
pub(crate) async fn api(bound: Bound, handlers: Handlers, ending: watch::Receiver<bool>, tasks: TaskTracker) {
    match bound {
        // The socket's file goes with the listener.
        Bound::Unix(listener, _file) => all(listener, handlers.unix, ending, tasks).await,
        Bound::Tcp(listener) => all(listener, handlers.tcp, ending, tasks).await,
    }
}

/// Accepts until `ending` becomes true; connections live on as tasks of `tasks`.
pub(crate) async fn all<L: Accept>(
    listener: L,
    handler: Handler,
    mut ending: watch::Receiver<bool>,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        let accepted = tokio::select! {
            accepted = std::future::poll_fn(|cx| listener.poll_next(cx)) => accepted,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        match accepted {
            Ok(stream) => {
                let serving = connection::serve(stream, Arc::clone(&handler), ending.clone());
                tasks.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
