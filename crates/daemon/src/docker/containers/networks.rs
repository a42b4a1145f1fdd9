//! Networks of a create request.

use std::collections::BTreeMap;

use sprat_docker_api::{ApiVersion, EndpointConfig};
use sprat_engine::EndpointRequest;

use crate::docker::{ApiError, networks};

/// What a request says about networks.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) disabled: bool,
    pub(super) mode: String,
    pub(super) endpoints: BTreeMap<String, Option<EndpointConfig>>,
    pub(super) links: Vec<String>,
    pub(super) mac: String,
}

/// What of it goes to the engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Networks {
    pub(super) mode: String,
    pub(super) endpoints: BTreeMap<String, EndpointRequest>,
    pub(super) links: Vec<String>,
}

/// Reads a request as its version means it.
pub(super) fn read(asked: Asked, version: ApiVersion) -> Result<Networks, ApiError> {
    let mode = match asked.mode.as_str() {
        _ if asked.disabled => "none".to_owned(),
        "" | "default" | "bridge" => "default".to_owned(),
        _ => asked.mode,
    };
    if asked.endpoints.len() > 1 && !version.at_least(44) {
        let names: Vec<_> = asked.endpoints.keys().map(String::as_str).collect();
        let text = format!("Container cannot be connected to network endpoints: {}", names.join(", "));
        return Err(ApiError::invalid(text));
    }
    let mut endpoints = BTreeMap::new();
    for (name, config) in asked.endpoints {
        let request = networks::request(config.unwrap_or_default())?;
        // The docker CLI names the default network though nothing is asked for there.
        if networks::of_mode(&name) == "bridge" && mode == "default" && request == EndpointRequest::default() {
            endpoints.entry("default".to_owned()).or_insert(request);
            continue;
        }
        endpoints.insert(name, request);
    }
    let plain = endpoints.len() == 1 && endpoints.get("default") == Some(&EndpointRequest::default());
    if plain {
        endpoints.clear();
    }
    if !asked.mac.is_empty() {
        let primary: &mut EndpointRequest = endpoints.entry(mode.clone()).or_default();
        if !primary.mac.is_empty() && primary.mac != asked.mac {
            let text = "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left out";
            return Err(ApiError::invalid(text));
        }
        primary.mac = asked.mac;
    }
    Ok(Networks { mode, endpoints, links: asked.links })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(mode: &str, endpoints: &str) -> Asked {
        Asked { mode: mode.to_owned(), endpoints: serde_json::from_str(endpoints).unwrap(), ..Asked::default() }
    }

    #[test]
    fn a_plain_default_network_says_nothing() {
        for endpoints in ["{}", r#"{"default":null}"#, r#"{"bridge":{}}"#] {
            let networks = read(asked("default", endpoints), ApiVersion::MAX).unwrap();
            assert!(networks.mode == "default" && networks.endpoints.is_empty(), "{endpoints}");
        }
        assert_eq!(read(Asked { disabled: true, ..Asked::default() }, ApiVersion::MAX).unwrap().mode, "none");
    }

    #[test]
    fn several_networks_need_a_version_that_has_them() {
        let two = r#"{"a":{"Aliases":["x"]},"b":{}}"#;
        let error = read(asked("a", two), ApiVersion::new(1, 43)).unwrap_err();
        assert_eq!(error.body.message, "Container cannot be connected to network endpoints: a, b");
        assert_eq!(read(asked("a", two), ApiVersion::new(1, 44)).unwrap().endpoints.len(), 2);
    }

    #[test]
    fn a_hardware_address_is_of_the_network_of_the_mode() {
        let mac = |own: &str| Asked {
            mac: "02:42:00:00:00:01".to_owned(),
            ..asked("front", &format!(r#"{{"front":{{"MacAddress":"{own}"}}}}"#))
        };
        assert_eq!(read(mac(""), ApiVersion::MAX).unwrap().endpoints["front"].mac, "02:42:00:00:00:01");
        assert_eq!(read(mac("02:42:00:00:00:02"), ApiVersion::MAX).unwrap_err().status, 400);
    }
}
