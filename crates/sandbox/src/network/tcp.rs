//! [`TcpSocket`]: a guest's TCP socket, as all versions of WASI see it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::NetworkMode;
use super::code::{Result, SocketError};
use super::connection::{Connection, Established};
use super::dial::{Binding, Dial};
use super::family::Family;
use super::host_sockets;
use super::listener::{BACKLOG, Listener};
use super::options::Options;
use super::stack::Stack;
use super::{Protocol, SocketPlace};

/// A guest's TCP socket.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct TcpSocket {
    stack: Arc<Stack>,
    pub(crate) family: Family,
    state: State,
    backlog: u32,
    pub(crate) options: Options,
    _place: SocketPlace,
}

enum State {
    New,
    Bound(Binding),
    Connecting(Dial),
    Connected { established: Established, reading: bool, writing: bool },
    Listening(Arc<Listener>),
    Failed(SocketError),
}

impl TcpSocket {
    pub(crate) fn new(stack: Arc<Stack>, family: Family, place: SocketPlace) -> Self {
        let options = Options::default();
        Self { stack, family, state: State::New, backlog: BACKLOG, options, _place: place }
    }

    /// One that was accepted.
    pub(crate) fn accepted(&self, established: Established, place: SocketPlace) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            family: self.family,
            state: State::connected(established),
            backlog: BACKLOG,
            options: self.options,
            _place: place,
        }
    }

    /// Takes a local address.
    pub(crate) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if !matches!(self.state, State::New) {
            return Err(SocketError::InvalidState);
        }
        self.family.check_local(address)?;
        self.state = State::Bound(if self.stack.mode == NetworkMode::Host {
            Binding::Host(host_sockets::bind_tcp(address)?)
        } else {
            Binding::Own(self.stack.bind(Protocol::Tcp, address)?)
        });
        Ok(())
    }

    pub(crate) fn is_bound(&self) -> bool {
        !matches!(self.state, State::New)
    }

    /// Begins to connect.
    pub(crate) fn start_connect(&mut self, to: SocketAddr) -> Result<()> {
        self.family.check_remote(to)?;
        let binding = match std::mem::replace(&mut self.state, State::New) {
            State::New => None,
            State::Bound(binding) => Some(binding),
            other => {
                self.state = other;
                return Err(SocketError::InvalidState);
            }
        };
        self.state = State::Connecting(self.stack.dial(binding, to));
        Ok(())
    }

    /// Waits until it is connected, or could not be.
    pub(crate) fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let dialled = match &mut self.state {
            State::Connecting(Dial::Done(done)) => std::mem::replace(done, Err(SocketError::Other)),
            State::Connecting(Dial::Pending(dial)) => ready!(dial.as_mut().poll(cx)),
            State::Connected { .. } => return Poll::Ready(Ok(())),
            State::Failed(error) => return Poll::Ready(Err(*error)),
            State::New | State::Bound(_) | State::Listening(_) => return Poll::Ready(Err(SocketError::InvalidState)),
        };
        let result = dialled.as_ref().map(|_| ()).map_err(|error| *error);
        self.state = dialled.map_or_else(State::Failed, State::connected);
        Poll::Ready(result)
    }

    /// Waits as [`Self::poll_connected`], but leaves the result for it.
    pub(crate) fn poll_connectable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Connecting(dial) = &mut self.state
            && let Dial::Pending(pending) = dial
        {
            *dial = Dial::Done(ready!(pending.as_mut().poll(cx)));
        }
        Poll::Ready(())
    }

    /// Begins to listen; a socket without a local address gets any.
    pub(crate) fn listen(&mut self) -> Result<Arc<Listener>> {
        if matches!(self.state, State::New) {
            self.bind(self.family.any())?;
        }
        let binding = match std::mem::replace(&mut self.state, State::New) {
            State::Bound(binding) => binding,
            other => {
                self.state = other;
                return Err(SocketError::InvalidState);
            }
        };
        let listener = self.stack.listen(binding, self.backlog)?;
        self.state = State::Listening(Arc::clone(&listener));
        Ok(listener)
    }

    pub(crate) fn listener(&self) -> Option<&Arc<Listener>> {
        match &self.state {
            State::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    /// The connection, of which either direction can be had once.
    pub(crate) fn take(&mut self, read: bool) -> Result<Arc<Connection>> {
        match &mut self.state {
            State::Connected { established, reading, writing } => {
                let taken = if read { reading } else { writing };
                if std::mem::replace(taken, true) {
                    return Err(SocketError::InvalidState);
                }
                Ok(Arc::clone(&established.connection))
            }
            State::Failed(error) => Err(*error),
            _ => Err(SocketError::InvalidState),
        }
    }

    pub(crate) fn connection(&self) -> Result<&Arc<Connection>> {
        match &self.state {
            State::Connected { established, .. } => Ok(&established.connection),
            _ => Err(SocketError::InvalidState),
        }
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr> {
        match &self.state {
            State::Bound(Binding::Own(bound)) => Ok(bound.address),
            State::Bound(Binding::Host(socket)) => Ok(socket.local_addr()?),
            State::Connected { established, .. } => Ok(established.local),
            State::Listening(listener) => Ok(listener.local()),
            State::Failed(error) => Err(*error),
            State::New | State::Connecting(_) => Err(SocketError::InvalidState),
        }
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr> {
        match &self.state {
            State::Connected { established, .. } => Ok(established.remote),
            State::Failed(error) => Err(*error),
            _ => Err(SocketError::InvalidState),
        }
    }

    pub(crate) fn set_backlog(&mut self, value: u64) -> Result<()> {
        if value == 0 {
            return Err(SocketError::InvalidArgument);
        }
        self.backlog = u32::try_from(value).unwrap_or(u32::MAX);
        match &self.state {
            State::Connected { .. } | State::Connecting(_) | State::Failed(_) => Err(SocketError::InvalidState),
            State::Listening(listener) => {
                listener.set_backlog(self.backlog);
                Ok(())
            }
            State::New | State::Bound(_) => Ok(()),
        }
    }
}

impl State {
    fn connected(established: Established) -> Self {
        Self::Connected { established, reading: false, writing: false }
    }
}

impl Stack {
    /// Listens at a binding, and by the sockets of the host that stand for its port.
    pub(crate) fn listen(self: &Arc<Self>, binding: Binding, backlog: u32) -> Result<Arc<Listener>> {
        let counters = Arc::clone(&self.counters);
        match binding {
            Binding::Host(socket) => {
                let local = socket.local_addr()?;
                let listener = socket.listen(backlog)?;
                Ok(Listener::new(None, (local, local), vec![listener], backlog, counters))
            }
            Binding::Own(bound) => {
                let local = bound.address;
                // What only listens on the loopback is not for others.
                let kernel = if local.ip().is_loopback() { Vec::new() } else { self.published.tcp(local.port())? };
                let own = match local.ip() {
                    address if address.is_unspecified() => self.main_address(address.is_ipv6()),
                    address => address,
                };
                let own = SocketAddr::new(own, local.port());
                let listener = Listener::new(Some(bound), (local, own), kernel, backlog, counters);
                listener.announce();
                Ok(listener)
            }
        }
    }
}
