//! [`Ports`]: which ports of a guest are taken, and by whom.
//!
//! A container has its own ports, the privileged ones included. IPv4 and IPv6 are apart, as WASI has it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Protocol;
use super::code::{Result, SocketError};
use super::listener::Listener;
use super::udp_port::UdpPort;

/// Ports that are given to sockets which ask for any, as Linux does (`ip_local_port_range`).
pub(crate) const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// Which ports of a guest are taken.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    places: HashMap<Key, Vec<Place>>,
    /// Ephemeral ports given so far.
    given: u16,
    serial: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    protocol: Protocol,
    v6: bool,
    port: u16,
}

#[derive(Debug)]
struct Place {
    serial: u64,
    address: IpAddr,
    holder: Holder,
}

/// Who answers on a port.
#[derive(Debug, Clone)]
enum Holder {
    Nobody,
    Listener(Weak<Listener>),
    Udp(Weak<UdpPort>),
}

/// A port that is taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Bound {
    ports: Arc<Ports>,
    key: Key,
    serial: u64,
    pub(crate) address: SocketAddr,
}

impl Ports {
    /// Takes an address; port 0 is any that is free.
    pub(crate) fn bind(self: &Arc<Self>, protocol: Protocol, address: SocketAddr) -> Result<Bound> {
        let mut taken = self.taken.lock();
        let port = match address.port() {
            0 => taken.free_port(protocol, address.ip()).ok_or(SocketError::AddressInUse)?,
            port if taken.is_free(Key::new(protocol, address.ip(), port), address.ip()) => port,
            _ => return Err(SocketError::AddressInUse),
        };
        let key = Key::new(protocol, address.ip(), port);
        taken.serial += 1;
        let serial = taken.serial;
        let place = Place { serial, address: address.ip(), holder: Holder::Nobody };
        taken.places.entry(key).or_default().push(place);
        Ok(Bound { ports: Arc::clone(self), key, serial, address: SocketAddr::new(address.ip(), port) })
    }

    /// Who listens on an address.
    pub(crate) fn listener(&self, address: SocketAddr) -> Option<Arc<Listener>> {
        self.holder(Protocol::Tcp, address, |holder| match holder {
            Holder::Listener(listener) => listener.upgrade(),
            Holder::Nobody | Holder::Udp(_) => None,
        })
    }

    /// Who takes datagrams at an address.
    pub(crate) fn udp(&self, address: SocketAddr) -> Option<Arc<UdpPort>> {
        self.holder(Protocol::Udp, address, |holder| match holder {
            Holder::Udp(port) => port.upgrade(),
            Holder::Nobody | Holder::Listener(_) => None,
        })
    }

    fn holder<T>(&self, protocol: Protocol, at: SocketAddr, get: impl Fn(&Holder) -> Option<T>) -> Option<T> {
        let taken = self.taken.lock();
        let places = taken.places.get(&Key::new(protocol, at.ip(), at.port()))?;
        // Of an address and all addresses, the address counts.
        let exact = places.iter().filter(|place| place.address == at.ip());
        let any = places.iter().filter(|place| place.address.is_unspecified());
        exact.chain(any).find_map(|place| get(&place.holder))
    }
}

impl Taken {
    fn is_free(&self, key: Key, address: IpAddr) -> bool {
        let clashes =
            |place: &Place| place.address == address || place.address.is_unspecified() || address.is_unspecified();
        self.places.get(&key).is_none_or(|places| !places.iter().any(clashes))
    }

    fn free_port(&mut self, protocol: Protocol, address: IpAddr) -> Option<u16> {
        let span = EPHEMERAL.end() - EPHEMERAL.start() + 1;
        (0..span).find_map(|_| {
            let port = EPHEMERAL.start() + self.given;
            self.given = (self.given + 1) % span;
            self.is_free(Key::new(protocol, address, port), address).then_some(port)
        })
    }
}

impl Key {
    fn new(protocol: Protocol, address: IpAddr, port: u16) -> Self {
        Self { protocol, v6: address.is_ipv6(), port }
    }
}

impl Bound {
    /// From now on this listener answers there.
    pub(crate) fn listen(&self, listener: &Arc<Listener>) {
        self.hold(Holder::Listener(Arc::downgrade(listener)));
    }

    /// From now on this takes datagrams there.
    pub(crate) fn receive(&self, port: &Arc<UdpPort>) {
        self.hold(Holder::Udp(Arc::downgrade(port)));
    }

    fn hold(&self, holder: Holder) {
        let mut taken = self.ports.taken.lock();
        let places = taken.places.get_mut(&self.key);
        if let Some(place) = places.and_then(|places| places.iter_mut().find(|place| place.serial == self.serial)) {
            place.holder = holder;
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let mut taken = self.ports.taken.lock();
        if let Some(places) = taken.places.get_mut(&self.key) {
            places.retain(|place| place.serial != self.serial);
            if places.is_empty() {
                taken.places.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(ports: &Arc<Ports>, address: &str) -> Result<Bound> {
        ports.bind(Protocol::Tcp, address.parse().unwrap())
    }

    #[test]
    fn a_port_is_taken_once_for_each_address_protocol_and_family() {
        let ports = Arc::new(Ports::default());
        let first = bind(&ports, "10.0.0.1:80").unwrap();
        assert_eq!(bind(&ports, "10.0.0.1:80").unwrap_err(), SocketError::AddressInUse);
        assert_eq!(bind(&ports, "0.0.0.0:80").unwrap_err(), SocketError::AddressInUse);
        let _others = [bind(&ports, "127.0.0.1:80").unwrap(), bind(&ports, "[::]:80").unwrap()];
        let _udp = ports.bind(Protocol::Udp, first.address).unwrap();
        drop(first);
        assert!(bind(&ports, "10.0.0.1:80").is_ok());
    }

    #[test]
    fn any_port_is_an_ephemeral_one_until_none_is_left() {
        let ports = Arc::new(Ports::default());
        let mut all: Vec<_> = EPHEMERAL.map(|_| bind(&ports, "0.0.0.0:0").unwrap()).collect();
        assert!(all.iter().all(|bound| EPHEMERAL.contains(&bound.address.port())));
        assert_eq!(bind(&ports, "0.0.0.0:0").unwrap_err(), SocketError::AddressInUse);
        let free = all.swap_remove(1000).address;
        assert_eq!(bind(&ports, "0.0.0.0:0").unwrap().address, free);
    }
}
