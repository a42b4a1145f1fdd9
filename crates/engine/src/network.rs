//! [`Network`]: a virtual network, and what a container is on one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ContainerId;

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its containers are given.
    pub driver: NetworkDriver,
    /// Its addresses: at most one pool of IPv4 and one of IPv6; none for host and null.
    pub pools: Vec<NetworkPool>,
    /// IPv6 was asked for.
    pub ipv6: bool,
    /// It reaches nothing outside.
    pub internal: bool,
    /// Asked for by clients; has no effect without a swarm.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver as given.
    pub options: BTreeMap<String, String>,
    /// Options of the address management as given; `None` when none were.
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// When it was made.
    pub created: Timestamp,
    /// `bridge`, `host` and `none`, which are always there.
    pub predefined: bool,
}

impl Network {
    /// A network of a user's own: its members find each other by name.
    #[must_use]
    pub fn is_user_defined(&self) -> bool {
        !self.predefined
    }

    /// Its pool of IPv4 addresses.
    #[must_use]
    pub fn v4(&self) -> Option<&NetworkPool> {
        self.pools.iter().find(|pool| pool.subnet.addr().is_ipv4())
    }

    /// Its pool of IPv6 addresses.
    #[must_use]
    pub fn v6(&self) -> Option<&NetworkPool> {
        self.pools.iter().find(|pool| pool.subnet.addr().is_ipv6())
    }
}

/// What a network's containers are given, in docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkDriver {
    /// Addresses of a virtual network.
    Bridge,
    /// The host's network.
    Host,
    /// Nothing.
    Null,
}

impl NetworkDriver {
    /// Docker's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
        }
    }
}

/// Addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPool {
    /// All of them.
    pub subnet: IpNet,
    /// Those that containers are given; others only by name.
    pub range: Option<IpNet>,
    /// The host's.
    pub gateway: IpAddr,
    /// The subnet was asked for.
    pub subnet_asked: bool,
    /// The gateway was asked for.
    pub gateway_asked: bool,
    /// Addresses by name that no container is given.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

/// Asks for a network. Texts are checked by the engine, whose words for what is wrong are docker's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its driver; empty is `bridge`.
    pub driver: String,
    /// Its pools; empty takes free ones.
    pub pools: Vec<PoolRequest>,
    /// IPv4 addresses; `None` is yes.
    pub ipv4: Option<bool>,
    /// IPv6 addresses too.
    pub ipv6: bool,
    /// It reaches nothing outside.
    pub internal: bool,
    /// Kept for clients.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Who manages the addresses; empty or `default`.
    pub ipam_driver: String,
    /// Options for that.
    pub ipam_options: Option<BTreeMap<String, String>>,
}

/// Asks for a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolRequest {
    /// In CIDR notation; empty takes a free one.
    pub subnet: String,
    /// In CIDR notation, or empty.
    pub range: String,
    /// An address, or empty for the first one.
    pub gateway: String,
    /// Addresses that no container is given, by name.
    pub auxiliary: BTreeMap<String, String>,
}

/// What a container asks for on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointRequest {
    /// Further names there.
    pub aliases: Vec<String>,
    /// `CONTAINER:ALIAS`: names of others that this container alone knows.
    pub links: Vec<String>,
    /// This address, if it is free.
    pub v4: Option<Ipv4Addr>,
    /// This IPv6 address, if it is free.
    pub v6: Option<Ipv6Addr>,
    /// The hardware address to show; empty derives one.
    pub mac: String,
    /// Options of the driver as given.
    pub driver_options: Option<BTreeMap<String, String>>,
    /// Kept for clients.
    pub gateway_priority: i64,
}

/// A container on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What was asked for.
    pub request: EndpointRequest,
    /// The network's id; empty before the first start.
    pub network_id: String,
    /// 64 hexadecimal digits; empty before the first start.
    pub id: String,
    /// Its address; kept while it does not run.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub v6: Option<Ipv6Addr>,
    /// Its hardware address, which is only shown.
    pub mac: String,
}

/// A container on one network, for doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    /// The network's name as the container knows it.
    pub network: String,
    /// Where it stands; without addresses while the container doesn't run.
    pub endpoint: Endpoint,
    /// Bits of the prefix of the IPv4 address.
    pub prefix_v4: u8,
    /// Bits of the prefix of the IPv6 address.
    pub prefix_v6: u8,
    /// The gateway; none on an internal network.
    pub gateway_v4: Option<Ipv4Addr>,
    /// The IPv6 gateway.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Names as which others find it there.
    pub names: Vec<String>,
}

/// A running container of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkMember {
    /// The container.
    pub container: ContainerId,
    /// Its name.
    pub name: String,
    /// Where it stands there.
    pub endpoint: Endpoint,
}
