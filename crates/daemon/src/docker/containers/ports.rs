//! Ports of a create request.

use std::collections::{BTreeMap, BTreeSet};

use sprat_docker_api::{Port, PortBinding};
use sprat_engine::{ContainerSpec, PortSpec};

use crate::docker::ApiError;

/// The published ports.
pub(super) fn bindings(ports: &BTreeMap<String, Option<Vec<PortBinding>>>) -> Result<Vec<PortSpec>, ApiError> {
    let mut specs = Vec::new();
    for (port, bindings) in ports {
        let port = parse(port)?;
        for binding in bindings.iter().flatten() {
            specs.push(publish(port, binding)?);
        }
    }
    Ok(specs)
}

fn parse(text: &str) -> Result<Port, ApiError> {
    text.parse().map_err(|error: sprat_docker_api::PortError| ApiError::invalid(error.to_string()))
}

fn publish(port: Port, binding: &PortBinding) -> Result<PortSpec, ApiError> {
    let (host, host_last) = host_ports(&binding.host_port)?;
    let address = binding.host_ip.trim_start_matches('[').trim_end_matches(']');
    if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
        return Err(ApiError::invalid(format!("invalid IP address: {address}")));
    }
    Ok(PortSpec {
        container: port.number,
        protocol: port.protocol.to_string(),
        host_ip: address.to_owned(),
        host,
        host_last,
    })
}

/// `8080`, a range such as `8080-8090` to choose from, or nothing.
fn host_ports(text: &str) -> Result<(u16, u16), ApiError> {
    let number = |part: &str| {
        part.parse::<u16>().map_err(|_| ApiError::invalid(format!("invalid port specification: \"{text}\"")))
    };
    match text.split_once('-') {
        _ if text.is_empty() => Ok((0, 0)),
        None => Ok((number(text)?, 0)),
        Some((first, last)) => match (number(first)?, number(last)?) {
            (first, last) if first > 0 && first <= last => Ok((first, last)),
            _ => Err(ApiError::invalid(format!("invalid port specification: \"{text}\""))),
        },
    }
}

/// The exposed ports in their normal form.
pub(super) fn exposed(ports: impl Iterator<Item = String>) -> Result<BTreeSet<String>, ApiError> {
    ports.map(|port| Ok(parse(&port)?.to_string())).collect()
}

/// Publishes every exposed port that isn't published yet on a free port of the host.
pub(super) fn publish_all(spec: &mut ContainerSpec, of_image: &BTreeSet<String>) -> Result<(), ApiError> {
    let all: BTreeSet<Port> =
        spec.exposed_ports.iter().chain(of_image).map(|port| parse(port)).collect::<Result<_, _>>()?;
    for port in all {
        let protocol = port.protocol.to_string();
        let published = spec.ports.iter().any(|spec| spec.container == port.number && spec.protocol == protocol);
        if !published {
            spec.ports.push(publish(port, &PortBinding::default())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(ip: &str, port: &str) -> PortBinding {
        PortBinding { host_ip: ip.into(), host_port: port.into() }
    }

    fn one(port: &str, binding: PortBinding) -> Result<Vec<PortSpec>, String> {
        bindings(&BTreeMap::from([(port.to_owned(), Some(vec![binding]))])).map_err(|error| error.body.message)
    }

    #[test]
    fn a_port_without_a_number_takes_a_free_one() {
        let specs = one("80", binding("", "")).unwrap();
        assert_eq!(
            specs,
            [PortSpec { container: 80, protocol: "tcp".into(), host_ip: String::new(), host: 0, host_last: 0 }]
        );
        let range = &one("80", binding("", "8080-8090")).unwrap()[0];
        assert_eq!((range.host, range.host_last), (8080, 8090));
        assert!(one("80", binding("", "8090-8080")).is_err() && one("80", binding("", "0-5")).is_err());
        assert_eq!(one("53/udp", binding("[::1]", "53")).unwrap()[0].host_ip, "::1");
        assert!(bindings(&BTreeMap::from([("80/tcp".to_owned(), None)])).unwrap().is_empty());
    }

    #[test]
    fn malformed_ports_are_refused() {
        for (port, binding) in [
            ("x", binding("", "1")),
            ("80/sctp", binding("", "1")),
            ("80", binding("", "99999")),
            ("80", binding("", "8010-8000")),
            ("80", binding("nowhere", "1")),
        ] {
            assert!(one(port, binding.clone()).is_err(), "{port} {binding:?}");
        }
    }

    #[test]
    fn publishing_all_keeps_what_is_published() {
        let mut spec = ContainerSpec {
            exposed_ports: exposed(["80".to_owned(), "81/tcp".to_owned()].into_iter()).unwrap(),
            ports: one("80", binding("", "8080")).unwrap(),
            ..ContainerSpec::default()
        };
        publish_all(&mut spec, &BTreeSet::from(["53/udp".to_owned()])).unwrap();
        let ports: Vec<_> = spec.ports.iter().map(|port| (port.container, port.host)).collect();
        assert_eq!(ports, [(80, 8080), (53, 0), (81, 0)]);
    }
}
