//! Published ports: bound by the engine while their container runs, and handed to its worker, which accepts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::{EngineError, PortSpec};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Free ports that are tried until one is free for IPv4 and IPv6.
const FREE_TRIES: u32 = 16;
/// Most sockets of one container.
const SOCKETS_LIMIT: usize = sprat_worker::MAX_SOCKETS;

/// The ports of one running container. Dropping it closes this process's sockets.
#[derive(Debug, Default)]
pub(crate) struct BoundPorts {
    sockets: Vec<OwnedFd>,
    /// As bound, one entry a socket: no host port is 0.
    pub(crate) ports: Vec<PortSpec>,
}

impl BoundPorts {
    /// Binds all, or none.
    ///
    /// # Errors
    /// One is taken or not allowed.
    pub(crate) fn bind(specs: &[PortSpec]) -> Result<Self, EngineError> {
        let mut bound = Self::default();
        specs.iter().try_for_each(|spec| bound.add(spec))?;
        if bound.sockets.len() > SOCKETS_LIMIT {
            let text = format!("{} ports are published, and {SOCKETS_LIMIT} is the limit", bound.sockets.len());
            return Err(EngineError::Invalid(text));
        }
        Ok(bound)
    }

    /// What an earlier daemon had bound for a container that goes on. Its worker has the sockets, so nobody can have taken
    /// a port meanwhile: they are not bound again.
    pub(crate) const fn of_worker(ports: Vec<PortSpec>) -> Self {
        Self { sockets: Vec::new(), ports }
    }

    /// Copies of the sockets for the worker, in the order of the ports.
    ///
    /// # Errors
    /// There are too many open files.
    pub(crate) fn copies(&self) -> Result<Vec<OwnedFd>, EngineError> {
        let copies = self.sockets.iter().map(OwnedFd::try_clone);
        copies.collect::<Result<_, _>>().map_err(EngineError::io("hand a port to a worker"))
    }

    fn add(&mut self, spec: &PortSpec) -> Result<(), EngineError> {
        let addresses = host_addresses(spec)?;
        let mut last = None;
        for port in candidates(spec) {
            match bind_all(spec, &addresses, port) {
                Ok(bound) => {
                    for (address, socket) in bound {
                        self.sockets.push(socket);
                        let host_ip = address.ip().to_string();
                        self.ports.push(PortSpec { host: address.port(), host_ip, host_last: 0, ..spec.clone() });
                    }
                    return Ok(());
                }
                Err(failed) => last = Some(failed),
            }
        }
        let (address, reason) = last.unwrap_or_else(|| (String::new(), "no port is named".to_owned()));
        Err(EngineError::Port { address, reason })
    }
}

/// The ports of the host that are tried in turn.
fn candidates(spec: &PortSpec) -> Box<dyn Iterator<Item = u16> + Send> {
    match (spec.host, spec.host_last) {
        (0, _) => Box::new((0..FREE_TRIES).map(|_| 0)),
        (first, last) => Box::new(first..=last.max(first)),
    }
}

/// Binds a port on all addresses, or on none. A port of 0 is the same free one on all.
fn bind_all(spec: &PortSpec, all: &[IpAddr], port: u16) -> Result<Vec<(SocketAddr, OwnedFd)>, (String, String)> {
    let mut bound: Vec<(SocketAddr, OwnedFd)> = Vec::new();
    for ip in all {
        let port = bound.first().map_or(port, |(address, _)| address.port());
        let address = SocketAddr::new(*ip, port);
        match bind_one(&spec.protocol, address) {
            Ok(socket) => bound.push(socket),
            // A host without IPv6 has IPv4 alone, unless IPv6 was asked for.
            Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if all.len() > 1 && ip.is_ipv6() => {}
            Err(error) => return Err((address.to_string(), reason(error))),
        }
    }
    Ok(bound)
}

fn bind_one(protocol: &str, address: SocketAddr) -> Result<(SocketAddr, OwnedFd), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let datagrams = protocol == "udp";
    let kind = if datagrams { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if !datagrams {
        // Connections of the last run that linger are no reason to refuse the next one.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    net::bind(&socket, &address)?;
    if !datagrams {
        net::listen(&socket, BACKLOG)?;
    }
    let local = net::getsockname(&socket)?;
    Ok((SocketAddr::try_from(local)?, socket))
}

/// Checks what can be checked before the start.
///
/// # Errors
/// The protocol or the address is unknown.
pub(crate) fn check(specs: &[PortSpec]) -> Result<(), EngineError> {
    if specs.len() > SOCKETS_LIMIT {
        let text = format!("{} ports are published, and {SOCKETS_LIMIT} is the limit", specs.len());
        return Err(EngineError::Invalid(text));
    }
    for spec in specs {
        if !matches!(spec.protocol.as_str(), "tcp" | "udp") {
            let text = format!("invalid port protocol {:?}: use tcp or udp", spec.protocol);
            return Err(EngineError::Invalid(text));
        }
        if spec.container == 0 {
            return Err(EngineError::Invalid("invalid port specification: the container port is 0".to_owned()));
        }
        host_addresses(spec)?;
    }
    Ok(())
}

/// The addresses of the host that a port is bound on: without one all of IPv4 and all of IPv6, as in docker.
fn host_addresses(spec: &PortSpec) -> Result<Vec<IpAddr>, EngineError> {
    match spec.host_ip.trim_start_matches('[').trim_end_matches(']') {
        "" => Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]),
        text => match text.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => Err(EngineError::Invalid(format!("invalid IP address: {text}"))),
        },
    }
}

fn reason(error: Errno) -> String {
    match error {
        Errno::ADDRINUSE => "port is already allocated".to_owned(),
        Errno::ACCESS | Errno::PERM => "permission denied: ports below 1024 need root".to_owned(),
        Errno::ADDRNOTAVAIL => "cannot assign requested address: no interface has it".to_owned(),
        other => std::io::Error::from(other).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(host: u16) -> PortSpec {
        let (protocol, host_ip) = ("tcp".to_owned(), "127.0.0.1".to_owned());
        PortSpec { container: 80, protocol, host_ip, host, host_last: 0 }
    }

    #[test]
    fn a_port_in_use_is_named_and_free_again_after_the_drop() {
        let first = BoundPorts::bind(&[loopback(0)]).unwrap();
        let port = first.ports[0].host;
        assert_ne!(port, 0);
        let error = BoundPorts::bind(&[loopback(port)]).unwrap_err().to_string();
        assert!(error.contains(&format!("Bind for 127.0.0.1:{port} failed: port is already allocated")), "{error}");
        drop(first);
        BoundPorts::bind(&[loopback(port)]).unwrap();
    }

    #[test]
    fn a_port_of_no_address_is_one_port_of_ipv4_and_ipv6() {
        for protocol in ["tcp", "udp"] {
            let spec = PortSpec { host_ip: String::new(), protocol: protocol.to_owned(), ..loopback(0) };
            let bound = BoundPorts::bind(&[spec]).unwrap();
            assert_eq!(bound.ports[0].host_ip, "0.0.0.0");
            assert!(bound.ports.iter().all(|port| port.host == bound.ports[0].host), "{:?}", bound.ports);
            assert_eq!(bound.copies().unwrap().len(), bound.ports.len());
            if let Some(port) = bound.ports.get(1) {
                assert_eq!(port.host_ip, "::");
            }
        }
    }

    #[test]
    fn of_a_range_the_first_free_port_is_taken() {
        let held = BoundPorts::bind(&[loopback(0)]).unwrap();
        let first = held.ports[0].host;
        if first < 65_000 {
            let range = PortSpec { host: first, host_last: first + 50, ..loopback(0) };
            let bound = BoundPorts::bind(&[range]).unwrap();
            assert!(bound.ports[0].host > first && bound.ports[0].host <= first + 50);
        }
        let only = PortSpec { host: first, host_last: first, ..loopback(0) };
        BoundPorts::bind(&[only]).unwrap_err();
    }

    #[test]
    fn odd_ports_are_refused_early() {
        for spec in [
            PortSpec { protocol: "icmp".to_owned(), ..loopback(0) },
            PortSpec { container: 0, ..loopback(0) },
            PortSpec { host_ip: "here".to_owned(), ..loopback(0) },
        ] {
            assert!(check(&[spec]).is_err());
        }
        check(&[PortSpec { host_ip: "[::1]".to_owned(), ..loopback(0) }]).unwrap();
        let many = vec![loopback(0); SOCKETS_LIMIT + 1];
        assert!(check(&many).is_err() && check(&many[1..]).is_ok());
    }
}
