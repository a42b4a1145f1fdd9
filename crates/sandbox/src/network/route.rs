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

impl Stack {
    /// Where what is sent to `to` goes.
    pub(super) fn route(self: &Arc<Self>, to: SocketAddr) -> Result<Route> {
        let address = to.ip();
        if self.mode == NetworkMode::Host {
            // The host's own loopback is this guest's.
            return if address.is_loopback() { Ok(Route::Outside(to)) } else { self.outside(to, to) };
        }
        if address.is_loopback() {
            let from = localhost(address.is_ipv6());
            return Ok(Route::Guest { to: Arc::clone(self), from, network: None });
        }
        let endpoints = self.endpoints.read();
        for endpoint in endpoints.iter() {
            if endpoint.has(address) {
                return Ok(Route::Guest { to: Arc::clone(self), from: address, network: None });
            }
            if !endpoint.covers(address) {
                continue;
            }
            if endpoint.is_gateway(address) && !endpoint.internal {
                return self.outside(to, SocketAddr::new(localhost(address.is_ipv6()), to.port()));
            }
            let from = endpoint.address(address.is_ipv6()).unwrap_or(address);
            return match self.fabric.find(&endpoint.network, address) {
                Some((Found::Guest(stack), network)) => Ok(Route::Guest { to: stack, from, network: Some(network) }),
                Some((Found::Worker(worker), network)) => Ok(Route::Worker { worker, from, network }),
                None => Err(SocketError::RemoteUnreachable),
            };
        }
        if self.mode == NetworkMode::None || endpoints.iter().all(|endpoint| endpoint.internal) {
            return Err(SocketError::RemoteUnreachable);
        }
        self.outside(to, to)
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
