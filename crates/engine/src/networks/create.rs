//! Networks made, removed and listed, with their events.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{NetworkError, pools, routes};
use crate::core::Core;
use crate::{ContainerId, EngineError, EventKind, Network, NetworkDriver, NetworkRequest, filter};

/// Longest name of a network in bytes.
const NAME_LIMIT: usize = 255;
/// Most bytes of a network's labels and options.
const LABELS_LIMIT: usize = 1 << 20;
/// Most pools that a request may name.
const POOLS_LIMIT: usize = 16;
/// An option that takes members their way to each other: it would have to hold.
const ICC: &str = "com.docker.network.bridge.enable_icc";

impl Core {
    /// Makes a network.
    pub(crate) fn create_network(&self, request: NetworkRequest) -> Result<Arc<Network>, EngineError> {
        let driver = check(&request)?;
        let network = self.networks.add(&request.name.clone(), |taken| {
            taken.routes = routes::of_host();
            let mut pools = Vec::new();
            for pool in request.pools.iter().filter(|pool| !pool.subnet.is_empty() || !pool.gateway.is_empty()) {
                let pool = pools::asked(pool, taken)?;
                taken.networks.push(pool.subnet);
                pools.push(pool);
            }
            let count = |v6: bool| pools.iter().filter(|pool| pool.subnet.addr().is_ipv6() == v6).count();
            let (v4, v6) = (count(false), count(true));
            if v4 > 1 || v6 > 1 {
                return Err(forbidden("bridge driver doesn't support multiple subnets"));
            }
            if v4 == 0 && request.ipv4 != Some(false) {
                pools.insert(0, pools::default_v4(taken)?);
            }
            if v6 == 0 && request.ipv6 {
                pools.push(pools::default_v6(&self.installation, taken)?);
            }
            let odd = |pool: &&crate::NetworkPool| match pool.subnet.addr().is_ipv6() {
                true => !request.ipv6,
                false => request.ipv4 == Some(false),
            };
            if let Some(pool) = pools.iter().find(odd) {
                let family = if pool.subnet.addr().is_ipv6() { "--ipv6" } else { "--ipv4" };
                return Err(invalid(format!("the network has no addresses like {}: add {family}", pool.subnet)));
            }
            Ok(Network {
                id: ContainerId::random().to_string(),
                name: request.name,
                driver,
                pools,
                ipv6: request.ipv6,
                internal: request.internal,
                attachable: request.attachable,
                labels: request.labels,
                options: request.options,
                ipam_options: request.ipam_options,
                created: Timestamp::now(),
                predefined: false,
            })
        })?;
        self.tell_network(&network, "create", &[]);
        Ok(network)
    }

    /// Removes a network.
    pub(crate) fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        let network = self.networks.find(name)?;
        self.networks.remove(&network.id)?;
        self.tell_network(&network, "destroy", &[]);
        Ok(())
    }

    /// Removes the networks of users' own that nobody runs on; gives their names.
    pub(crate) fn prune_networks(&self, filters: &BTreeMap<String, Vec<String>>) -> Result<Vec<String>, EngineError> {
        let wanted = filter::Prune::parse(filters)?;
        let mut names = Vec::new();
        for (network, members) in self.networks.all() {
            if network.predefined || !members.is_empty() || !wanted.matches(network.created, &network.labels) {
                continue;
            }
            // Somebody may have started there meanwhile: then it stays.
            if self.networks.remove(&network.id).is_ok() {
                self.tell_network(&network, "destroy", &[]);
                names.push(network.name.clone());
            }
        }
        self.tell_prune(EventKind::Network, 0);
        Ok(names)
    }

    /// Tells an event of a network.
    pub(crate) fn tell_network(&self, network: &Network, action: &str, more: &[(&str, String)]) {
        let attributes = [("name", network.name.clone()), ("type", network.driver.as_str().to_owned())];
        let attributes = attributes.into_iter().chain(more.iter().cloned());
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value)).collect();
        self.bus.tell(EventKind::Network, action, network.id.clone(), attributes);
    }
}

fn invalid(text: impl Into<String>) -> EngineError {
    NetworkError::Invalid(text.into()).into()
}

fn forbidden(text: impl Into<String>) -> EngineError {
    NetworkError::Forbidden(text.into()).into()
}

/// Checks what can be checked without the other networks.
fn check(request: &NetworkRequest) -> Result<NetworkDriver, EngineError> {
    let name = &request.name;
    if name.trim().is_empty() || name.len() > NAME_LIMIT || name.contains(char::is_control) {
        return Err(invalid(format!("invalid network name: {name:?}: a name has 1 to {NAME_LIMIT} bytes of text")));
    }
    if ["bridge", "host", "none", "default"].contains(&name.as_str()) {
        return Err(forbidden(format!("operation is not permitted on predefined {name} network")));
    }
    match request.driver.as_str() {
        "" | "bridge" | "default" => {}
        "host" | "null" => {
            return Err(forbidden(format!("only one instance of \"{}\" network is allowed", request.driver)));
        }
        "overlay" => {
            return Err(forbidden(
                "cannot create an overlay network: This node is not a swarm manager. Sprat has no swarm; use the driver bridge",
            ));
        }
        other => return Err(NetworkError::NoDriver(other.to_owned()).into()),
    }
    if !matches!(request.ipam_driver.as_str(), "" | "default") {
        return Err(NetworkError::NoDriver(request.ipam_driver.clone()).into());
    }
    if request.ipv4 == Some(false) && !request.ipv6 {
        return Err(invalid("IPv4 or IPv6 must be enabled"));
    }
    if request.options.get(ICC).is_some_and(|value| !matches!(value.as_str(), "true" | "1" | "")) {
        return Err(invalid(format!(
            "{ICC}=false is not offered: members of a network always reach each other; give containers that should not a network each"
        )));
    }
    if request.pools.len() > POOLS_LIMIT {
        return Err(invalid(format!("more than {POOLS_LIMIT} pools of addresses")));
    }
    let texts = |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let bytes = texts(&request.labels) + texts(&request.options);
    if bytes > LABELS_LIMIT {
        return Err(invalid(format!("labels and options have {bytes} bytes, and {LABELS_LIMIT} is the limit")));
    }
    Ok(NetworkDriver::Bridge)
}
