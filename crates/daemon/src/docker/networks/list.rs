//! `GET /networks` and `GET /networks/NAME`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use sprat_docker_api::{ApiVersion, Filters, IpamConfig, NetworkContainer, NetworkIpam, NetworkSummary, format_time};
use sprat_engine::{Network, NetworkDriver, NetworkMember, NetworkPool};

use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door};

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
) -> Result<Json<Vec<NetworkSummary>>, ApiError> {
    let known = ["name", "id", "driver", "scope", "type", "label", "dangling"];
    let filters = params.filters()?.only(&known)?;
    let wanted = Wanted::parse(&filters)?;
    let all = door.engine.networks();
    let all = all.iter().filter(|(network, members)| wanted.matches(network, members));
    Ok(Json(all.map(|(network, _)| render(network, version)).collect()))
}

pub(super) async fn inspect(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    Path(name): Path<String>,
) -> Result<Json<NetworkSummary>, ApiError> {
    let network = door.engine.network(&name)?;
    let mut answer = render(&network, version);
    let members = door.engine.networks().into_iter().find(|(other, _)| other.id == network.id);
    for member in members.into_iter().flat_map(|(_, members)| members) {
        answer.containers.insert(member.container.to_string(), container(&network, &member));
    }
    Ok(Json(answer))
}

struct Wanted<'a> {
    filters: &'a Filters,
    dangling: Option<bool>,
}

impl<'a> Wanted<'a> {
    fn parse(filters: &'a Filters) -> Result<Self, ApiError> {
        let odd = |_| {
            let text = "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")";
            ApiError::invalid(text)
        };
        let dangling = filters.get_bool("dangling").map_err(odd)?;
        match filters.get("type").iter().find(|kind| !matches!(kind.as_str(), "builtin" | "custom")) {
            Some(kind) => Err(ApiError::invalid(format!("invalid filter: 'type'='{kind}'"))),
            None => Ok(Self { filters, dangling }),
        }
    }

    fn matches(&self, network: &Network, members: &[NetworkMember]) -> bool {
        let any = |key, test: &dyn Fn(&str) -> bool| {
            let values = self.filters.get(key);
            values.is_empty() || values.iter().any(|value| test(value))
        };
        any("name", &|value| network.name.contains(value))
            && any("id", &|value| network.id.starts_with(value))
            && any("driver", &|value| network.driver.as_str() == value)
            && any("scope", &|value| value == "local")
            && any("type", &|value| (value == "builtin") == network.predefined)
            && self.filters.matches_labels(&network.labels)
            && self.dangling.is_none_or(|wanted| wanted == (!network.predefined && members.is_empty()))
    }
}

fn render(network: &Network, version: ApiVersion) -> NetworkSummary {
    let virtual_one = network.driver == NetworkDriver::Bridge;
    NetworkSummary {
        name: network.name.clone(),
        id: network.id.clone(),
        created: format_time(Some(network.created)),
        scope: "local".to_owned(),
        driver: network.driver.as_str().to_owned(),
        enable_ipv4: version.at_least(48).then(|| !virtual_one || network.v4().is_some()),
        enable_ipv6: network.ipv6,
        ipam: NetworkIpam {
            driver: "default".to_owned(),
            options: network.ipam_options.clone(),
            config: network.pools.iter().map(pool).collect(),
        },
        internal: network.internal,
        attachable: network.attachable,
        config_from: BTreeMap::from([("Network".to_owned(), String::new())]),
        options: network.options.clone(),
        labels: network.labels.clone(),
        ..NetworkSummary::default()
    }
}

/// Docker shows the gateway where it chose the subnet, and where the gateway was asked for.
fn pool(pool: &NetworkPool) -> IpamConfig {
    let gateway = !pool.subnet_asked || pool.gateway_asked;
    IpamConfig {
        subnet: pool.subnet.to_string(),
        ip_range: pool.range.map(|range| range.to_string()).unwrap_or_default(),
        gateway: if gateway { pool.gateway.to_string() } else { String::new() },
        auxiliary_addresses: pool.auxiliary.iter().map(|(name, ip)| (name.clone(), ip.to_string())).collect(),
    }
}

fn container(network: &Network, member: &NetworkMember) -> NetworkContainer {
    let with_prefix = |address: Option<String>, pool: Option<&NetworkPool>| match (address, pool) {
        (Some(address), Some(pool)) => format!("{address}/{}", pool.subnet.prefix_len()),
        _ => String::new(),
    };
    let endpoint = &member.endpoint;
    NetworkContainer {
        name: member.name.clone(),
        endpoint_id: endpoint.id.clone(),
        mac_address: endpoint.mac.clone(),
        ipv4_address: with_prefix(endpoint.v4.map(|ip| ip.to_string()), network.v4()),
        ipv6_address: with_prefix(endpoint.v6.map(|ip| ip.to_string()), network.v6()),
    }
}
