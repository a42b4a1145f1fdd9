//! [`Addresses`]: which addresses of a subnet are free.
//!
//! Free addresses are kept as ranges, so that giving one costs the same in a crowded network as in an empty one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The free addresses of a subnet, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// First and last of each range; no two touch.
    free: BTreeMap<u128, u128>,
    first: u128,
    last: u128,
    v6: bool,
}

impl Addresses {
    /// All usable addresses of a subnet: of IPv4 neither the network's own nor the one for broadcasts.
    pub(crate) fn new(subnet: IpNet) -> Self {
        let (first, last) = (number(subnet.network()), number(subnet.broadcast()));
        let v6 = subnet.addr().is_ipv6();
        // Of IPv6 the first is the anycast address of routers (RFC 4291, section 2.6.1).
        let (low, high) =
            if v6 { (first.saturating_add(1), last) } else { (first.saturating_add(1), last.saturating_sub(1)) };
        let free = if low <= high { BTreeMap::from([(low, high)]) } else { BTreeMap::new() };
        Self { free, first, last, v6 }
    }

    /// Takes the lowest free address of a range within the subnet, or of all of it.
    pub(crate) fn take_lowest(&mut self, range: Option<IpNet>) -> Option<IpAddr> {
        let (low, high) = range.map_or((self.first, self.last), |r| (number(r.network()), number(r.broadcast())));
        let around = self.free.range(..=low).next_back().filter(|(_, end)| **end >= low).map(|_| low);
        let lowest = around.or_else(|| self.free.range(low..).next().map(|(start, _)| *start))?;
        if lowest > high {
            return None;
        }
        self.remove(lowest);
        self.address(lowest)
    }

    /// Takes this address. False: it is taken, or none that may be given.
    pub(crate) fn take(&mut self, address: IpAddr) -> bool {
        address.is_ipv6() == self.v6 && self.remove(number(address))
    }

    fn remove(&mut self, wanted: u128) -> bool {
        let Some((start, end)) = self.free.range(..=wanted).next_back().map(|(start, end)| (*start, *end)) else {
            return false;
        };
        if end < wanted {
            return false;
        }
        self.free.remove(&start);
        if start < wanted {
            self.free.insert(start, wanted - 1);
        }
        if wanted < end {
            self.free.insert(wanted + 1, end);
        }
        true
    }

    /// Gives an address back that was taken.
    pub(crate) fn give(&mut self, address: IpAddr) {
        let freed = number(address);
        let inside = (self.first..=self.last).contains(&freed) && address.is_ipv6() == self.v6;
        let before = self.free.range(..=freed).next_back().map(|(start, end)| (*start, *end));
        if !inside || before.is_some_and(|(_, end)| end >= freed) {
            return;
        }
        let start = match before {
            Some((start, end)) if end + 1 == freed => start,
            _ => freed,
        };
        let after = freed.checked_add(1).and_then(|next| self.free.remove(&next));
        self.free.insert(start, after.unwrap_or(freed));
    }

    fn address(&self, number: u128) -> Option<IpAddr> {
        if self.v6 {
            return Some(Ipv6Addr::from(number).into());
        }
        u32::try_from(number).ok().map(|number| Ipv4Addr::from(number).into())
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_lowest_is_given_and_the_last_one_ends_it() {
        let mut addresses = Addresses::new(net("10.0.0.0/29"));
        assert!(addresses.take(ip("10.0.0.1")));
        let given: Vec<_> = std::iter::from_fn(|| addresses.take_lowest(None)).collect();
        assert_eq!(given, (2..=6).map(|n| ip(&format!("10.0.0.{n}"))).collect::<Vec<_>>());
        addresses.give(ip("10.0.0.4"));
        assert_eq!(addresses.take_lowest(None), Some(ip("10.0.0.4")));
        assert_eq!(addresses.take_lowest(None), None);
    }

    #[test]
    fn what_is_outside_is_neither_given_nor_taken_back() {
        let mut addresses = Addresses::new(net("10.0.0.0/30"));
        for text in ["10.0.0.0", "10.0.0.3", "10.0.0.4", "9.255.255.255", "::a00:1"] {
            assert!(!addresses.take(ip(text)), "{text}");
        }
        addresses.give(ip("10.0.1.1"));
        addresses.give(ip("10.0.0.1"));
        assert!(addresses.take(ip("10.0.0.1")) && addresses.take(ip("10.0.0.2")));
        assert_eq!(addresses.take_lowest(None), None);
        for text in ["0.0.0.0/0", "::/0", "255.255.255.255/32", "10.0.0.0/31", "fd00::/128"] {
            let mut all = Addresses::new(net(text));
            if let Some(first) = all.take_lowest(None) {
                all.give(first);
                assert_eq!(all.take_lowest(None), Some(first), "{text}");
            }
        }
    }

    proptest! {
        /// Never the same address twice, freed ones are reused, and it ends when all are given.
        #[test]
        fn an_address_has_one_holder(
            steps in prop::collection::vec((any::<u8>(), any::<u8>()), 0..200),
            subnet in prop::sample::select(vec!["10.1.2.0/27", "10.1.2.16/28", "fd00::/123"]),
        ) {
            let subnet = net(subnet);
            let mut addresses = Addresses::new(subnet);
            let usable: BTreeSet<IpAddr> = {
                let mut all = Addresses::new(subnet);
                std::iter::from_fn(|| all.take_lowest(None)).collect()
            };
            let mut held: BTreeSet<IpAddr> = BTreeSet::new();
            let pick = |number: u8| usable.iter().nth(usize::from(number) % usable.len()).copied().unwrap();
            for (what, which) in steps {
                match what % 4 {
                    0 | 1 => match addresses.take_lowest(None) {
                        Some(address) => {
                            prop_assert_eq!(Some(&address), usable.difference(&held).next());
                            prop_assert!(subnet.contains(&address) && held.insert(address));
                        }
                        None => prop_assert_eq!(held.len(), usable.len()),
                    },
                    2 => prop_assert_eq!(addresses.take(pick(which)), held.insert(pick(which))),
                    _ => {
                        addresses.give(pick(which));
                        held.remove(&pick(which));
                    }
                }
            }
            for address in &held {
                addresses.give(*address);
            }
            prop_assert_eq!(addresses, Addresses::new(subnet));
        }

        #[test]
        fn a_range_is_kept_to(taken in prop::collection::vec(0u8..64, 0..80)) {
            let range = net("10.0.0.16/28");
            let mut addresses = Addresses::new(net("10.0.0.0/26"));
            for last in taken {
                addresses.take(ip(&format!("10.0.0.{last}")));
            }
            while let Some(address) = addresses.take_lowest(Some(range)) {
                prop_assert!(range.contains(&address));
            }
            for last in 16..32 {
                let address = ip(&format!("10.0.0.{}", last));
                prop_assert!(!addresses.take(address));
            }
        }
    }
}
