//! A container on one network: as it is asked for, and as it is shown.

use std::fmt::Display;

use sprat_docker_api::{ApiVersion, EndpointConfig, EndpointIpam, EndpointSettings};
use sprat_engine::{ContainerId, EndpointRequest, EndpointView};

use crate::docker::ApiError;

/// What a container asks for on a network.
pub(in crate::docker) fn request(config: EndpointConfig) -> Result<EndpointRequest, ApiError> {
    Ok(EndpointRequest {
        aliases: config.aliases,
        links: config.links,
        v4: address("IPv4", &config.ipam_config.ipv4_address)?,
        v6: address("IPv6", &config.ipam_config.ipv6_address)?,
        mac: config.mac_address,
        driver_options: config.driver_opts,
        gateway_priority: config.gw_priority,
    })
}

fn address<T: std::str::FromStr>(family: &str, text: &str) -> Result<Option<T>, ApiError> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| ApiError::invalid(format!("invalid endpoint settings:\ninvalid {family} address: {text}")))
    };
    Some(text).filter(|text| !text.is_empty()).map(parse).transpose()
}

fn shown(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A container on a network as a version of the API shows it.
pub(in crate::docker) fn settings(id: ContainerId, view: &EndpointView, version: ApiVersion) -> EndpointSettings {
    let (endpoint, asked) = (&view.endpoint, &view.endpoint.request);
    let mut aliases = asked.aliases.clone();
    // The names list took its place among the aliases.
    if !version.at_least(45)
        && !view.names.is_empty()
        && !endpoint.network_id.is_empty()
        && !aliases.contains(&id.short())
    {
        aliases.push(id.short());
    }
    let ipam = EndpointIpam { ipv4_address: shown(asked.v4), ipv6_address: shown(asked.v6) };
    let list = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    EndpointSettings {
        ipam_config: (asked.v4.is_some() || asked.v6.is_some()).then_some(ipam),
        links: list(&asked.links),
        aliases: list(&aliases),
        mac_address: endpoint.mac.clone(),
        driver_opts: asked.driver_options.clone(),
        gw_priority: version.at_least(48).then_some(asked.gateway_priority),
        network_id: endpoint.network_id.clone(),
        endpoint_id: endpoint.id.clone(),
        gateway: shown(view.gateway_v4),
        ip_address: shown(endpoint.v4),
        ip_prefix_len: view.prefix_v4,
        ipv6_gateway: shown(view.gateway_v6),
        global_ipv6_address: shown(endpoint.v6),
        global_ipv6_prefix_len: view.prefix_v6,
        dns_names: version.at_least(44).then(|| list(&view.names)),
    }
}

#[cfg(test)]
mod tests {
    use sprat_engine::Endpoint;

    use super::*;

    fn view() -> EndpointView {
        EndpointView {
            network: "front".to_owned(),
            endpoint: Endpoint {
                request: EndpointRequest { aliases: vec!["db".to_owned()], ..EndpointRequest::default() },
                network_id: "n".to_owned(),
                v4: Some([10, 0, 0, 2].into()),
                ..Endpoint::default()
            },
            prefix_v4: 24,
            prefix_v6: 0,
            gateway_v4: Some([10, 0, 0, 1].into()),
            gateway_v6: None,
            names: vec!["web".to_owned(), "db".to_owned()],
        }
    }

    #[test]
    fn each_version_shows_the_names_in_its_way() {
        let id = ContainerId::random();
        let aliases = |minor| settings(id, &view(), ApiVersion::new(1, minor)).aliases.unwrap();
        assert_eq!(aliases(43), ["db".to_owned(), id.short()]);
        assert_eq!(aliases(45), ["db"]);
        let value = |minor| serde_json::to_value(settings(id, &view(), ApiVersion::new(1, minor))).unwrap();
        assert!(value(43).get("DNSNames").is_none() && value(47).get("GwPriority").is_none());
        assert_eq!((&value(51)["DNSNames"][0], &value(51)["GwPriority"]), (&"web".into(), &0.into()));
        assert_eq!((&value(51)["IPAddress"], &value(51)["IPPrefixLen"]), (&"10.0.0.2".into(), &24.into()));
        assert!(value(51)["IPAMConfig"].is_null());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let config: EndpointConfig = serde_json::from_str(r#"{"IPAMConfig":{"IPv4Address":"bad"}}"#).unwrap();
        assert!(request(config).unwrap_err().body.message.contains("invalid IPv4 address: bad"));
    }
}
