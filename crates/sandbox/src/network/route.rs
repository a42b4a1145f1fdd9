//! Where what a guest sends goes: to itself, to a member of its networks, or beyond them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::NetworkMode;
use super::code::{Result, SocketError};
use super::fabric::Found;
use super::stack::{Stack, localhost};

/// Where it goes.
#[derive(Debug)]
pub(super) enum Route {
    /// To a guest of this process, which sees the sender at this address. The network it goes through, if any.
    Guest { to: Arc<Stack>, from: IpAddr, network: Option<Arc<str>> },
    /// To a guest of another worker.
    Worker { worker: String, from: IpAddr, network: Arc<str> },
    /// To this address of the host's network.
    Outside(SocketAddr),
}

/// Which way that is, before the rules of what lies beyond the networks are asked.
enum Direction {
    Inside(Route),
    Outside(SocketAddr),
}

impl Stack {
    /// Where what is sent to `to` goes.
    pub(super) fn route(self: &Arc<Self>, to: SocketAddr) -> Result<Route> {
        match self.direction(to)? {
            Direction::Inside(route) => Ok(route),
            Direction::Outside(real) => self.outside(to, real),
        }
    }

    /// The guest of this process that is at an address.
    pub(super) fn neighbour(self: &Arc<Self>, at: SocketAddr) -> Option<Arc<Self>> {
        match self.direction(at) {
            Ok(Direction::Inside(Route::Guest { to, .. })) => Some(to),
            Ok(_) | Err(_) => None,
        }
    }

    fn direction(self: &Arc<Self>, to: SocketAddr) -> Result<Direction> {
        let address = to.ip();
        if self.mode == NetworkMode::Host {
            // The host's own loopback is this guest's.
            let own = address.is_loopback();
            return Ok(if own { Direction::Inside(Route::Outside(to)) } else { Direction::Outside(to) });
        }
        let inside = |route| Ok(Direction::Inside(route));
        if address.is_loopback() {
            let from = localhost(address.is_ipv6());
            return inside(Route::Guest { to: Arc::clone(self), from, network: None });
        }
        let endpoints = self.endpoints.read();
        for endpoint in endpoints.iter() {
            if endpoint.has(address) {
                return inside(Route::Guest { to: Arc::clone(self), from: address, network: None });
            }
            if !endpoint.covers(address) {
                continue;
            }
            if endpoint.is_gateway(address) && !endpoint.internal {
                let real = SocketAddr::new(localhost(address.is_ipv6()), to.port());
                return Ok(Direction::Outside(real));
            }
            let from = endpoint.address(address.is_ipv6()).unwrap_or(address);
            return match self.fabric.find(&endpoint.network, address) {
                Some((Found::Guest(stack), network)) => {
                    inside(Route::Guest { to: stack, from, network: Some(network) })
                }
                Some((Found::Worker(worker), network)) => inside(Route::Worker { worker, from, network }),
                None => Err(SocketError::RemoteUnreachable),
            };
        }
        if self.mode == NetworkMode::None || endpoints.iter().all(|endpoint| endpoint.internal) {
            return Err(SocketError::RemoteUnreachable);
        }
        Ok(Direction::Outside(to))
    }

    /// To `real` of the host's network, if the rules allow `to`.
    fn outside(&self, to: SocketAddr, real: SocketAddr) -> Result<Route> {
        let (address, port) = (to.ip(), to.port());
        if address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast()) {
            return Err(SocketError::RemoteUnreachable);
        }
        let by_address = self.egress.allows_address(address, port) || self.egress.allows_address(real.ip(), port);
        if by_address || self.known.lock().names(address).any(|name| self.egress.allows_name(name, port)) {
            return Ok(Route::Outside(real));
        }
        self.counters.refused();
        let name = self.known.lock().names(address).next().map(ToOwned::to_owned);
        let rule = match (&name, address) {
            (Some(name), _) => format!("{name}:{port}"),
            (None, IpAddr::V4(v4)) => format!("{v4}:{port}"),
            (None, IpAddr::V6(v6)) => format!("[{v6}]:{port}"),
        };
        self.refusals.tell(&format!("a connection to {rule} ({address})"), &rule);
        Err(SocketError::AccessDenied)
    }
}
