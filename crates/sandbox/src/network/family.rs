//! [`Family`]: IPv4 or IPv6, and which addresses sockets of each may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::code::{Result, SocketError};

/// A socket's kind of address. A socket of one kind has no addresses of the other, as WASI has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Any address and port.
    pub(crate) fn any(self) -> SocketAddr {
        match self {
            Self::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Self::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    /// An address that a socket can have.
    pub(crate) fn check_local(self, address: SocketAddr) -> Result<()> {
        let ip = address.ip();
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        if !self.has(ip) || ip.is_multicast() || broadcast { Err(SocketError::InvalidArgument) } else { Ok(()) }
    }

    /// An address that can be connected or sent to.
    pub(crate) fn check_remote(self, address: SocketAddr) -> Result<()> {
        self.check_local(address)?;
        let nowhere = address.ip().is_unspecified() || address.port() == 0;
        if nowhere { Err(SocketError::InvalidArgument) } else { Ok(()) }
    }

    fn has(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4, IpAddr::V4(_)) => true,
            (Self::V6, IpAddr::V6(v6)) => v6.to_ipv4_mapped().is_none(),
            _ => false,
        }
    }
}
