//! What a container knows by name without asking anyone, and the files that say so.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use sprat_sandbox::{EndpointSpec, NetworkMode};

use crate::record::Record;
use crate::{launch, settle};

/// Where resolvers of containers on users' own networks look; guests ask their host instead, without a socket.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// Names with their addresses: further hosts, links, and the container's own.
pub(crate) fn known(
    record: &Record,
    mode: NetworkMode,
    endpoints: &[EndpointSpec],
    links: &[(String, IpAddr)],
) -> Vec<(String, IpAddr)> {
    let gateway = gateway(mode, endpoints);
    let further = record.spec.extra_hosts.iter().filter_map(|line| settle::parse_host(line));
    let further = further.filter_map(|(name, ip)| {
        let address = if ip == settle::HOST_GATEWAY { gateway } else { ip.parse().ok() };
        Some((name.to_owned(), address?))
    });
    let name = launch::hostname(record);
    let full = full_name(record, &name);
    let own: Vec<IpAddr> = match endpoints {
        [] => vec![Ipv4Addr::LOCALHOST.into()],
        all => all.iter().flat_map(addresses).collect(),
    };
    let own = own.into_iter().flat_map(|address| {
        let full = full.clone().map(|full| (full, address));
        full.into_iter().chain([(name.clone(), address)])
    });
    further.chain(links.iter().cloned()).chain(own).collect()
}

/// The host as a container reaches it, which is egress.
fn gateway(mode: NetworkMode, endpoints: &[EndpointSpec]) -> Option<IpAddr> {
    if mode == NetworkMode::Host {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    endpoints.iter().filter(|endpoint| !endpoint.internal).find_map(|endpoint| endpoint.gateway_v4).map(IpAddr::V4)
}

fn addresses(endpoint: &EndpointSpec) -> impl Iterator<Item = IpAddr> + use<> {
    endpoint.v4.map(IpAddr::V4).into_iter().chain(endpoint.v6.map(IpAddr::V6))
}

fn full_name(record: &Record, name: &str) -> Option<String> {
    let domain = &record.spec.domainname;
    (!domain.is_empty()).then(|| format!("{name}.{domain}"))
}

/// `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`.
pub(crate) fn files(
    record: &Record,
    mode: NetworkMode,
    endpoints: &[EndpointSpec],
    known: &[(String, IpAddr)],
    name_servers: &[IpAddr],
) -> Vec<(String, String)> {
    let named = endpoints.iter().any(|endpoint| !endpoint.names.is_empty());
    let servers: Vec<IpAddr> = if named { vec![RESOLVER.into()] } else { name_servers.to_vec() };
    let name = launch::hostname(record);
    vec![
        ("/etc/hostname".to_owned(), format!("{name}\n")),
        ("/etc/hosts".to_owned(), hosts(known)),
        ("/etc/resolv.conf".to_owned(), resolver(record, mode, &servers, named)),
    ]
}

fn hosts(known: &[(String, IpAddr)]) -> String {
    let mut text = "127.0.0.1\tlocalhost\n\
                    ::1\tlocalhost ip6-localhost ip6-loopback\n\
                    fe00::\tip6-localnet\n\
                    ff00::\tip6-mcastprefix\n\
                    ff02::1\tip6-allnodes\n\
                    ff02::2\tip6-allrouters\n"
        .to_owned();
    // Names of one address that follow each other are one line, as docker writes them.
    let mut last = None;
    for (name, address) in known {
        if last == Some(address) {
            text.pop();
            let _ = writeln!(text, " {name}");
        } else {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{address}\t{name}");
        }
        last = Some(address);
    }
    text
}

fn resolver(record: &Record, mode: NetworkMode, servers: &[IpAddr], named: bool) -> String {
    let spec = &record.spec;
    let mut text = String::new();
    if servers.is_empty() && mode != NetworkMode::None {
        text.push_str("# No name server: this container may reach nothing outside; allow it by name with --egress.\n");
    } else if mode == NetworkMode::None {
        text.push_str("# No name server: this container has no network.\n");
    }
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    // A single dot removes the search list, as docker has it.
    let search: Vec<_> = spec.dns_search.iter().filter(|domain| *domain != ".").map(String::as_str).collect();
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    let mut options: Vec<_> = spec.dns_options.iter().map(String::as_str).collect();
    if named && !options.iter().any(|option| option.starts_with("ndots:")) {
        options.push("ndots:0");
    }
    if !options.is_empty() {
        let _ = writeln!(text, "options {}", options.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_address_share_a_line() {
        let known = [("db", "10.0.0.2"), ("db.sea", "10.0.0.2"), ("web", "10.0.0.3"), ("db", "fd00::2")];
        let known = known.map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()));
        let text = hosts(&known);
        assert!(text.ends_with("ip6-allrouters\n10.0.0.2\tdb db.sea\n10.0.0.3\tweb\nfd00::2\tdb\n"), "{text}");
    }
}
