//! `--publish` and `--expose`: docker's grammar of ports.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::error::CliError;

/// Most ports of one flag.
const RANGE_LIMIT: usize = 1024;

/// `[IP:][HOST:]CONTAINER[/PROTOCOL]` flags as `ExposedPorts` and `PortBindings`. HOST and CONTAINER may be ranges of the same
/// length; a range of HOST for one port of the container is a choice.
pub(super) fn ports(flags: &[String]) -> Result<(Map<String, Value>, Value), CliError> {
    let mut exposed = Map::new();
    let mut bindings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for flag in flags {
        let wrong = |why: &str| {
            CliError::new(format!("invalid --publish {flag:?}"))
                .why(why)
                .fix("write [ADDRESS:]HOST:CONTAINER[/tcp|udp], each a port or a range such as 8000-8010")
                .status(125)
        };
        let (address, protocol) = flag.split_once('/').unwrap_or((flag, "tcp"));
        let (front, container) = address.rsplit_once(':').unwrap_or(("", address));
        let (ip, host) = split_address(front);
        let inside = range(container).ok_or_else(|| wrong("the container's port is no port"))?;
        let outside = match host {
            "" => None,
            text => Some(range(text).ok_or_else(|| wrong("the host's port is no port"))?),
        };
        let count = inside.len();
        if count > RANGE_LIMIT {
            return Err(wrong("a range has at most 1024 ports"));
        }
        if outside.as_ref().is_some_and(|outside| outside.len() != count && count > 1) {
            return Err(wrong("the two ranges have not the same length"));
        }
        for (index, port) in inside.enumerate() {
            let host_port = match &outside {
                None => String::new(),
                Some(outside) if count == 1 && outside.len() > 1 => format!("{}-{}", outside.start(), outside.end()),
                Some(outside) => outside.clone().nth(index).map(|port| port.to_string()).unwrap_or_default(),
            };
            let key = format!("{port}/{}", protocol.to_ascii_lowercase());
            exposed.insert(key.clone(), json!({}));
            bindings.entry(key).or_default().push(json!({"HostIp": ip, "HostPort": host_port}));
        }
    }
    Ok((exposed, json!(bindings)))
}

/// The address and the port in front of the container's port; an IPv6 address is in brackets.
fn split_address(front: &str) -> (&str, &str) {
    match front.rsplit_once(':') {
        Some((ip, host)) if !front.ends_with(']') => (ip.trim_start_matches('[').trim_end_matches(']'), host),
        _ if front.ends_with(']') || front.contains('.') => (front.trim_start_matches('[').trim_end_matches(']'), ""),
        _ => ("", front),
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
    (first > 0 && first <= last).then_some(first..=last)
}

/// `PORT[-PORT][/PROTOCOL]`, each port with its protocol.
pub(super) fn exposable(text: &str) -> Result<Vec<String>, CliError> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    match range(port).filter(|range| range.len() <= RANGE_LIMIT) {
        Some(range) => Ok(range.map(|port| format!("{port}/{protocol}")).collect()),
        None => Err(CliError::new(format!("invalid --expose {text:?}"))
            .why("it is no port from 1 to 65535, and no range of at most 1024 of them")
            .fix("write PORT[-PORT][/tcp|udp]")
            .status(125)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[&str]) -> Result<Value, String> {
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        ports(&flags).map(|(_, bindings)| bindings).map_err(|error| error.what)
    }

    #[test]
    fn ports_are_read_in_all_of_dockers_forms() {
        let bindings =
            read(&["80", "8080:80", "127.0.0.1:53:53/udp", "[::1]:90:9", "127.0.0.1::7", "[::1]::6"]).unwrap();
        assert_eq!(bindings["80/tcp"], json!([{"HostIp": "", "HostPort": ""}, {"HostIp": "", "HostPort": "8080"}]));
        assert_eq!(bindings["53/udp"], json!([{"HostIp": "127.0.0.1", "HostPort": "53"}]));
        assert_eq!(bindings["9/tcp"], json!([{"HostIp": "::1", "HostPort": "90"}]));
        assert_eq!(bindings["7/tcp"], json!([{"HostIp": "127.0.0.1", "HostPort": ""}]));
        assert_eq!(bindings["6/tcp"], json!([{"HostIp": "::1", "HostPort": ""}]));
        for flag in ["a:b", "", ":", "0", "80:0", "70000", "1-2:1-3", "5-4", "1-2000:1-2000"] {
            assert!(read(&[flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn ranges_go_side_by_side_or_are_a_choice() {
        let bindings = read(&["8000-8002:80-82", "9000-9010:90", "100-101"]).unwrap();
        assert_eq!(bindings["81/tcp"], json!([{"HostIp": "", "HostPort": "8001"}]));
        assert_eq!(bindings["90/tcp"], json!([{"HostIp": "", "HostPort": "9000-9010"}]));
        assert_eq!(bindings["101/tcp"], json!([{"HostIp": "", "HostPort": ""}]));
        assert_eq!(exposable("7-8/udp").unwrap(), ["7/udp", "8/udp"]);
        assert!(exposable("x").is_err());
    }
}
