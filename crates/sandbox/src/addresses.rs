//! [`addresses`]: between addresses and the types that are generated for each version of `wasi:sockets`.

/// Defines, for the generated address types in scope, what reads the same for WASI 0.2 and 0.3.
macro_rules! addresses {
    () => {
        fn from_v4(address: std::net::Ipv4Addr) -> (u8, u8, u8, u8) {
            let [a, b, c, d] = address.octets();
            (a, b, c, d)
        }

        fn from_v6(address: std::net::Ipv6Addr) -> (u16, u16, u16, u16, u16, u16, u16, u16) {
            let [a, b, c, d, e, f, g, h] = address.segments();
            (a, b, c, d, e, f, g, h)
        }

        impl From<std::net::IpAddr> for IpAddress {
            fn from(address: std::net::IpAddr) -> Self {
                match address {
                    std::net::IpAddr::V4(v4) => Self::Ipv4(from_v4(v4)),
                    std::net::IpAddr::V6(v6) => Self::Ipv6(from_v6(v6)),
                }
            }
        }

        impl From<std::net::SocketAddr> for IpSocketAddress {
            fn from(address: std::net::SocketAddr) -> Self {
                match address {
                    std::net::SocketAddr::V4(v4) => {
                        Self::Ipv4(Ipv4SocketAddress { port: v4.port(), address: from_v4(*v4.ip()) })
                    }
                    std::net::SocketAddr::V6(v6) => Self::Ipv6(Ipv6SocketAddress {
                        port: v6.port(),
                        flow_info: v6.flowinfo(),
                        address: from_v6(*v6.ip()),
                        scope_id: v6.scope_id(),
                    }),
                }
            }
        }

        impl From<IpSocketAddress> for std::net::SocketAddr {
            fn from(address: IpSocketAddress) -> Self {
                match address {
                    IpSocketAddress::Ipv4(v4) => {
                        let (a, b, c, d) = v4.address;
                        (std::net::Ipv4Addr::new(a, b, c, d), v4.port).into()
                    }
                    // Flow and scope mean nothing on a virtual network.
                    IpSocketAddress::Ipv6(v6) => {
                        let (a, b, c, d, e, f, g, h) = v6.address;
                        (std::net::Ipv6Addr::new(a, b, c, d, e, f, g, h), v6.port).into()
                    }
                }
            }
        }

        impl From<IpAddressFamily> for Family {
            fn from(family: IpAddressFamily) -> Self {
                match family {
                    IpAddressFamily::Ipv4 => Self::V4,
                    IpAddressFamily::Ipv6 => Self::V6,
                }
            }
        }

        impl From<Family> for IpAddressFamily {
            fn from(family: Family) -> Self {
                match family {
                    Family::V4 => Self::Ipv4,
                    Family::V6 => Self::Ipv6,
                }
            }
        }
    };
}

pub(crate) use addresses;
