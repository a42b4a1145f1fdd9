//! [`Stack`]: the network of one container: its places on networks, its ports, its rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::code::{Result, SocketError};
use super::counters::Counters;
use super::names::Known;
use super::pipe::Pipe;
use super::ports::{Bound, Ports};
use super::published::Published;
use super::refusals::Refusals;
use super::{Egress, EndpointSpec, Network, NetworkError, NetworkMode, NetworkSpec, Protocol};
use crate::Output;

/// Networks that one container may be on.
pub(crate) const MAX_ENDPOINTS: usize = 64;

/// The network of one container.
pub(crate) struct Stack {
    pub(super) fabric: Arc<Network>,
    pub(super) mode: NetworkMode,
    pub(super) hosts: Vec<(String, IpAddr)>,
    pub(super) name_servers: Vec<IpAddr>,
    pub(super) egress: Egress,
    pub(super) endpoints: RwLock<Vec<EndpointSpec>>,
    pub(super) ports: Arc<Ports>,
    pub(super) published: Published,
    pub(super) counters: Arc<Counters>,
    pub(super) known: Mutex<Known>,
    pub(super) refusals: Refusals,
    /// Names that are being looked up beyond its networks.
    pub(super) lookups: AtomicU32,
    links: Mutex<Links>,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").field("mode", &self.mode).field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

/// Connections through networks, to be cut when their network is left.
#[derive(Debug, Default)]
struct Links {
    links: Vec<(Arc<str>, [Weak<Pipe>; 2])>,
    /// Ended ones are forgotten when there are so many.
    prune_at: usize,
}

impl Stack {
    /// The network of a container that is given this, and the sockets that stand for its published ports. What its rules
    /// refuse is told to `output`.
    pub(super) fn new(
        fabric: Arc<Network>,
        spec: NetworkSpec,
        sockets: Vec<OwnedFd>,
        output: Arc<dyn Output>,
    ) -> Result<Arc<Self>, NetworkError> {
        let published = Published::new(&spec.published, sockets)?;
        if spec.endpoints.len() > MAX_ENDPOINTS {
            return Err(too_many());
        }
        let stack = Arc::new(Self {
            fabric,
            mode: spec.mode,
            hosts: spec.hosts,
            name_servers: spec.name_servers,
            egress: spec.egress,
            endpoints: RwLock::default(),
            ports: Arc::default(),
            published,
            counters: Arc::default(),
            known: Mutex::default(),
            refusals: Refusals::new(output),
            lookups: AtomicU32::new(0),
            links: Mutex::default(),
        });
        if stack.mode == NetworkMode::Virtual {
            spec.endpoints.into_iter().try_for_each(|endpoint| stack.enter(endpoint))?;
        }
        Ok(stack)
    }

    /// Takes a place on a network.
    pub(super) fn enter(self: &Arc<Self>, endpoint: EndpointSpec) -> Result<(), NetworkError> {
        if self.mode != NetworkMode::Virtual {
            return Err(NetworkError::NotVirtual(endpoint.network));
        }
        let mut endpoints = self.endpoints.write();
        if let Some(known) = endpoints.iter_mut().find(|other| other.network == endpoint.network) {
            if !known.addresses().eq(endpoint.addresses()) {
                return Err(NetworkError::AlreadyThere(endpoint.network));
            }
            // It has other names now; its connections go on.
            self.fabric.rename(self, &endpoint);
            *known = endpoint;
            return Ok(());
        }
        if endpoints.len() >= MAX_ENDPOINTS {
            return Err(too_many());
        }
        self.fabric.enter(self, &endpoint)?;
        endpoints.push(endpoint);
        Ok(())
    }

    /// Leaves a network, and cuts the connections through it.
    pub(super) fn leave(&self, network: &str) -> Result<(), NetworkError> {
        let mut endpoints = self.endpoints.write();
        let Some(index) = endpoints.iter().position(|endpoint| endpoint.network == network) else {
            return Err(NetworkError::NotThere(network.to_owned()));
        };
        let endpoint = endpoints.remove(index);
        drop(endpoints);
        self.fabric.leave(self, &endpoint);
        self.cut(network);
        Ok(())
    }

    /// Notes a connection through a network.
    pub(super) fn link(&self, network: &Arc<str>, pipes: &[Arc<Pipe>; 2]) {
        let mut links = self.links.lock();
        if links.links.len() >= links.prune_at {
            links.links.retain(|(_, pipes)| pipes.iter().any(|pipe| pipe.strong_count() > 0));
            links.prune_at = (links.links.len() * 2).max(64);
        }
        links.links.push((Arc::clone(network), pipes.each_ref().map(Arc::downgrade)));
    }

    fn cut(&self, network: &str) {
        let mut links = self.links.lock();
        let cut: Vec<_> = links.links.extract_if(.., |(of, _)| **of == *network).collect();
        drop(links);
        for pipe in cut.iter().flat_map(|(_, pipes)| pipes).filter_map(Weak::upgrade) {
            pipe.reset();
        }
    }

    /// Takes a port at an address of the guest's, which may be all of them.
    pub(super) fn bind(&self, protocol: Protocol, address: SocketAddr) -> Result<Bound> {
        if !self.is_own(address.ip()) && !address.ip().is_unspecified() {
            return Err(SocketError::AddressNotBindable);
        }
        self.ports.bind(protocol, address)
    }

    /// An address of the guest itself.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.endpoints.read().iter().any(|endpoint| endpoint.has(address))
    }

    /// The address as which others know it best.
    pub(super) fn main_address(&self, v6: bool) -> IpAddr {
        let endpoints = self.endpoints.read();
        let of = |endpoint: &EndpointSpec| {
            if v6 { endpoint.v6.map(IpAddr::V6) } else { endpoint.v4.map(IpAddr::V4) }
        };
        let external = endpoints.iter().filter(|endpoint| !endpoint.internal).find_map(of);
        external.or_else(|| endpoints.iter().find_map(of)).unwrap_or_else(|| localhost(v6))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for endpoint in self.endpoints.get_mut() {
            self.fabric.gone(endpoint);
        }
    }
}

fn too_many() -> NetworkError {
    NetworkError::TooMany(format!("a container can be on {MAX_ENDPOINTS} networks at most"))
}

/// The loopback's address.
pub(super) fn localhost(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
}

impl EndpointSpec {
    /// It is this place's address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4 == Some(v4),
            IpAddr::V6(v6) => self.v6 == Some(v6),
        }
    }

    /// The place's address of this family.
    pub(super) fn address(&self, v6: bool) -> Option<IpAddr> {
        if v6 { self.v6.map(IpAddr::V6) } else { self.v4.map(IpAddr::V4) }
    }

    /// The place's addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.address(false).into_iter().chain(self.address(true))
    }

    /// It is an address of the place's network.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        let Some(own) = self.address(address.is_ipv6()) else { return false };
        let prefix = if own.is_ipv6() { self.prefix_v6 } else { self.prefix_v4 };
        ipnet::IpNet::new(own, prefix).is_ok_and(|network| network.trunc().contains(&address))
    }

    /// It is the host's address there.
    pub(super) fn is_gateway(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.gateway_v4 == Some(v4),
            IpAddr::V6(v6) => self.gateway_v6 == Some(v6),
        }
    }
}
