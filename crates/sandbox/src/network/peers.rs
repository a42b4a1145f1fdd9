//! [`Peers`]: other workers, and what goes between their guests and those of this one.
//!
//! All connections to one worker share a socket, each with room of its own, so that one that is not read holds up no
//! other. A worker is believed only about addresses that were told to be its guests'. Each connection that is open has a
//! task which carries its bytes; each worker that is joined has one which drives the socket. They end with the socket, or
//! when a newer one takes its place.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::code::{Result, SocketError};
use super::connection::{Connection, Established, pair};
use super::dial::Dial;
use super::fabric::Found;
use super::listener::CONNECT_TIMEOUT;
use super::mux::{self, Mux};
use super::parcel::{Kind, Parcel};
use super::ports::Bound;
use super::stack::Stack;
use super::udp_port::{Datagram, MAX_DATAGRAM};
use super::{Network, NetworkError};

/// Workers that this one may be joined to.
pub(crate) const MAX_PEERS: usize = 1024;

/// Datagrams that wait to be sent to one worker; others are lost.
pub(crate) const MAX_DATAGRAMS: usize = 256;

/// How long a worker may take to say what it wants of a connection it opened.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that are carried at once.
const CHUNK: usize = 64 << 10;

/// Other workers by name.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: Mutex<HashMap<String, Peer>>,
}

/// A worker that is joined. Dropping it ends what drives it.
#[derive(Debug)]
struct Peer {
    serial: u64,
    mux: Mux,
    datagrams: mpsc::Sender<Parcel>,
    _driver: Aborted,
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Aborted(tokio::task::AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Peers {
    /// Joins a worker by a socket; an older one is cut.
    pub(super) fn join(&self, fabric: &Arc<Network>, worker: &str, socket: OwnedFd) -> Result<(), NetworkError> {
        let failed = |error: std::io::Error| NetworkError::Socket {
            port: format!("worker {worker}"),
            reason: error.to_string(),
        };
        let stream = std::os::unix::net::UnixStream::from(socket);
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = UnixStream::from_std(stream).map_err(failed)?;
        let mut peers = self.peers.lock();
        if peers.len() >= MAX_PEERS && !peers.contains_key(worker) {
            return Err(NetworkError::TooMany(format!("this worker is joined to {MAX_PEERS} others already")));
        }
        let serial = peers.values().map(|peer| peer.serial).max().unwrap_or(0) + 1;
        let (mux, driver) = mux::new(stream);
        let (datagrams, outgoing) = mpsc::channel(MAX_DATAGRAMS);
        let (weak, name) = (Arc::downgrade(fabric), worker.to_owned());
        let sending = mux.clone();
        let task = tokio::spawn(async move {
            let incoming = |stream| {
                let (fabric, worker) = (weak.clone(), name.clone());
                tokio::spawn(async move { serve(&fabric, &worker, stream).await });
            };
            tokio::select! {
                () = driver.run(incoming) => {}
                () = send_datagrams(sending, outgoing) => {}
            }
            if let Some(fabric) = weak.upgrade() {
                fabric.peers.gone(&name, serial);
            }
        });
        let peer = Peer { serial, mux, datagrams, _driver: Aborted(task.abort_handle()) };
        peers.insert(worker.to_owned(), peer);
        Ok(())
    }

    /// Forgets a worker whose socket broke, unless it was joined anew.
    fn gone(&self, worker: &str, serial: u64) {
        let mut peers = self.peers.lock();
        if peers.get(worker).is_some_and(|peer| peer.serial == serial) {
            peers.remove(worker);
        }
    }

    fn mux(&self, worker: &str) -> Result<Mux> {
        self.peers.lock().get(worker).map(|peer| peer.mux.clone()).ok_or(SocketError::RemoteUnreachable)
    }

    /// Sends a datagram; it is lost if too many wait.
    pub(super) fn send(&self, worker: &str, network: &Arc<str>, (from, to): (SocketAddr, SocketAddr), bytes: Bytes) {
        if let Some(peer) = self.peers.lock().get(worker) {
            let parcel = Parcel { kind: Kind::Datagram, network: Arc::clone(network), from, to, bytes };
            // Lost, as UDP has it.
            let _ = peer.datagrams.try_send(parcel);
        }
    }
}

/// Sends datagrams on a connection of their own.
async fn send_datagrams(mux: Mux, mut outgoing: mpsc::Receiver<Parcel>) {
    // It is opened when there is a first one.
    let mut stream = None;
    while let Some(parcel) = outgoing.recv().await {
        if stream.is_none() {
            stream = mux.open().await.ok();
        }
        let Some(open) = &mut stream else { continue };
        if parcel.write(open).await.is_err() {
            stream = None;
        }
    }
}

/// Serves what another worker opened.
async fn serve(fabric: &Weak<Network>, worker: &str, mut stream: mux::Stream) {
    let first = tokio::time::timeout(HEADER_TIMEOUT, Parcel::read(&mut stream)).await;
    let Ok(Ok(mut parcel)) = first else { return };
    if parcel.kind == Kind::Connection {
        let answered = match local_goal(fabric, worker, &parcel) {
            Ok(stack) => stack.answer_worker(&parcel.network, (parcel.from, parcel.to)).await,
            Err(error) => Err(error),
        };
        let code = answered.as_ref().map_or_else(|error| code(*error), |_| OK);
        if stream.write_all(&[code]).await.is_ok()
            && stream.flush().await.is_ok()
            && let Ok(connection) = answered
        {
            carry(stream, connection).await;
        }
        return;
    }
    loop {
        if let Ok(stack) = local_goal(fabric, worker, &parcel)
            && let Some(port) = stack.ports.udp(parcel.to)
            && parcel.bytes.len() <= MAX_DATAGRAM
        {
            port.deliver(Datagram { bytes: parcel.bytes, from: parcel.from });
        }
        match Parcel::read(&mut stream).await {
            Ok(next) if next.kind == Kind::Datagram => parcel = next,
            _ => return,
        }
    }
}

/// The guest that a parcel is for, if its sender is a guest of that worker.
fn local_goal(fabric: &Weak<Network>, worker: &str, parcel: &Parcel) -> Result<Arc<Stack>> {
    let fabric = fabric.upgrade().ok_or(SocketError::RemoteUnreachable)?;
    match fabric.find(&parcel.network, parcel.from.ip()) {
        Some((Found::Worker(known), _)) if known == worker => {}
        _ => return Err(SocketError::RemoteUnreachable),
    }
    match fabric.find(&parcel.network, parcel.to.ip()) {
        Some((Found::Guest(stack), _)) => Ok(stack),
        _ => Err(SocketError::RemoteUnreachable),
    }
}

/// The answer to a connection that is made.
const OK: u8 = 0;

fn code(error: SocketError) -> u8 {
    match error {
        SocketError::ConnectionRefused => 1,
        SocketError::Timeout => 2,
        _ => 3,
    }
}

fn answer(code: u8) -> Result<()> {
    match code {
        OK => Ok(()),
        1 => Err(SocketError::ConnectionRefused),
        2 => Err(SocketError::Timeout),
        _ => Err(SocketError::RemoteUnreachable),
    }
}

/// Carries a connection's bytes both ways until both ends are reached, or it breaks.
async fn carry(stream: mux::Stream, connection: Arc<Connection>) {
    let (mut from, mut to) = stream.split();
    let out = async {
        loop {
            let bytes = std::future::poll_fn(|cx| connection.poll_read(cx, CHUNK)).await?;
            if bytes.is_empty() {
                return to.close().await.map_err(SocketError::from);
            }
            to.write_all(&bytes).await?;
            to.flush().await?;
        }
    };
    let back = async {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                connection.finish();
                return Ok(());
            }
            let mut rest = buffer.get(..read).unwrap_or_default();
            while !rest.is_empty() {
                let written = std::future::poll_fn(|cx| connection.poll_write(cx, rest)).await?;
                rest = rest.get(written..).unwrap_or_default();
            }
        }
    };
    // What breaks one direction ends the other; both sides see their connection end.
    let _: Result<((), ())> = futures_util::future::try_join(out, back).await;
}

impl Stack {
    /// Connects to a guest of another worker.
    pub(super) fn dial_worker(
        self: &Arc<Self>,
        (bound, from): (Option<Bound>, IpAddr),
        worker: String,
        to: SocketAddr,
        network: Arc<str>,
    ) -> Dial {
        let stack = Arc::clone(self);
        Dial::Pending(Box::pin(async move {
            let (bound, local) = stack.origin(bound, from)?;
            let (opened, opening) = oneshot::channel();
            let mux = stack.fabric.peers.mux(&worker)?;
            let parcel =
                Parcel { kind: Kind::Connection, network: Arc::clone(&network), from: local, to, bytes: Bytes::new() };
            // In a task of its own: the guest may stop asking in the middle.
            let ask = async move {
                let mut stream = mux.open().await?;
                parcel.write(&mut stream).await?;
                let mut code = [0];
                stream.read_exact(&mut code).await?;
                let [code] = code;
                answer(code).map(|()| stream)
            };
            tokio::spawn(async move {
                let asked = tokio::time::timeout(CONNECT_TIMEOUT, ask).await.unwrap_or(Err(SocketError::Timeout));
                // Whoever asked may be gone.
                let _ = opened.send(asked);
            });
            let stream = opening.await.map_err(|_| SocketError::RemoteUnreachable)??;
            let ([near, far], pipes) = pair((Arc::clone(&stack.counters), Some(bound)), Arc::default());
            stack.link(&network, &pipes);
            tokio::spawn(carry(stream, far));
            Ok(Established { connection: near, local, remote: to })
        }))
    }
}

#[cfg(test)]
mod tests;
