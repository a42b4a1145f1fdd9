//! Connections: how one is made, whichever way it goes.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpSocket as HostSocket;

use super::Protocol;
use super::code::{Result, SocketError};
use super::connection::{Connection, Established, pair};
use super::listener::{Listener, NotQueued};
use super::ports::Bound;
use super::route::Route;
use super::stack::Stack;
use crate::service::Service;

/// A connection being made.
pub(crate) enum Dial {
    Done(Result<Established>),
    Pending(Pin<Box<dyn Future<Output = Result<Established>> + Send>>),
}

/// Where a socket is before it connects or listens.
#[derive(Debug)]
pub(crate) enum Binding {
    /// At a port of the guest's own.
    Own(Bound),
    /// At a port of the host.
    Host(HostSocket),
}

impl Stack {
    /// Connects to an address.
    pub(crate) fn dial(self: &Arc<Self>, binding: Option<Binding>, to: SocketAddr) -> Dial {
        let bound = match binding {
            Some(Binding::Host(socket)) => return self.dial_outside_from(socket, to),
            Some(Binding::Own(bound)) => Some(bound),
            None => None,
        };
        match self.route(to) {
            Ok(Route::Guest { to: target, from, network }) => self
                .dial_guest((bound, from), &target, to, network.as_ref())
                .unwrap_or_else(|error| Dial::Done(Err(error))),
            Ok(Route::Worker { worker, from, network }) => self.dial_worker((bound, from), worker, to, network),
            Ok(Route::Outside(real)) => {
                let counters = Arc::clone(&self.counters);
                Dial::Pending(Box::pin(async move {
                    let stream = tokio::net::TcpStream::connect(real).await?;
                    let local = stream.local_addr()?;
                    Ok(Established { connection: Connection::kernel(stream, counters), local, remote: to })
                }))
            }
            Err(error) => Dial::Done(Err(error)),
        }
    }

    /// The HTTP service of this process that is at an address.
    pub(crate) fn service(self: &Arc<Self>, to: SocketAddr) -> Option<Arc<Service>> {
        self.neighbour(to)?.ports.listener(to)?.service()
    }

    fn dial_outside_from(self: &Arc<Self>, socket: HostSocket, to: SocketAddr) -> Dial {
        match self.route(to) {
            Ok(Route::Outside(real)) => {
                let counters = Arc::clone(&self.counters);
                Dial::Pending(Box::pin(async move {
                    let stream = socket.connect(real).await?;
                    let local = stream.local_addr()?;
                    Ok(Established { connection: Connection::kernel(stream, counters), local, remote: to })
                }))
            }
            Ok(_) => Dial::Done(Err(SocketError::InvalidState)),
            Err(error) => Dial::Done(Err(error)),
        }
    }

    /// The port that a connection comes from, and its address as the other side sees it.
    pub(super) fn origin(&self, bound: Option<Bound>, from: IpAddr) -> Result<(Bound, SocketAddr)> {
        let bound = match bound {
            Some(bound) => bound,
            None => self.ports.bind(Protocol::Tcp, SocketAddr::new(from, 0))?,
        };
        let address = bound.address.ip();
        let from = if address.is_unspecified() { from } else { address };
        let port = bound.address.port();
        Ok((bound, SocketAddr::new(from, port)))
    }

    fn dial_guest(
        &self,
        (bound, from): (Option<Bound>, IpAddr),
        target: &Arc<Self>,
        to: SocketAddr,
        network: Option<&Arc<str>>,
    ) -> Result<Dial> {
        let listener = target.ports.listener(to).ok_or(SocketError::ConnectionRefused)?;
        let (bound, local) = self.origin(bound, from)?;
        let counters = Arc::clone(&self.counters);
        let ([near, far], pipes) = pair((counters, Some(bound)), Arc::clone(&target.counters));
        if let Some(network) = network {
            self.link(network, &pipes);
            target.link(network, &pipes);
        }
        let near = Established { connection: near, local, remote: to };
        let far = Established { connection: far, local: to, remote: local };
        Ok(match listener.queue(far) {
            Ok(()) => Dial::Done(Ok(near)),
            Err(NotQueued::Refused) => Dial::Done(Err(SocketError::ConnectionRefused)),
            Err(NotQueued::Full(far)) => {
                let listener = Arc::downgrade(&listener);
                Dial::Pending(Box::pin(async move { Listener::queue_in_time(listener, far).await.map(|()| near) }))
            }
        })
    }

    /// Takes a connection that comes from another worker, when the backlog has a place for it.
    pub(super) async fn answer_worker(
        &self,
        network: &Arc<str>,
        (from, to): (SocketAddr, SocketAddr),
    ) -> Result<Arc<Connection>> {
        let listener = self.ports.listener(to).ok_or(SocketError::ConnectionRefused)?;
        let ([near, far], pipes) = pair((Arc::default(), None), Arc::clone(&self.counters));
        self.link(network, &pipes);
        match listener.queue(Established { connection: far, local: to, remote: from }) {
            Ok(()) => {}
            Err(NotQueued::Refused) => return Err(SocketError::ConnectionRefused),
            Err(NotQueued::Full(far)) => {
                let weak = Arc::downgrade(&listener);
                drop(listener);
                Listener::queue_in_time(weak, far).await?;
            }
        }
        Ok(near)
    }
}
