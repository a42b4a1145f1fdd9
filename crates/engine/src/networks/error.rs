//! [`NetworkError`]: what is refused about networks, in docker's words.

use crate::ErrorKind;

/// What is refused about networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No network has this name or id.
    #[error("network {0} not found")]
    NotFound(String),
    /// More than one network has this short id.
    #[error("network {0} is ambiguous: more than one id begins so")]
    Ambiguous(String),
    /// The name is in use.
    #[error("network with name {0} already exists")]
    Exists(String),
    /// A value of the request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// A rule of docker's forbids it.
    #[error("{0}")]
    Forbidden(String),
    /// No such driver.
    #[error("plugin \"{0}\" not found")]
    NoDriver(String),
    /// Another network has some of these addresses.
    #[error("invalid pool request: Pool overlaps with other one on this address space")]
    Overlap,
    /// All default pools are taken.
    #[error(
        "could not find an available, non-overlapping {0} address pool among the defaults to assign to the network"
    )]
    NoPool(&'static str),
    /// All addresses of the network are taken.
    #[error("no available {family} addresses on this network's address pools: {name} ({id})")]
    NoAddress {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The network.
        name: String,
        /// Its id.
        id: String,
    },
    /// Another container has the address.
    #[error("Address already in use")]
    AddressTaken,
    /// Containers that run are on it.
    #[error("error while removing network: network {name} has active endpoints ({users})")]
    InUse {
        /// The network.
        name: String,
        /// Names and ids of the containers.
        users: String,
    },
    /// The container is not on the network.
    #[error("container {container} is not connected to the network {network}")]
    NotConnected {
        /// The container.
        container: String,
        /// The network.
        network: String,
    },
}

impl NetworkError {
    /// What it means to a caller.
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoDriver(_) | Self::NoPool(_) => ErrorKind::NotFound,
            Self::Ambiguous(_) | Self::Invalid(_) => ErrorKind::Invalid,
            Self::Exists(_) | Self::NoAddress { .. } => ErrorKind::Conflict,
            Self::Forbidden(_)
            | Self::Overlap
            | Self::AddressTaken
            | Self::InUse { .. }
            | Self::NotConnected { .. } => ErrorKind::Forbidden,
        }
    }

    /// A stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "network_not_found",
            Self::Ambiguous(_) => "network_ambiguous",
            Self::Exists(_) => "network_exists",
            Self::Invalid(_) => "network_invalid",
            Self::Forbidden(_) => "network_forbidden",
            Self::NoDriver(_) => "network_driver_not_found",
            Self::Overlap => "network_overlap",
            Self::NoPool(_) => "network_pools_exhausted",
            Self::NoAddress { .. } => "network_addresses_exhausted",
            Self::AddressTaken => "network_address_taken",
            Self::InUse { .. } => "network_in_use",
            Self::NotConnected { .. } => "network_not_connected",
        }
    }

    /// What to do, if the message does not say it.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound(_) => Some("list networks with `network ls`, or make it with `network create`"),
            Self::Ambiguous(_) => Some("give more digits of the id, or the name"),
            Self::Exists(_) => Some("use another name, or remove that network first"),
            Self::NoDriver(_) => Some("use the driver bridge"),
            Self::Overlap => Some("choose another --subnet; `network inspect` shows those in use"),
            Self::NoPool(_) => Some("remove networks with `network prune`, or name a --subnet"),
            Self::NoAddress { .. } => Some("remove containers, or make a network with a larger --subnet"),
            Self::AddressTaken => Some("choose another --ip; `network inspect` shows those in use"),
            Self::InUse { .. } => Some("stop or disconnect its containers first"),
            Self::Invalid(_) | Self::Forbidden(_) | Self::NotConnected { .. } => None,
        }
    }
}
