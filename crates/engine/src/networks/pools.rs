//! Pools: checked ones of a request, or free ones of docker's defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::NetworkError;
use crate::{NetworkPool, PoolRequest};

/// Docker's default pools of IPv4: the base, and the prefix length of the subnets that it is cut into.
const DEFAULTS: [([u8; 4], u8, u8); 7] = [
    ([172, 17, 0, 0], 16, 16),
    ([172, 18, 0, 0], 16, 16),
    ([172, 19, 0, 0], 16, 16),
    ([172, 20, 0, 0], 14, 16),
    ([172, 24, 0, 0], 14, 16),
    ([172, 28, 0, 0], 14, 16),
    ([192, 168, 0, 0], 16, 20),
];
/// Prefix length of default pools of IPv6.
const V6_BITS: u8 = 64;
/// Default pools of IPv6 that are tried.
const V6_TRIES: u16 = 1024;

/// What all networks but the new one have, and what the host's routes take.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Subnets of other networks.
    pub(crate) networks: Vec<IpNet>,
    /// Subnets that the host reaches, only kept away from where there is a choice.
    pub(crate) routes: Vec<IpNet>,
}

impl Taken {
    fn by_networks(&self, subnet: &IpNet) -> bool {
        self.networks.iter().any(|other| overlap(other, subnet))
    }

    fn at_all(&self, subnet: &IpNet) -> bool {
        self.by_networks(subnet) || self.routes.iter().any(|other| overlap(other, subnet))
    }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// A free one of the default pools of IPv4.
///
/// # Errors
/// All are taken.
pub(crate) fn default_v4(taken: &Taken) -> Result<NetworkPool, NetworkError> {
    let all = DEFAULTS.iter().filter_map(|(base, bits, size)| {
        Ipv4Net::new((*base).into(), *bits).ok().and_then(|net| net.subnets(*size).ok())
    });
    let mut free = all.flatten().map(IpNet::V4).filter(|subnet| !taken.at_all(subnet));
    free.next().map(unasked).ok_or(NetworkError::NoPool("IPv4"))
}

/// A free one of the default pools of IPv6: unique local addresses (RFC 4193) of this installation.
///
/// # Errors
/// All are taken.
pub(crate) fn default_v6(installation: &str, taken: &Taken) -> Result<NetworkPool, NetworkError> {
    let mut digits = installation.bytes().filter(u8::is_ascii_hexdigit).take(10);
    let global = digits
        .by_ref()
        .fold(0_u128, |number, digit| (number << 4) | u128::from(char::from(digit).to_digit(16).unwrap_or_default()));
    let subnet = |number: u16| {
        let bits = (0xfd_u128 << 120) | (global << 80) | (u128::from(number) << 64);
        Ipv6Net::new(Ipv6Addr::from(bits), V6_BITS).ok().map(IpNet::V6)
    };
    let mut free = (0..V6_TRIES).filter_map(subnet).filter(|subnet| !taken.at_all(subnet));
    free.next().map(unasked).ok_or(NetworkError::NoPool("IPv6"))
}

/// A pool whose subnet nobody asked for.
pub(crate) fn unasked(subnet: IpNet) -> NetworkPool {
    let gateway = first(&subnet);
    NetworkPool { subnet, range: None, gateway, subnet_asked: false, gateway_asked: false, auxiliary: BTreeMap::new() }
}

/// The first address behind the network's own.
fn first(subnet: &IpNet) -> IpAddr {
    match subnet {
        IpNet::V4(net) => net.hosts().next().unwrap_or(net.addr()).into(),
        IpNet::V6(net) => Ipv6Addr::from(u128::from(net.network()).saturating_add(1)).into(),
    }
}

/// The pool that was asked for.
///
/// # Errors
/// It is malformed or taken, in docker's words.
pub(crate) fn asked(request: &PoolRequest, taken: &Taken) -> Result<NetworkPool, NetworkError> {
    let invalid = |text: String| NetworkError::Invalid(format!("invalid network config:\n{text}"));
    let subnet: IpNet = request
        .subnet
        .parse()
        .map_err(|_| invalid(format!("invalid subnet {}: invalid CIDR block notation", request.subnet)))?;
    if subnet.trunc() != subnet {
        return Err(invalid(format!("invalid subnet {subnet}: it should be {}", subnet.trunc())));
    }
    if taken.by_networks(&subnet) {
        return Err(NetworkError::Overlap);
    }
    if usable(&subnet) < 2 {
        return Err(NetworkError::Invalid(format!(
            "failed to allocate gateway (): No available addresses on this pool: {subnet} has no room for a gateway and a container"
        )));
    }
    let within = |what: &str, address: IpAddr| {
        if subnet.contains(&address) {
            return Ok(address);
        }
        Err(invalid(format!("invalid {what} {address}: parent subnet {subnet} doesn't contain this address")))
    };
    let address = |what: &str, text: &str| {
        let parsed = text.parse::<IpAddr>().map_err(|_| invalid(format!("invalid {what} {text}: invalid address")))?;
        within(what, parsed)
    };
    let range = match request.range.as_str() {
        "" => None,
        text => {
            let range: IpNet =
                text.parse().map_err(|_| invalid(format!("invalid ip-range {text}: invalid CIDR block notation")))?;
            if range.trunc() != range {
                return Err(invalid(format!("invalid ip-range {range}: it should be {}", range.trunc())));
            }
            if !subnet.contains(&range) {
                let text = format!("invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range");
                return Err(invalid(text));
            }
            Some(range)
        }
    };
    let gateway_asked = !request.gateway.is_empty();
    let gateway = if gateway_asked { address("gateway", &request.gateway)? } else { first(&subnet) };
    let auxiliary =
        request.auxiliary.iter().map(|(name, text)| Ok((name.clone(), address("auxiliary address", text)?)));
    let auxiliary = auxiliary.collect::<Result<_, NetworkError>>()?;
    Ok(NetworkPool { subnet, range, gateway, subnet_asked: true, gateway_asked, auxiliary })
}

/// Addresses that may be given, as far as they fit the number.
fn usable(subnet: &IpNet) -> u64 {
    let bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
    let all = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
    all.saturating_sub(if subnet.addr().is_ipv4() { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn taken(networks: &[&str], routes: &[&str]) -> Taken {
        let nets = |texts: &[&str]| texts.iter().map(|text| net(text)).collect();
        Taken { networks: nets(networks), routes: nets(routes) }
    }

    #[test]
    fn defaults_are_dockers_and_keep_away_from_the_hosts_routes() {
        let mut all = taken(&["172.17.0.0/16"], &["172.19.4.0/24"]);
        let mut given = Vec::new();
        while let Ok(pool) = default_v4(&all) {
            all.networks.push(pool.subnet);
            given.push((pool.subnet.to_string(), pool.gateway.to_string()));
        }
        assert_eq!(given.len(), 15 - 2 + 16);
        assert_eq!(given[0], ("172.18.0.0/16".to_owned(), "172.18.0.1".to_owned()));
        assert_eq!(given[1].0, "172.20.0.0/16");
        assert_eq!(given[12].0, "172.31.0.0/16");
        assert_eq!(given[13], ("192.168.0.0/20".to_owned(), "192.168.0.1".to_owned()));
        assert_eq!(default_v4(&all), Err(NetworkError::NoPool("IPv4")));
    }

    #[test]
    fn ipv6_defaults_are_unique_local_and_of_the_installation() {
        let mut all = Taken::default();
        let first = default_v6("0123456789abcdef", &all).unwrap();
        assert_eq!(first.subnet, net("fd01:2345:6789::/64"));
        assert_eq!(first.gateway.to_string(), "fd01:2345:6789::1");
        all.networks.push(first.subnet);
        assert_eq!(default_v6("0123456789abcdef", &all).unwrap().subnet, net("fd01:2345:6789:1::/64"));
    }

    #[test]
    fn a_pool_of_a_request_is_checked_in_dockers_words() {
        let request = |subnet: &str, range: &str, gateway: &str| PoolRequest {
            subnet: subnet.to_owned(),
            range: range.to_owned(),
            gateway: gateway.to_owned(),
            ..PoolRequest::default()
        };
        let none = Taken::default();
        let pool = asked(&request("10.1.0.0/16", "10.1.5.0/24", "10.1.5.254"), &none).unwrap();
        assert_eq!((pool.range, pool.gateway.to_string()), (Some(net("10.1.5.0/24")), "10.1.5.254".to_owned()));
        assert_eq!(asked(&request("10.1.0.0/16", "", ""), &none).unwrap().gateway.to_string(), "10.1.0.1");
        for (subnet, range, gateway, words) in [
            ("bad", "", "", "invalid subnet bad: invalid CIDR block notation"),
            ("", "", "10.0.0.1", "invalid subnet"),
            ("10.1.0.5/16", "", "", "it should be 10.1.0.0/16"),
            ("10.1.0.0/31", "", "", "No available addresses on this pool"),
            ("10.1.0.0/32", "", "", "No available addresses on this pool"),
            ("10.1.0.0/16", "10.2.0.0/24", "", "parent subnet 10.1.0.0/16 doesn't contain ip-range"),
            ("10.1.0.0/16", "10.1.0.5/24", "", "it should be 10.1.0.0/24"),
            ("10.1.0.0/16", "x", "", "invalid ip-range x"),
            ("10.1.0.0/16", "", "10.2.0.1", "invalid gateway 10.2.0.1: parent subnet"),
            ("10.1.0.0/16", "", "x", "invalid gateway x: invalid address"),
        ] {
            let error = asked(&request(subnet, range, gateway), &none).unwrap_err().to_string();
            assert!(error.contains(words), "{subnet} {range} {gateway}: {error}");
        }
        let others = taken(&["10.0.0.0/8"], &["11.0.0.0/8"]);
        assert_eq!(asked(&request("10.1.0.0/16", "", ""), &others), Err(NetworkError::Overlap));
        // A route of the host is no hindrance where the subnet was asked for.
        assert!(asked(&request("11.1.0.0/16", "", ""), &others).is_ok());
    }
}
