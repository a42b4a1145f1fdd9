//! [`Listener`]: a socket that waits for connections: from guests in memory, from others through the host's sockets.
//!
//! Nothing runs for it: whoever accepts looks at all its sources. A socket of the host that stands for a published port is
//! looked at only while something listens on the port; until then callers wait in the kernel's queue.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use super::code::{Result, SocketError};
use super::connection::{Connection, Established};
use super::counters::Counters;
use super::ports::Bound;
use super::wakers::Wakers;
use crate::service::Service;

/// Connections that wait to be accepted, if the guest names no number.
pub(crate) const BACKLOG: u32 = 128;

/// Most connections that wait to be accepted, whatever the guest names (Linux's `somaxconn`).
pub(crate) const MAX_BACKLOG: u32 = 4096;

/// Callers that may wait for a place in the backlog; others are refused.
pub(crate) const MAX_CALLERS: usize = 1024;

/// How long a caller waits for a place in the backlog.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// A socket that waits for connections.
#[derive(Debug)]
pub(crate) struct Listener {
    state: Mutex<State>,
    /// Sockets of the host.
    kernel: Vec<TcpListener>,
    counters: Arc<Counters>,
    local: SocketAddr,
    /// The guest is told this for the local address of what sockets of the host accept.
    own: SocketAddr,
    bound: Option<Bound>,
    /// The HTTP service that accepts here: requests can be handed to it without a connection.
    service: OnceLock<Weak<Service>>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Established>,
    backlog: usize,
    acceptors: Wakers,
    /// Callers that sleep, by their numbers.
    callers: VecDeque<(u64, Waker)>,
    /// Callers that wait, whether they are awake or not.
    waiting: usize,
    /// Callers so far.
    called: u64,
    closed: bool,
    /// The source that is looked at first, so that none starves another.
    first: usize,
}

impl State {
    /// Wakes whoever polls with `cx` when there is a place. Who asks often waits once, where it was.
    fn calls(&mut self, number: u64, cx: &Context<'_>) {
        match self.callers.iter_mut().find(|(other, _)| *other == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => self.callers.push_back((number, cx.waker().clone())),
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// From a guest.
    Memory(Established),
    /// From this address, through a socket of the host.
    Kernel(TcpStream, SocketAddr),
}

/// Why a connection is not in the backlog.
#[derive(Debug)]
pub(crate) enum NotQueued {
    /// There is no place now.
    Full(Established),
    /// There will be none.
    Refused,
}

impl Listener {
    /// One that takes connections of guests at `bound`, and those of sockets of the host. `own` is what accepted sockets are
    /// told to be their address.
    pub(crate) fn new(
        bound: Option<Bound>,
        (local, own): (SocketAddr, SocketAddr),
        kernel: Vec<TcpListener>,
        backlog: u32,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let state = State {
            queue: VecDeque::new(),
            backlog: clamp(backlog),
            acceptors: Wakers::default(),
            callers: VecDeque::new(),
            waiting: 0,
            called: 0,
            closed: false,
            first: 0,
        };
        Arc::new(Self { state: Mutex::new(state), kernel, counters, local, own, bound, service: OnceLock::new() })
    }

    /// From now on guests find it.
    pub(crate) fn announce(self: &Arc<Self>) {
        if let Some(bound) = &self.bound {
            bound.listen(self);
        }
    }

    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// From now on requests can be handed to this service without a connection.
    pub(crate) fn serve(&self, service: &Arc<Service>) {
        // Set once: a listener has one service.
        let _ = self.service.set(Arc::downgrade(service));
    }

    /// The HTTP service that accepts here.
    pub(crate) fn service(&self) -> Option<Arc<Service>> {
        self.service.get().and_then(Weak::upgrade)
    }

    pub(crate) fn set_backlog(&self, backlog: u32) {
        self.state.lock().backlog = clamp(backlog);
    }

    /// Puts a connection in the backlog.
    pub(crate) fn queue(&self, connection: Established) -> Result<(), NotQueued> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(NotQueued::Refused);
        }
        if state.queue.len() >= state.backlog {
            return Err(NotQueued::Full(connection));
        }
        state.queue.push_back(connection);
        let acceptors = state.acceptors.take();
        drop(state);
        acceptors.wake();
        Ok(())
    }

    /// Waits for a place in the backlog. Who waits does not keep the listener: when it is closed, callers are refused.
    pub(crate) async fn queue_in_time(listener: Weak<Self>, connection: Established) -> Result<()> {
        let caller = Caller::new(&listener)?;
        let mut connection = Some(connection);
        let queued = poll_fn(|cx| {
            let Some(listener) = listener.upgrade() else { return Poll::Ready(Err(SocketError::ConnectionRefused)) };
            let Some(offered) = connection.take() else { return Poll::Ready(Err(SocketError::Other)) };
            match listener.queue(offered) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(NotQueued::Refused) => Poll::Ready(Err(SocketError::ConnectionRefused)),
                Err(NotQueued::Full(back)) => {
                    connection = Some(back);
                    listener.state.lock().calls(caller.number, cx);
                    // A place may be free since.
                    if listener.has_place() {
                        listener.wake_caller();
                    }
                    Poll::Pending
                }
            }
        });
        tokio::time::timeout(CONNECT_TIMEOUT, queued).await.unwrap_or(Err(SocketError::Timeout))
    }

    fn has_place(&self) -> bool {
        let state = self.state.lock();
        state.closed || state.queue.len() < state.backlog
    }

    fn wake_caller(&self) {
        let caller = self.state.lock().callers.pop_front();
        caller.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// The next connection, as it came.
    pub(crate) fn poll_accept_raw(&self, cx: &mut Context<'_>) -> Poll<Result<Accepted>> {
        let sources = self.kernel.len() + 1;
        let first = {
            let mut state = self.state.lock();
            state.first = (state.first + 1) % sources;
            state.first
        };
        for source in (first..sources).chain(0..first) {
            let accepted = match source.checked_sub(1).and_then(|index| self.kernel.get(index)) {
                None => self.poll_queue(cx).map(|connection| Ok(Accepted::Memory(connection))),
                Some(listener) => poll_kernel(listener, cx).map_ok(|(stream, remote)| Accepted::Kernel(stream, remote)),
            };
            if let Poll::Ready(accepted) = accepted {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// The next connection.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Established>> {
        self.poll_accept_raw(cx).map_ok(|accepted| match accepted {
            Accepted::Memory(established) => established,
            Accepted::Kernel(stream, remote) => {
                let local = stream.local_addr().ok().filter(|_| self.bound.is_none()).unwrap_or(self.own);
                let connection = Connection::kernel(stream, Arc::clone(&self.counters));
                Established { connection, local, remote: canonical(remote) }
            }
        })
    }

    fn poll_queue(&self, cx: &Context<'_>) -> Poll<Established> {
        let mut state = self.state.lock();
        match state.queue.pop_front() {
            Some(connection) => {
                let caller = state.callers.pop_front();
                drop(state);
                caller.into_iter().for_each(|(_, waker)| waker.wake());
                Poll::Ready(connection)
            }
            None => {
                state.acceptors.register(cx);
                Poll::Pending
            }
        }
    }

    /// Waits until there is a connection to accept from a guest, or a socket of the host may have one. What it may take is
    /// put in the queue, so that none is lost.
    pub(crate) fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.state.lock().queue.is_empty() {
            return Poll::Ready(());
        }
        let accepted = match std::task::ready!(self.poll_accept(cx)) {
            Ok(connection) => connection,
            // The accept that follows fails alike.
            Err(_) => return Poll::Ready(()),
        };
        // To the front: it was the first.
        self.state.lock().queue.push_front(accepted);
        Poll::Ready(())
    }
}

/// The next connection of a socket of the host.
fn poll_kernel(listener: &TcpListener, cx: &mut Context<'_>) -> Poll<Result<(TcpStream, SocketAddr)>> {
    loop {
        match std::task::ready!(listener.poll_accept(cx)) {
            // The caller is gone again.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
            accepted => return Poll::Ready(accepted.map_err(SocketError::from)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.closed = true;
        state.queue.clear();
        state.callers.drain(..).for_each(|(_, waker)| waker.wake());
    }
}

/// An IPv4 address that came through an IPv6 socket is an IPv4 address.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn clamp(backlog: u32) -> usize {
    backlog.clamp(1, MAX_BACKLOG) as usize
}

/// A place among those who wait for a place.
struct Caller<'a> {
    listener: &'a Weak<Listener>,
    number: u64,
}

impl<'a> Caller<'a> {
    fn new(weak: &'a Weak<Listener>) -> Result<Self> {
        let listener = weak.upgrade().ok_or(SocketError::ConnectionRefused)?;
        let mut state = listener.state.lock();
        if state.waiting >= MAX_CALLERS {
            return Err(SocketError::ConnectionRefused);
        }
        state.waiting += 1;
        state.called += 1;
        Ok(Self { listener: weak, number: state.called })
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        let Some(listener) = self.listener.upgrade() else { return };
        {
            let mut state = listener.state.lock();
            state.waiting -= 1;
            // Nobody would hear it any more, and a place would be offered to nobody.
            state.callers.retain(|(number, _)| *number != self.number);
        }
        // A place that was meant for this one is another's.
        if listener.has_place() {
            listener.wake_caller();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::pair;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gave_up_takes_no_place_from_the_next() {
        let at = SocketAddr::from(([10, 0, 0, 1], 80));
        let listener = Listener::new(None, (at, at), Vec::new(), 1, Arc::default());
        let call = || {
            let ([_, connection], _) = pair((Arc::default(), None), Arc::default());
            Established { connection, local: at, remote: at }
        };
        listener.queue(call()).unwrap();
        let wait = || tokio::spawn(Listener::queue_in_time(Arc::downgrade(&listener), call()));
        let asleep = async |count| {
            while listener.state.lock().callers.len() != count {
                tokio::task::yield_now().await;
            }
        };
        let first = wait();
        asleep(1).await;
        let second = wait();
        asleep(2).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_eq!(second.await.unwrap(), Ok(()));
    }
}
