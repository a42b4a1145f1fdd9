//! Published ports: bound by the engine while their container runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use crate::{EngineError, PortSpec};

/// The ports of one running container. Dropping it closes them.
#[derive(Debug, Default)]
pub(crate) struct BoundPorts {
    _tcp: Vec<TcpListener>,
    _udp: Vec<UdpSocket>,
    /// As bound: no host port is 0.
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
        Ok(bound)
    }

    /// Binds again what an earlier daemon had bound. What can't be bound is left out and told to `lost`.
    pub(crate) fn bind_again(specs: &[PortSpec], mut lost: impl FnMut(&PortSpec, EngineError)) -> Self {
        let mut bound = Self::default();
        for spec in specs {
            if let Err(error) = bound.add(spec) {
                lost(spec, error);
            }
        }
        bound
    }

    fn add(&mut self, spec: &PortSpec) -> Result<(), EngineError> {
        let address = SocketAddr::new(host_ip(spec)?, spec.host);
        let failed = |error: std::io::Error| EngineError::Port { address: address.to_string(), reason: reason(&error) };
        let local = match spec.protocol.as_str() {
            "udp" => {
                let socket = UdpSocket::bind(address).map_err(failed)?;
                let local = socket.local_addr().map_err(failed)?;
                self._udp.push(socket);
                local
            }
            _ => {
                let listener = TcpListener::bind(address).map_err(failed)?;
                let local = listener.local_addr().map_err(failed)?;
                self._tcp.push(listener);
                local
            }
        };
        self.ports.push(PortSpec { host: local.port(), ..spec.clone() });
        Ok(())
    }
}

/// Checks what can be checked before the start.
///
/// # Errors
/// The protocol or the address is unknown.
pub(crate) fn check(specs: &[PortSpec]) -> Result<(), EngineError> {
    for spec in specs {
        if !matches!(spec.protocol.as_str(), "tcp" | "udp") {
            let text = format!("invalid port protocol {:?}: use tcp or udp", spec.protocol);
            return Err(EngineError::Invalid(text));
        }
        if spec.container == 0 {
            return Err(EngineError::Invalid("invalid port specification: the container port is 0".to_owned()));
        }
        host_ip(spec)?;
    }
    Ok(())
}

fn host_ip(spec: &PortSpec) -> Result<IpAddr, EngineError> {
    match spec.host_ip.trim_start_matches('[').trim_end_matches(']') {
        "" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        text => text.parse().map_err(|_| EngineError::Invalid(format!("invalid IP address: {text}"))),
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "port is already allocated".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied: ports below 1024 need root".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "cannot assign requested address: no interface has it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(host: u16) -> PortSpec {
        PortSpec { container: 80, protocol: "tcp".to_owned(), host_ip: "127.0.0.1".to_owned(), host }
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
    fn odd_ports_are_refused_early() {
        for spec in [
            PortSpec { protocol: "icmp".to_owned(), ..loopback(0) },
            PortSpec { container: 0, ..loopback(0) },
            PortSpec { host_ip: "here".to_owned(), ..loopback(0) },
        ] {
            assert!(check(&[spec]).is_err());
        }
        check(&[PortSpec { host_ip: "[::1]".to_owned(), ..loopback(0) }]).unwrap();
    }
}
