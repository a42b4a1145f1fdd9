//! Names: a guest's own, those of the members of its networks, and with egress those of the world.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::code::{Result, SocketError};
use super::rules::canonical;
use super::stack::{Stack, localhost};
use super::{EndpointSpec, NetworkMode};

/// Bytes of a name, as in the domain name system (RFC 1035, section 2.3.4).
pub(crate) const MAX_NAME: usize = 253;

/// Names that one container may look up beyond its networks at once.
pub(crate) const MAX_LOOKUPS: u32 = 64;

/// Addresses whose names are remembered, so that rules which allow a name allow its addresses.
pub(crate) const MAX_KNOWN: usize = 4096;

/// Names that are remembered of one address.
const MAX_ALIASES: usize = 16;

/// A name being looked up.
pub(crate) enum Lookup {
    Done(Result<Vec<IpAddr>>),
    Pending(Pin<Box<dyn Future<Output = Result<Vec<IpAddr>>> + Send>>),
}

/// As which names addresses were found.
#[derive(Debug, Default)]
pub(crate) struct Known {
    names: HashMap<IpAddr, Vec<String>>,
    order: VecDeque<IpAddr>,
}

impl Known {
    /// The names that this address was found by.
    pub(super) fn names(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.names.get(&address.to_canonical()).into_iter().flatten().map(String::as_str)
    }

    fn learn(&mut self, name: &str, address: IpAddr) {
        let address = address.to_canonical();
        let names = self.names.entry(address).or_default();
        if names.is_empty() {
            self.order.push_back(address);
        }
        names.retain(|known| known != name);
        if names.len() >= MAX_ALIASES {
            names.pop();
        }
        names.insert(0, name.to_owned());
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }
}

impl Stack {
    /// Looks a name up.
    pub(crate) fn look_up(self: &Arc<Self>, name: &str) -> Lookup {
        match self.look_up_here(name) {
            Some(found) => Lookup::Done(found),
            None => self.look_up_outside(canonical(name)),
        }
    }

    /// What needs no server. `None`: it is no name that is known here.
    fn look_up_here(&self, name: &str) -> Option<Result<Vec<IpAddr>>> {
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse() {
            return Some(Ok(vec![address]));
        }
        let name = canonical(name);
        if name.is_empty() || name.len() > MAX_NAME || name.contains(|c: char| c.is_control() || c == ' ') {
            return Some(Err(SocketError::InvalidArgument));
        }
        let own: Vec<_> = self.hosts.iter().filter(|(own, _)| canonical(own) == name).map(|(_, to)| *to).collect();
        if !own.is_empty() {
            let mut known = self.known.lock();
            own.iter().for_each(|address| known.learn(&name, *address));
            return Some(Ok(own));
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Some(Ok(vec![localhost(false), localhost(true)]));
        }
        let endpoints = self.endpoints.read();
        let found: Vec<_> = endpoints.iter().flat_map(|endpoint| self.members(endpoint, &name)).collect();
        (!found.is_empty()).then_some(Ok(found))
    }

    fn members(&self, endpoint: &EndpointSpec, name: &str) -> Vec<IpAddr> {
        self.fabric.named(&endpoint.network, name)
    }

    fn look_up_outside(self: &Arc<Self>, name: String) -> Lookup {
        let external = match self.mode {
            NetworkMode::Host => true,
            NetworkMode::None => false,
            NetworkMode::Virtual => self.endpoints.read().iter().any(|endpoint| !endpoint.internal),
        };
        if !external || self.name_servers.is_empty() {
            return Lookup::Done(Err(SocketError::NameUnresolvable));
        }
        if !self.egress.allows_lookup(&name) {
            // A name without a dot is rather one of a container that is not there.
            if name.contains('.') {
                self.counters.refused();
                self.refusals.tell(&format!("the name {name}"), &name);
            }
            return Lookup::Done(Err(SocketError::NameUnresolvable));
        }
        if self.lookups.fetch_add(1, Ordering::SeqCst) >= MAX_LOOKUPS {
            self.lookups.fetch_sub(1, Ordering::SeqCst);
            return Lookup::Done(Err(SocketError::TemporaryResolverFailure));
        }
        let counted = Counted(Arc::clone(self));
        Lookup::Pending(Box::pin(async move {
            let stack = &counted.0;
            let found = stack.fabric.resolve(&stack.name_servers, &name).await?;
            let mut known = stack.known.lock();
            found.iter().filter(|address| may_be_named(**address)).for_each(|address| known.learn(&name, *address));
            Ok(found)
        }))
    }
}

/// A name of the world can stand for it: whoever owns a name may point it at the host's own services and metadata, which
/// only a rule with an address allows.
fn may_be_named(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()),
        IpAddr::V6(v6) => !(v6 == Ipv6Addr::LOCALHOST || v6.is_unicast_link_local() || v6.is_unspecified()),
    }
}

/// One of the lookups of a container.
struct Counted(Arc<Stack>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lookups.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_remembered_by_name_up_to_the_limits() {
        let mut known = Known::default();
        let address = |number: u32| IpAddr::V4(number.into());
        for number in 0..=u32::try_from(MAX_KNOWN).unwrap() {
            known.learn("a.example", address(number));
        }
        assert_eq!(known.names(address(0)).count(), 0);
        assert_eq!(known.names(address(1)).collect::<Vec<_>>(), ["a.example"]);
        for number in 0..MAX_ALIASES + 5 {
            known.learn(&format!("{number}.example"), address(1));
        }
        assert_eq!(known.names(address(1)).count(), MAX_ALIASES);
        assert_eq!(known.order.len(), MAX_KNOWN);
    }

    #[test]
    fn a_name_never_opens_the_hosts_own_services() {
        for (address, may) in [
            ("93.184.216.34", true),
            ("10.0.0.1", true),
            ("127.0.0.53", false),
            ("::ffff:127.0.0.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("fe80::1", false),
            ("2001:db8::1", true),
        ] {
            assert_eq!(may_be_named(address.parse().unwrap()), may, "{address}");
        }
    }
}
