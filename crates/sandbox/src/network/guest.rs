//! [`GuestNetwork`]: a container's network, which costs nothing until it is used or others can use it.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::code::{Result, SocketError};
use super::dial::Binding;
use super::host_sockets;
use super::listener::{BACKLOG, Listener};
use super::stack::Stack;
use super::{EndpointSpec, Network, NetworkError, NetworkMode, NetworkSpec, NetworkUsage, Protocol};
use crate::Output;

/// Ports of which a program that can't open sockets is given listening ones.
const MAX_EXPOSED: usize = 128;

/// The port of an HTTP service that exposes none.
const HTTP: u16 = 80;

/// A container's network, shared by all its processes.
pub(crate) struct GuestNetwork {
    stack: OnceLock<Arc<Stack>>,
    /// What it is made of when it is first used.
    parts: Mutex<Option<Parts>>,
    /// TCP ports that programs which can't open sockets listen on.
    exposed: Vec<u16>,
}

struct Parts {
    fabric: Arc<Network>,
    spec: NetworkSpec,
    output: Arc<dyn Output>,
}

impl std::fmt::Debug for GuestNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestNetwork").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl GuestNetwork {
    /// The network of a container. It is set up now if it has places on networks or published ports.
    ///
    /// # Errors
    /// See [`NetworkError`].
    pub(crate) fn new(
        fabric: Arc<Network>,
        spec: NetworkSpec,
        sockets: Vec<OwnedFd>,
        output: Arc<dyn Output>,
    ) -> std::result::Result<Self, NetworkError> {
        let ports = spec.exposed.iter().chain(&spec.published);
        let mut exposed: Vec<u16> =
            ports.filter(|port| port.protocol == Protocol::Tcp).map(|port| port.container).collect();
        exposed.sort_unstable();
        exposed.dedup();
        exposed.truncate(MAX_EXPOSED);
        let network = Self { stack: OnceLock::new(), parts: Mutex::default(), exposed };
        if spec.mode == NetworkMode::Virtual || !spec.published.is_empty() || !sockets.is_empty() {
            let stack = Stack::new(fabric, spec, sockets, output)?;
            // Set once, here.
            let _ = network.stack.set(stack);
        } else {
            *network.parts.lock() = Some(Parts { fabric, spec, output });
        }
        Ok(network)
    }

    /// The container's network; the first call may make it.
    pub(crate) fn stack(&self) -> Result<&Arc<Stack>> {
        if let Some(stack) = self.stack.get() {
            return Ok(stack);
        }
        let mut parts = self.parts.lock();
        if let Some(Parts { fabric, spec, output }) = parts.take() {
            let stack = Stack::new(fabric, spec, Vec::new(), output).map_err(|_| SocketError::Other)?;
            let _ = self.stack.set(stack);
        }
        drop(parts);
        self.stack.get().ok_or(SocketError::Other)
    }

    /// Gives it a place on a network.
    pub(crate) fn enter(&self, endpoint: EndpointSpec) -> std::result::Result<(), NetworkError> {
        match self.stack.get() {
            Some(stack) => stack.enter(endpoint),
            None => Err(NetworkError::NotVirtual(endpoint.network)),
        }
    }

    /// Takes its place on a network from it.
    pub(crate) fn leave(&self, network: &str) -> std::result::Result<(), NetworkError> {
        match self.stack.get() {
            Some(stack) => stack.leave(network),
            None => Err(NetworkError::NotThere(network.to_owned())),
        }
    }

    /// What it moved and refused.
    pub(crate) fn usage(&self) -> NetworkUsage {
        self.stack.get().map(|stack| stack.counters.usage()).unwrap_or_default()
    }

    /// TCP ports that programs which can't open sockets listen on, in the order of their descriptors.
    pub(crate) fn exposed(&self) -> &[u16] {
        &self.exposed
    }

    /// Listens for an HTTP service: on the exposed ports, or on port 80.
    ///
    /// # Errors
    /// A port is taken, or there is no network.
    pub(crate) fn listen_for_service(&self) -> std::result::Result<Vec<Arc<Listener>>, NetworkError> {
        let ports = if self.exposed.is_empty() { &[HTTP][..] } else { &self.exposed };
        let listen = |port: &u16| {
            self.listen(*port)
                .map_err(|error| NetworkError::Socket { port: format!("{port}/tcp"), reason: error.to_string() })
        };
        ports.iter().map(listen).collect()
    }

    fn listen(&self, port: u16) -> Result<Arc<Listener>> {
        let stack = self.stack()?;
        let address = (Ipv4Addr::UNSPECIFIED, port).into();
        let binding = if stack.mode == NetworkMode::Host {
            Binding::Host(host_sockets::bind_tcp(address)?)
        } else {
            Binding::Own(stack.bind(Protocol::Tcp, address)?)
        };
        stack.listen(binding, BACKLOG)
    }

    /// Listens on them; nothing stands for a port that is taken.
    pub(crate) fn listen_exposed(&self) -> impl Iterator<Item = Option<Arc<Listener>>> {
        self.exposed.iter().map(|port| self.listen(*port).ok())
    }
}
