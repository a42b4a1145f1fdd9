//! Which addresses the host itself reaches by its interfaces: docker leaves them out when it chooses a pool.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::{IpNet, Ipv4Net};

/// Subnets of the host's routes; none if they can't be read. The default route is not among them.
pub(crate) fn of_host() -> Vec<IpNet> {
    fs_err::read_to_string(Path::new("/proc/net/route")).map(|text| parse(&text)).unwrap_or_default()
}

/// Reads the format of `/proc/net/route`: hexadecimal in the host's byte order.
fn parse(text: &str) -> Vec<IpNet> {
    let line = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let destination = Ipv4Addr::from(u32::from_str_radix(fields.next()?, 16).ok()?.to_ne_bytes());
        let mask = Ipv4Addr::from(u32::from_str_radix(fields.nth(5)?, 16).ok()?.to_ne_bytes());
        let net = Ipv4Net::with_netmask(destination, mask).ok()?;
        (net.prefix_len() > 0).then_some(IpNet::V4(net))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// The name servers of the host.
pub(crate) fn name_servers() -> Vec<IpAddr> {
    let text = fs_err::read_to_string(Path::new("/etc/resolv.conf")).unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.filter_map(|server| server.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_without_the_default_route() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    br0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\nodd\n";
        if cfg!(target_endian = "little") {
            assert_eq!(parse(text), ["172.18.0.0/16".parse::<IpNet>().unwrap()]);
        }
        assert!(parse("").is_empty());
    }
}
