//! [`NetworkError`]: why the networks of guests can't be changed.

/// Why the networks of a guest, or who is on a network, can't be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The guest is on no virtual network and can't be connected to one.
    #[error("this container's network mode is none or host; it cannot be connected to network {0}")]
    NotVirtual(String),
    /// It is on the network already.
    #[error("this container is on network {0} already")]
    AlreadyThere(String),
    /// It is not on the network.
    #[error("this container is not on network {0}")]
    NotThere(String),
    /// Another member has the address.
    #[error("address {address} of network {network} is in use")]
    AddressInUse {
        /// The network's id.
        network: String,
        /// The address.
        address: std::net::IpAddr,
    },
    /// The guest has ended.
    #[error("this container has ended")]
    Ended,
    /// A socket that was handed over can't be used.
    #[error("a socket that stands for port {port} cannot be used: {reason}")]
    Socket {
        /// The port inside, or what the socket is for.
        port: String,
        /// Why not.
        reason: String,
    },
    /// There are too many of them.
    #[error("{0}")]
    TooMany(String),
}
