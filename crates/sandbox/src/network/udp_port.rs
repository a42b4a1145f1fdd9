//! [`UdpPort`]: where a guest's datagrams arrive: from guests in memory, from others through the host's sockets.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::SendFlags;
use tokio::net::UdpSocket;

use super::code::{Result, SocketError};
use super::counters::Counters;
use super::listener::canonical;
use super::ports::Bound;
use super::wakers::Wakers;

/// Datagrams that wait to be received; what comes then is lost, as UDP has it.
pub(crate) const MAX_QUEUE: usize = 256;

/// Bytes of all of them.
pub(crate) const MAX_QUEUE_BYTES: usize = 512 << 10;

/// Bytes of one datagram.
pub(crate) const MAX_DATAGRAM: usize = 65_507;

/// Addresses beyond that a port remembers: those that called, to answer them the same way, and those it called, whose
/// answers may come in.
const MAX_PARTNERS: usize = 1024;

/// A datagram and from where it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) bytes: Bytes,
    pub(crate) from: SocketAddr,
}

/// Where a guest's datagrams arrive.
#[derive(Debug)]
pub(crate) struct UdpPort {
    local: SocketAddr,
    queue: Mutex<Queue>,
    /// Sockets of the host that stand for this port, or are this port in the host's network.
    published: Vec<UdpSocket>,
    /// The socket by which it sends beyond its networks, made at the first such datagram.
    outside: OnceLock<UdpSocket>,
    partners: Mutex<Partners>,
    counters: Arc<Counters>,
    bound: Option<Bound>,
}

#[derive(Debug, Default)]
struct Queue {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    readers: Wakers,
}

#[derive(Debug, Default)]
struct Partners {
    /// Who called by which published socket.
    callers: VecDeque<(SocketAddr, usize)>,
    /// Whom it called: the address of the host's network, and the one the guest used.
    called: VecDeque<(SocketAddr, SocketAddr)>,
}

impl UdpPort {
    pub(crate) fn new(
        bound: Option<Bound>,
        local: SocketAddr,
        published: Vec<UdpSocket>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            local,
            queue: Mutex::default(),
            published,
            outside: OnceLock::new(),
            partners: Mutex::default(),
            counters,
            bound,
        })
    }

    /// From now on guests find it.
    pub(crate) fn announce(self: &Arc<Self>) {
        if let Some(bound) = &self.bound {
            bound.receive(self);
        }
    }

    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// It has an address of the virtual network, not of the host.
    pub(crate) const fn is_virtual(&self) -> bool {
        self.bound.is_some()
    }

    /// Takes a datagram of a guest; it is lost if there is no room.
    pub(crate) fn deliver(&self, datagram: Datagram) {
        let mut queue = self.queue.lock();
        if queue.datagrams.len() >= MAX_QUEUE || queue.bytes + datagram.bytes.len() > MAX_QUEUE_BYTES {
            return;
        }
        if self.counters.is_full() {
            return;
        }
        queue.bytes += datagram.bytes.len();
        self.counters.buffer(datagram.bytes.len());
        queue.datagrams.push_back(datagram);
        let readers = queue.readers.take();
        drop(queue);
        readers.wake();
    }

    /// The next datagram; of those from others than `only`, none.
    pub(crate) fn poll_receive(&self, cx: &mut Context<'_>, only: Option<SocketAddr>) -> Poll<Result<Datagram>> {
        let received = self.poll_next(cx, only);
        if let Poll::Ready(Ok(datagram)) = &received {
            self.counters.received(datagram.bytes.len());
        }
        received
    }

    fn poll_next(&self, cx: &mut Context<'_>, only: Option<SocketAddr>) -> Poll<Result<Datagram>> {
        loop {
            let datagram = match self.poll_any(cx) {
                Poll::Ready(datagram) => datagram?,
                Poll::Pending => return Poll::Pending,
            };
            if only.is_none_or(|only| only == datagram.from) {
                return Poll::Ready(Ok(datagram));
            }
        }
    }

    /// Waits until there is a datagram, of whomever.
    pub(crate) fn poll_receivable(&self, cx: &mut Context<'_>, only: Option<SocketAddr>) -> Poll<()> {
        // Taken and put back, so that one of a wrong sender does not count.
        if let Ok(datagram) = std::task::ready!(self.poll_next(cx, only)) {
            let mut queue = self.queue.lock();
            queue.bytes += datagram.bytes.len();
            self.counters.buffer(datagram.bytes.len());
            queue.datagrams.push_front(datagram);
        }
        Poll::Ready(())
    }

    fn poll_any(&self, cx: &mut Context<'_>) -> Poll<Result<Datagram>> {
        {
            let mut queue = self.queue.lock();
            if let Some(datagram) = queue.datagrams.pop_front() {
                queue.bytes -= datagram.bytes.len();
                self.counters.unbuffer(datagram.bytes.len());
                return Poll::Ready(Ok(datagram));
            }
            queue.readers.register(cx);
        }
        for (index, socket) in self.published.iter().enumerate() {
            if let Poll::Ready(datagram) = poll_socket(socket, cx) {
                let datagram = datagram?;
                self.partners.lock().called_by(datagram.from, index);
                return Poll::Ready(Ok(datagram));
            }
        }
        let Some(outside) = self.outside.get() else { return Poll::Pending };
        loop {
            let mut datagram = match poll_socket(outside, cx) {
                Poll::Ready(datagram) => datagram?,
                Poll::Pending => return Poll::Pending,
            };
            // Only who was asked may answer.
            let partners = self.partners.lock();
            if let Some((_, called)) = partners.called.iter().find(|(real, _)| *real == datagram.from) {
                datagram.from = *called;
                return Poll::Ready(Ok(datagram));
            }
        }
    }

    /// Answers a caller by the published socket it came by. False: it is none.
    pub(crate) fn answer(&self, bytes: &[u8], to: SocketAddr) -> Result<bool> {
        let by = self.partners.lock().callers.iter().find(|(caller, _)| *caller == to).map(|(_, index)| *index);
        match by.and_then(|index| self.published.get(index)) {
            Some(socket) => send(socket, bytes, to).map(|()| true),
            None => Ok(false),
        }
    }

    /// Sends by the host's network, to its address `real`: from the port itself if it is the host's, else from any of the
    /// host's.
    pub(crate) fn send_outside(&self, bytes: &[u8], to: SocketAddr, real: SocketAddr) -> Result<()> {
        if !self.is_virtual()
            && let Some(socket) = self.published.first()
        {
            return send(socket, bytes, real);
        }
        let socket = match self.outside.get() {
            Some(socket) => socket,
            None => {
                let socket = any_socket(to.is_ipv6())?;
                let socket = self.outside.get_or_init(|| socket);
                // Whoever waits does not look at the new socket yet.
                let readers = self.queue.lock().readers.take();
                readers.wake();
                socket
            }
        };
        self.partners.lock().calls(real, to);
        send(socket, bytes, real)
    }
}

impl Drop for UdpPort {
    fn drop(&mut self) {
        self.counters.unbuffer(self.queue.get_mut().bytes);
    }
}

impl Partners {
    fn called_by(&mut self, caller: SocketAddr, index: usize) {
        if self.callers.back() == Some(&(caller, index)) {
            return;
        }
        self.callers.retain(|(other, _)| *other != caller);
        if self.callers.len() >= MAX_PARTNERS {
            self.callers.pop_front();
        }
        self.callers.push_back((caller, index));
    }

    fn calls(&mut self, real: SocketAddr, called: SocketAddr) {
        if self.called.contains(&(real, called)) {
            return;
        }
        self.called.retain(|(other, _)| *other != real);
        if self.called.len() >= MAX_PARTNERS {
            self.called.pop_front();
        }
        self.called.push_back((real, called));
    }
}

fn any_socket(v6: bool) -> Result<UdpSocket> {
    let any: SocketAddr = if v6 { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket)?)
}

/// Sends at once or not at all.
fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> Result<()> {
    let to = match (socket.local_addr(), to) {
        (Ok(SocketAddr::V6(_)), SocketAddr::V4(v4)) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        _ => to,
    };
    // Not by tokio, which knows of a new socket's room only when it was waited for.
    match rustix::net::sendto(socket, bytes, SendFlags::DONTWAIT, &to) {
        Err(Errno::AGAIN) | Ok(_) => Ok(()),
        Err(error) => Err(SocketError::from(error)),
    }
}

fn poll_socket(socket: &UdpSocket, cx: &mut Context<'_>) -> Poll<Result<Datagram>> {
    loop {
        std::task::ready!(socket.poll_recv_ready(cx)).map_err(SocketError::from)?;
        let mut buffer = vec![0; MAX_DATAGRAM];
        match socket.try_recv_from(&mut buffer) {
            Ok((read, from)) => {
                let bytes = Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default());
                return Poll::Ready(Ok(Datagram { bytes, from: canonical(from) }));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}
