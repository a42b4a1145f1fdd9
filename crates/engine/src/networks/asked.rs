//! What a container asks of networks, checked as far as it needs no running container.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::NetworkError;
use super::join::Endpoints;
use crate::{ContainerSpec, Endpoint, EndpointRequest, EngineError, Network};

/// Networks that one container may be on.
pub(crate) const ENDPOINTS_LIMIT: usize = 64;
/// Names that one container may have on a network.
const ALIASES_LIMIT: usize = 256;
/// The network of containers that name none.
const BRIDGE: &str = "bridge";

/// The network that a mode stands for.
pub(crate) fn of_mode(mode: &str) -> &str {
    if matches!(mode, "" | "default") { BRIDGE } else { mode }
}

/// The endpoints of a container that never changed them.
pub(crate) fn at_first(spec: &ContainerSpec) -> Endpoints {
    let primary = of_mode(&spec.network);
    let asked = spec.endpoints.iter().map(|(name, request)| (of_mode(name).to_owned(), request.clone()));
    let mut requests: BTreeMap<String, EndpointRequest> = asked.collect();
    if requests.is_empty() || !matches!(spec.network.as_str(), "" | "default") {
        requests.entry(primary.to_owned()).or_default();
    }
    let endpoint = |request| Endpoint { request, ..Endpoint::default() };
    requests.into_iter().map(|(name, request)| (name, endpoint(request))).collect()
}

/// Checks what a container asks for, as far as it needs no network.
///
/// # Errors
/// It contradicts itself or asks for what is not offered.
pub(crate) fn check(spec: &ContainerSpec) -> Result<(), EngineError> {
    let invalid = |text: &str| Err(NetworkError::Invalid(text.to_owned()).into());
    let mode = spec.network.as_str();
    if mode.starts_with("container:") {
        return invalid(&format!(
            "network mode {mode} is not offered: every container has a loopback of its own; put both on one network (`network create`) and use the other's name"
        ));
    }
    if spec.endpoints.len() > ENDPOINTS_LIMIT {
        return invalid(&format!("more than {ENDPOINTS_LIMIT} networks for one container"));
    }
    if mode == "host" && !spec.links.is_empty() {
        return invalid(
            "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
        );
    }
    if let Some(link) = spec.links.iter().find(|link| split_link(link).is_none()) {
        return invalid(&format!("bad format for links: {link}"));
    }
    for (name, request) in &spec.endpoints {
        let others = spec.endpoints.len() > 1 || of_mode(name) != of_mode(mode);
        if others && ["none", "host"].contains(&name.as_str()) {
            return Err(exclusive(name));
        }
        check_request(request, ["none", "host", BRIDGE].contains(&of_mode(name)))?;
    }
    Ok(())
}

/// Why `none` and `host` don't go with other networks.
pub(crate) fn exclusive(name: &str) -> EngineError {
    let text = if name == "none" {
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    } else {
        "container cannot be disconnected from host network or connected to host network"
    };
    NetworkError::Invalid(text.to_owned()).into()
}

/// Checks what is asked for on one network.
///
/// # Errors
/// It is only for networks of users' own, or malformed.
pub(crate) fn check_request(request: &EndpointRequest, predefined: bool) -> Result<(), EngineError> {
    let invalid = |text: String| Err(NetworkError::Invalid(text).into());
    if predefined && (request.v4.is_some() || request.v6.is_some()) {
        return invalid("user specified IP address is supported on user defined networks only".to_owned());
    }
    if predefined && !request.aliases.is_empty() {
        return invalid("network-scoped alias is supported only for containers in user defined networks".to_owned());
    }
    if request.aliases.len() > ALIASES_LIMIT || request.links.len() > ALIASES_LIMIT {
        return invalid(format!("more than {ALIASES_LIMIT} names on one network"));
    }
    if let Some(link) = request.links.iter().find(|link| split_link(link).is_none()) {
        return invalid(format!("bad format for links: {link}"));
    }
    if !request.mac.is_empty() && !is_mac(&request.mac) {
        return invalid(format!("invalid MAC address: {}", request.mac));
    }
    Ok(())
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<_> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `CONTAINER[:ALIAS]`; without an alias it is the container's name.
pub(crate) fn split_link(link: &str) -> Option<(&str, &str)> {
    let (name, alias) = link.split_once(':').unwrap_or((link, link));
    let name = name.trim_start_matches('/');
    // Docker shows `/db:/web/alias` and takes it back.
    let alias = alias.rsplit('/').next().unwrap_or(alias);
    (!name.is_empty() && !alias.is_empty() && !alias.contains(':')).then_some((name, alias))
}

/// Checks addresses that are asked for against a network.
///
/// # Errors
/// It has no such addresses, in docker's words.
pub(crate) fn check_addresses(network: &Network, request: &EndpointRequest) -> Result<(), EngineError> {
    let invalid = |text: String| Err(NetworkError::Invalid(text).into());
    let asked = request.v4.map(IpAddr::V4).into_iter().chain(request.v6.map(IpAddr::V6));
    for address in asked {
        let pool = if address.is_ipv4() { network.v4() } else { network.v6() };
        match pool {
            Some(pool) if !pool.subnet_asked => {
                return invalid("user specified IP address is supported only when connecting to networks with user configured subnets".to_owned());
            }
            Some(pool) if pool.subnet.contains(&address) => {}
            _ => {
                return invalid(format!(
                    "invalid endpoint settings:\nno configured subnet contains IP address {address}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_a_name_and_perhaps_an_alias() {
        assert_eq!(split_link("db"), Some(("db", "db")));
        assert_eq!(split_link("db:database"), Some(("db", "database")));
        assert_eq!(split_link("/db:/web/database"), Some(("db", "database")));
        for text in ["", ":", "db:", ":x", "a:b:c"] {
            assert_eq!(split_link(text), None, "{text}");
        }
    }

    #[test]
    fn the_mode_and_the_endpoints_make_the_networks() {
        let spec = |mode: &str, names: &[&str]| ContainerSpec {
            network: mode.to_owned(),
            endpoints: names.iter().map(|name| ((*name).to_owned(), EndpointRequest::default())).collect(),
            ..ContainerSpec::default()
        };
        let networks = |mode: &str, names: &[&str]| at_first(&spec(mode, names)).into_keys().collect::<Vec<_>>();
        assert_eq!(networks("", &[]), ["bridge"]);
        assert_eq!(networks("default", &["default"]), ["bridge"]);
        assert_eq!(networks("default", &["front"]), ["front"]);
        assert_eq!(networks("front", &[]), ["front"]);
        assert_eq!(networks("front", &["back"]), ["back", "front"]);
        assert_eq!(networks("none", &[]), ["none"]);
    }

    #[test]
    fn what_is_for_users_own_networks_is_refused_elsewhere() {
        let aliased = EndpointRequest { aliases: vec!["x".to_owned()], ..EndpointRequest::default() };
        let fixed = EndpointRequest { v4: Some([1, 2, 3, 4].into()), ..EndpointRequest::default() };
        for request in [&aliased, &fixed] {
            assert!(check_request(request, true).is_err());
            assert!(check_request(request, false).is_ok());
        }
        for (mac, good) in [("02:42:ac:11:00:02", true), ("02-42-AC-11-00-02", true), ("bad", false), ("02:42", false)]
        {
            let request = EndpointRequest { mac: mac.to_owned(), ..EndpointRequest::default() };
            assert_eq!(check_request(&request, true).is_ok(), good, "{mac}");
        }
        let shared = ContainerSpec { network: "container:x".to_owned(), ..ContainerSpec::default() };
        assert!(check(&shared).unwrap_err().to_string().contains("loopback of its own"));
    }
}
