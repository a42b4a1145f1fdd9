//! [`Published`]: the sockets of the host that stand for ports of a guest.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;

use super::{NetworkError, Protocol, PublishedPort};

/// The sockets of the host that stand for ports of a guest. They are only held here: who listens is given duplicates.
#[derive(Debug, Default)]
pub(super) struct Published {
    tcp: Vec<(u16, TcpListener)>,
    udp: Vec<(u16, UdpSocket)>,
}

impl Published {
    /// Takes sockets, one for each port in order.
    pub(super) fn new(ports: &[PublishedPort], sockets: Vec<OwnedFd>) -> Result<Self, NetworkError> {
        if ports.len() != sockets.len() {
            let text = format!("{} sockets came for {} published ports", sockets.len(), ports.len());
            return Err(NetworkError::TooMany(text));
        }
        let mut published = Self::default();
        for (port, socket) in ports.iter().zip(sockets) {
            let failed =
                |reason: String| NetworkError::Socket { port: format!("{}/{}", port.container, port.protocol), reason };
            let kind = socket_type(&socket).map_err(|error| failed(error.to_string()))?;
            rustix::io::ioctl_fionbio(&socket, true).map_err(|error| failed(error.to_string()))?;
            match port.protocol {
                Protocol::Tcp if kind == SocketType::STREAM => {
                    published.tcp.push((port.container, socket.into()));
                }
                Protocol::Udp if kind == SocketType::DGRAM => published.udp.push((port.container, socket.into())),
                Protocol::Tcp | Protocol::Udp => return Err(failed("it is of another protocol".to_owned())),
            }
        }
        Ok(published)
    }

    /// Duplicates of the TCP sockets that stand for a port.
    pub(super) fn tcp(&self, port: u16) -> std::io::Result<Vec<tokio::net::TcpListener>> {
        let sockets = self.tcp.iter().filter(|(number, _)| *number == port);
        sockets.map(|(_, socket)| tokio::net::TcpListener::from_std(socket.try_clone()?)).collect()
    }

    /// Duplicates of the UDP sockets that stand for a port.
    pub(super) fn udp(&self, port: u16) -> std::io::Result<Vec<tokio::net::UdpSocket>> {
        let sockets = self.udp.iter().filter(|(number, _)| *number == port);
        sockets.map(|(_, socket)| tokio::net::UdpSocket::from_std(socket.try_clone()?)).collect()
    }
}
