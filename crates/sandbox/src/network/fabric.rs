//! [`Network`]: all virtual networks of this process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use super::code::Result as SocketResult;
use super::peers::Peers;
use super::resolver::Resolvers;
use super::rules::canonical;
use super::stack::Stack;
use super::{EndpointSpec, NetworkError, RemoteMember};

/// Members of other processes that one network may have.
pub(crate) const MAX_REMOTE: usize = 65_536;

/// Names of one member.
pub(crate) const MAX_NAMES: usize = 256;

/// All virtual networks of this process: who is on them, by address and by name.
#[derive(Debug, Default)]
pub struct Network {
    segments: RwLock<HashMap<Arc<str>, Segment>>,
    pub(super) peers: Peers,
    resolvers: Resolvers,
}

/// One network.
#[derive(Debug, Default)]
struct Segment {
    members: HashMap<IpAddr, Member>,
    names: HashMap<String, Vec<IpAddr>>,
    /// Which member of a name comes first in the next answer.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Member {
    at: Place,
    names: Vec<String>,
}

#[derive(Debug)]
enum Place {
    Guest(Weak<Stack>),
    Worker(String),
}

/// Where a member of a network is.
#[derive(Debug)]
pub(super) enum Found {
    Guest(Arc<Stack>),
    Worker(String),
}

impl Segment {
    fn add(&mut self, address: IpAddr, at: Place, names: &[String]) {
        self.remove(address);
        let names: Vec<_> = names.iter().take(MAX_NAMES).map(|name| canonical(name)).collect();
        for name in &names {
            let addresses = self.names.entry(name.clone()).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        self.members.insert(address, Member { at, names });
    }

    fn remove(&mut self, address: IpAddr) {
        let Some(member) = self.members.remove(&address) else { return };
        for name in member.names {
            if let Some(addresses) = self.names.get_mut(&name) {
                addresses.retain(|other| *other != address);
                if addresses.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
    }

    /// A guest that is still there has the address.
    fn is_taken(&self, address: IpAddr) -> bool {
        matches!(self.members.get(&address), Some(Member { at: Place::Guest(stack), .. }) if stack.strong_count() > 0)
    }
}

impl Network {
    /// Notes a member whose guest is in another process.
    ///
    /// # Errors
    /// A member here has its address.
    pub fn add_remote(&self, network: &str, member: RemoteMember) -> Result<(), NetworkError> {
        let mut segments = self.segments.write();
        let segment = segments.entry(network.into()).or_default();
        let addresses = || member.v4.map(IpAddr::V4).into_iter().chain(member.v6.map(IpAddr::V6));
        if let Some(address) = addresses().find(|address| segment.is_taken(*address)) {
            return Err(NetworkError::AddressInUse { network: network.to_owned(), address });
        }
        if segment.members.len() >= MAX_REMOTE {
            return Err(NetworkError::TooMany(format!("network {network} has {MAX_REMOTE} members already")));
        }
        for address in addresses() {
            segment.add(address, Place::Worker(member.worker.clone()), &member.names);
        }
        Ok(())
    }

    /// Forgets a member whose guest is, or was, in another process.
    pub fn remove_remote(&self, network: &str, addresses: &[IpAddr]) {
        self.remove(network, addresses.iter().copied(), |place| matches!(place, Place::Worker(_)));
    }

    /// Joins this process to another by one end of a pair of stream sockets.
    ///
    /// # Errors
    /// The socket can't be used.
    pub fn join(self: &Arc<Self>, worker: &str, socket: OwnedFd) -> Result<(), NetworkError> {
        self.peers.join(self, worker, socket)
    }

    /// Notes a guest of this process.
    pub(super) fn enter(&self, stack: &Arc<Stack>, endpoint: &EndpointSpec) -> Result<(), NetworkError> {
        let mut segments = self.segments.write();
        let segment = segments.entry(endpoint.network.as_str().into()).or_default();
        if let Some(address) = endpoint.addresses().find(|address| segment.is_taken(*address)) {
            return Err(NetworkError::AddressInUse { network: endpoint.network.clone(), address });
        }
        for address in endpoint.addresses() {
            segment.add(address, Place::Guest(Arc::downgrade(stack)), &endpoint.names);
        }
        Ok(())
    }

    /// Gives a guest that is on a network other names there.
    pub(super) fn rename(&self, stack: &Arc<Stack>, endpoint: &EndpointSpec) {
        let mut segments = self.segments.write();
        let Some(segment) = segments.get_mut(endpoint.network.as_str()) else { return };
        for address in endpoint.addresses() {
            segment.add(address, Place::Guest(Arc::downgrade(stack)), &endpoint.names);
        }
    }

    /// Forgets a guest that leaves a network.
    pub(super) fn leave(&self, stack: &Stack, endpoint: &EndpointSpec) {
        let is_it = |place: &Place| matches!(place, Place::Guest(guest) if std::ptr::eq(guest.as_ptr(), stack));
        self.remove(&endpoint.network, endpoint.addresses(), is_it);
    }

    /// Forgets a guest that is gone.
    pub(super) fn gone(&self, endpoint: &EndpointSpec) {
        let is_it = |place: &Place| matches!(place, Place::Guest(guest) if guest.strong_count() == 0);
        self.remove(&endpoint.network, endpoint.addresses(), is_it);
    }

    fn remove(&self, network: &str, addresses: impl Iterator<Item = IpAddr>, which: impl Fn(&Place) -> bool) {
        let mut segments = self.segments.write();
        let Some(segment) = segments.get_mut(network) else { return };
        for address in addresses {
            if segment.members.get(&address).is_some_and(|member| which(&member.at)) {
                segment.remove(address);
            }
        }
        if segment.members.is_empty() {
            segments.remove(network);
        }
    }

    /// The member with this address, and the network's id.
    pub(super) fn find(&self, network: &str, address: IpAddr) -> Option<(Found, Arc<str>)> {
        let segments = self.segments.read();
        let (id, segment) = segments.get_key_value(network)?;
        let found = match &segment.members.get(&address)?.at {
            Place::Guest(stack) => Found::Guest(stack.upgrade()?),
            Place::Worker(worker) => Found::Worker(worker.clone()),
        };
        Some((found, Arc::clone(id)))
    }

    /// The addresses of the members with this name, each time another first.
    pub(super) fn named(&self, network: &str, name: &str) -> Vec<IpAddr> {
        let segments = self.segments.read();
        let Some(segment) = segments.get(network) else { return Vec::new() };
        let Some(addresses) = segment.names.get(name) else { return Vec::new() };
        let mut addresses = addresses.clone();
        let turn = segment.turn.fetch_add(1, Ordering::Relaxed) % addresses.len().max(1);
        addresses.rotate_left(turn);
        addresses
    }

    /// Asks name servers.
    pub(super) async fn resolve(&self, servers: &[IpAddr], name: &str) -> SocketResult<Vec<IpAddr>> {
        self.resolvers.resolve(servers, name).await
    }

    /// Networks with members.
    #[cfg(test)]
    pub(super) fn segments(&self) -> usize {
        self.segments.read().len()
    }
}
