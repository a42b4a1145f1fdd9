//! [`NetworkSpec`]: what a guest is given of networks, as plain data.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Egress;

/// What a guest is given of networks. The default is nothing but a loopback of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    /// Whose network it is on.
    pub mode: NetworkMode,
    /// Its places on virtual networks; only with [`NetworkMode::Virtual`].
    pub endpoints: Vec<EndpointSpec>,
    /// Names with their addresses that only it knows: extra hosts, and its own name.
    pub hosts: Vec<(String, IpAddr)>,
    /// Servers (port 53) that are asked for the names its egress allows.
    pub name_servers: Vec<IpAddr>,
    /// What it may reach beyond its networks.
    pub egress: Egress,
    /// Its ports that sockets of the host stand for, one entry a socket, in the order in which they are handed over.
    pub published: Vec<PublishedPort>,
    /// Ports that its image or its owner declares. A WASI 0.1 program, which can't open sockets, is given a listening
    /// descriptor for each TCP one.
    pub exposed: Vec<PublishedPort>,
}

/// Whose network a guest is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// Its own loopback only.
    #[default]
    None,
    /// Virtual networks.
    Virtual,
    /// The host's: its ports are the host's ports. Beyond the host's loopback it still needs egress.
    Host,
}

/// A guest's place on a virtual network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// The network's id.
    pub network: String,
    /// Nothing beyond the network is reached through it.
    pub internal: bool,
    /// Its address there.
    pub v4: Option<Ipv4Addr>,
    /// Bits of the network's IPv4 prefix.
    pub prefix_v4: u8,
    /// The host's address there: what goes to it goes to the host's loopback, which counts as egress.
    pub gateway_v4: Option<Ipv4Addr>,
    /// Its IPv6 address there.
    pub v6: Option<Ipv6Addr>,
    /// Bits of the network's IPv6 prefix.
    pub prefix_v6: u8,
    /// The host's IPv6 address there.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Names as which the network's other members find it; none on the default bridge.
    pub names: Vec<String>,
}

/// A port of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The port inside.
    pub container: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Streams.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A member of a network whose guest is in another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteMember {
    /// Names as which it is found.
    pub names: Vec<String>,
    /// Its address.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// The process (worker) that it is in.
    pub worker: String,
}
