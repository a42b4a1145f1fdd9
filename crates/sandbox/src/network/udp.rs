//! [`UdpSocket`]: a guest's UDP socket, as all versions of WASI see it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::code::{Result, SocketError};
use super::family::Family;
use super::host_sockets;
use super::options::Options;
use super::route::Route;
use super::stack::Stack;
use super::udp_port::{Datagram, MAX_DATAGRAM, UdpPort};
use super::{NetworkMode, Protocol, SocketPlace};

/// A guest's UDP socket.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct UdpSocket {
    stack: Arc<Stack>,
    pub(crate) family: Family,
    port: Option<Arc<UdpPort>>,
    remote: Option<SocketAddr>,
    pub(crate) options: Options,
    _place: SocketPlace,
}

/// What sends for a socket.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    stack: Arc<Stack>,
    family: Family,
    port: Arc<UdpPort>,
    remote: Option<SocketAddr>,
}

impl UdpSocket {
    pub(crate) fn new(stack: Arc<Stack>, family: Family, place: SocketPlace) -> Self {
        Self { stack, family, port: None, remote: None, options: Options::default(), _place: place }
    }

    /// Takes a local address.
    pub(crate) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if self.port.is_some() {
            return Err(SocketError::InvalidState);
        }
        self.family.check_local(address)?;
        self.port = Some(self.stack.receive(address)?);
        Ok(())
    }

    /// The port, of any number if the socket has none yet.
    fn bound(&mut self) -> Result<&Arc<UdpPort>> {
        if self.port.is_none() {
            self.bind(self.family.any())?;
        }
        self.port.as_ref().ok_or(SocketError::InvalidState)
    }

    /// From now on it only has this partner.
    pub(crate) fn connect(&mut self, to: SocketAddr) -> Result<()> {
        self.family.check_remote(to)?;
        self.bound()?;
        self.remote = Some(to);
        Ok(())
    }

    /// From now on it has any partner again.
    pub(crate) fn disconnect(&mut self) -> Result<()> {
        self.remote.take().map(drop).ok_or(SocketError::InvalidState)
    }

    /// Where its datagrams arrive, and of whom only.
    pub(crate) fn receiver(&self) -> Result<(Arc<UdpPort>, Option<SocketAddr>)> {
        Ok((Arc::clone(self.port.as_ref().ok_or(SocketError::InvalidState)?), self.remote))
    }

    /// What sends for it.
    pub(crate) fn sender(&mut self) -> Result<Sender> {
        let port = Arc::clone(self.bound()?);
        Ok(Sender { stack: Arc::clone(&self.stack), family: self.family, port, remote: self.remote })
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr> {
        self.port.as_ref().map(|port| port.local()).ok_or(SocketError::InvalidState)
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr> {
        self.remote.ok_or(SocketError::InvalidState)
    }
}

impl Sender {
    /// Sends a datagram, to the socket's partner if it has one. What has no room at its goal is lost.
    pub(crate) fn send(&self, bytes: Vec<u8>, to: Option<SocketAddr>) -> Result<()> {
        let to = match (self.remote, to) {
            (Some(remote), Some(to)) if remote != to => return Err(SocketError::InvalidArgument),
            (Some(to), _) | (None, Some(to)) => to,
            (None, None) => return Err(SocketError::InvalidArgument),
        };
        self.family.check_remote(to)?;
        if bytes.len() > MAX_DATAGRAM {
            return Err(SocketError::DatagramTooLarge);
        }
        self.stack.counters.sent(bytes.len());
        if self.port.answer(&bytes, to)? {
            return Ok(());
        }
        match self.stack.route(to)? {
            Route::Guest { to: target, from, .. } => {
                if let Some(port) = target.ports.udp(to) {
                    port.deliver(Datagram { bytes: bytes.into(), from: self.origin(from) });
                }
                Ok(())
            }
            Route::Worker { worker, from, network } => {
                let from = self.origin(from);
                self.stack.fabric.peers.send(&worker, &network, (from, to), Bytes::from(bytes));
                Ok(())
            }
            Route::Outside(real) => self.port.send_outside(&bytes, to, real),
        }
    }

    /// The socket's address as its partner sees it.
    fn origin(&self, from: std::net::IpAddr) -> SocketAddr {
        let local = self.port.local();
        let from = if local.ip().is_unspecified() { from } else { local.ip() };
        SocketAddr::new(from, local.port())
    }
}

impl Stack {
    /// Takes datagrams at an address, and those of the host's sockets that stand for its port.
    fn receive(&self, address: SocketAddr) -> Result<Arc<UdpPort>> {
        let counters = Arc::clone(&self.counters);
        if self.mode == NetworkMode::Host {
            let socket = host_sockets::bind_udp(address)?;
            let local = socket.local_addr()?;
            return Ok(UdpPort::new(None, local, vec![socket], counters));
        }
        let bound = self.bind(Protocol::Udp, address)?;
        let local = bound.address;
        let published = if local.ip().is_loopback() { Vec::new() } else { self.published.udp(local.port())? };
        let port = UdpPort::new(Some(bound), local, published, counters);
        port.announce();
        Ok(port)
    }
}
