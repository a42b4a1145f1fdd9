//! A container's endpoints: which it has, and how they become what its guest is given.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sprat_sandbox::{Egress, EndpointSpec, NetworkMode, NetworkSpec, Protocol, PublishedPort};

use super::asked::{at_first, check_addresses, check_request, of_mode, split_link};
use super::table::Active;
use super::{NetworkError, hosts, routes};
use crate::core::Core;
use crate::record::Record;
use crate::{ContainerSpec, Endpoint, EngineError, Network, NetworkDriver, PortSpec, filter, launch};

/// A container's endpoints by the network's name as it knows it.
pub(crate) type Endpoints = BTreeMap<String, Endpoint>;

/// What a container is given at its start.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) spec: NetworkSpec,
    /// `/etc/hosts` and the like.
    pub(crate) files: Vec<(String, String)>,
}

/// The hardware address that docker derives from an IPv4 address.
fn derived_mac(endpoint: &Endpoint) -> String {
    if !endpoint.request.mac.is_empty() {
        return endpoint.request.mac.to_ascii_lowercase().replace('-', ":");
    }
    endpoint.v4.map_or_else(String::new, |address| {
        let [a, b, c, d] = address.octets();
        format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    })
}

/// Names as which others find a container on a network of a user's own, in docker's order, each once.
pub(crate) fn names(record: &Record, name: &str, endpoint: &Endpoint) -> Vec<String> {
    let own = std::iter::once(name.to_owned());
    let aliases = endpoint.request.aliases.iter().cloned();
    let all = own.chain(aliases).chain([record.id.short(), launch::hostname(record)]);
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a guest is told of its place on a network.
pub(crate) fn endpoint_spec(record: &Record, name: &str, network: &Network, endpoint: &Endpoint) -> EndpointSpec {
    let prefix = |pool: Option<&crate::NetworkPool>| pool.map_or(0, |pool| pool.subnet.prefix_len());
    let gateway = |pool: Option<&crate::NetworkPool>| pool.map(|pool| pool.gateway);
    EndpointSpec {
        network: network.id.clone(),
        internal: network.internal,
        v4: endpoint.v4,
        prefix_v4: prefix(network.v4()),
        gateway_v4: gateway(network.v4()).and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }),
        v6: endpoint.v6,
        prefix_v6: prefix(network.v6()),
        gateway_v6: gateway(network.v6()).and_then(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None }),
        names: if network.is_user_defined() { names(record, name, endpoint) } else { Vec::new() },
    }
}

impl Core {
    /// A container's endpoints as they are now.
    pub(crate) fn endpoints(record: &Record) -> Endpoints {
        let now = record.life().endpoints.as_deref().cloned();
        now.unwrap_or_else(|| at_first(&record.spec))
    }

    /// Stores a container's endpoints.
    pub(crate) fn set_endpoints(&self, record: &Record, endpoints: Endpoints) -> Result<(), EngineError> {
        if record.life().endpoints.as_deref() == Some(&endpoints) {
            return Ok(());
        }
        self.store.put_endpoints(record.id, &endpoints)?;
        record.life().endpoints = Some(Box::new(endpoints));
        Ok(())
    }

    /// Gives one endpoint its addresses.
    pub(crate) fn lease(&self, record: &Record, network: &Network, endpoint: &mut Endpoint) -> Result<(), EngineError> {
        check_addresses(network, &endpoint.request)?;
        self.networks.lease(&network.id, record.id, endpoint)?;
        endpoint.mac = derived_mac(endpoint);
        if endpoint.id.is_empty() {
            endpoint.id = crate::ContainerId::random().to_string();
        }
        Ok(())
    }

    /// Gives a container that is about to run its addresses, and notes that it runs on its networks. Its operation lock
    /// is held.
    ///
    /// # Errors
    /// A network is gone, or an address taken; it is on none of them then.
    pub(crate) fn join(&self, record: &Record) -> Result<Joined, EngineError> {
        let mut endpoints = Self::endpoints(record);
        let name = record.name();
        let mut specs = Vec::new();
        let alone = endpoints.contains_key("none");
        // Without any network it may still be connected to one while it runs.
        let mut mode = if alone { NetworkMode::None } else { NetworkMode::Virtual };
        let result = endpoints.iter_mut().try_for_each(|(known, endpoint)| {
            let network = self.networks.find(known)?;
            check_request(&endpoint.request, network.predefined)?;
            self.lease(record, &network, endpoint)?;
            let spec = endpoint_spec(record, &name, &network, endpoint);
            match network.driver {
                NetworkDriver::Bridge => specs.push((known.clone(), spec.clone())),
                NetworkDriver::Host => mode = NetworkMode::Host,
                NetworkDriver::Null => {}
            }
            let active = Active { name: name.to_string(), endpoint: endpoint.clone(), spec, worker: None };
            Ok::<_, EngineError>(self.networks.enter(&network.id, record.id, active)?)
        });
        let result = result.and_then(|()| self.set_endpoints(record, endpoints.clone()));
        let given = result.and_then(|()| self.given(record, mode, specs, &endpoints));
        if given.is_err() {
            for endpoint in endpoints.values() {
                self.networks.leave(&endpoint.network_id, record.id);
            }
        }
        given
    }

    /// `/etc/hosts` and the like with the addresses that it has now; none if its networks are gone.
    pub(crate) fn provided(&self, record: &Record) -> Vec<(String, String)> {
        let endpoints = Self::endpoints(record);
        let name = record.name();
        let mut specs = Vec::new();
        let mut mode = NetworkMode::None;
        for (known, endpoint) in &endpoints {
            let Ok(network) = self.networks.find(known) else { continue };
            match network.driver {
                NetworkDriver::Bridge => {
                    mode = NetworkMode::Virtual;
                    specs.push((known.clone(), endpoint_spec(record, &name, &network, endpoint)));
                }
                NetworkDriver::Host => mode = NetworkMode::Host,
                NetworkDriver::Null => {}
            }
        }
        self.given(record, mode, specs, &endpoints).map(|joined| joined.files).unwrap_or_default()
    }

    fn given(
        &self,
        record: &Record,
        mode: NetworkMode,
        specs: Vec<(String, EndpointSpec)>,
        endpoints: &Endpoints,
    ) -> Result<Joined, EngineError> {
        let egress = self.egress(&record.spec)?;
        // The network that its mode names comes first: its address is the container's own.
        let primary = of_mode(&record.spec.network).to_owned();
        let (mut first, rest): (Vec<_>, Vec<_>) = specs.into_iter().partition(|(name, _)| *name == primary);
        first.extend(rest);
        let specs: Vec<EndpointSpec> = first.into_iter().map(|(_, spec)| spec).collect();
        let links = self.links(record, endpoints)?;
        let servers: Vec<IpAddr> = record.spec.dns.iter().filter_map(|server| server.parse().ok()).collect();
        let name_servers = if servers.is_empty() && !egress.denies_all() { routes::name_servers() } else { servers };
        let known = hosts::known(record, mode, &specs, &links);
        let files = hosts::files(record, mode, &specs, &known, &name_servers);
        let ports = record.life().row.ports.clone();
        let published = if mode == NetworkMode::Virtual { ports.iter().filter_map(port).collect() } else { Vec::new() };
        let exposed = filter::exposed(record).iter().filter_map(|text| parse_port(text)).collect();
        let spec = NetworkSpec { mode, endpoints: specs, hosts: known, name_servers, egress, published, exposed };
        Ok(Joined { spec, files })
    }

    /// What a container may reach outside: its own rules, or the daemon's.
    ///
    /// # Errors
    /// Its rules can't be read.
    pub(crate) fn egress(&self, spec: &ContainerSpec) -> Result<Egress, EngineError> {
        let text = spec.egress.as_deref().unwrap_or(&self.config.egress);
        parse_egress(text)
    }

    /// Names that a container alone knows, with the addresses they have.
    fn links(&self, record: &Record, endpoints: &Endpoints) -> Result<Vec<(String, IpAddr)>, EngineError> {
        let mut known = Vec::new();
        for (name, endpoint) in endpoints {
            let of_mode_here = of_mode(&record.spec.network) == name;
            let legacy = record.spec.links.iter().filter(|_| of_mode_here);
            for (other, alias) in endpoint.request.links.iter().chain(legacy).filter_map(|link| split_link(link)) {
                let target = self.containers.find(other)?;
                let address = self.address_of(&target, name, endpoint, record)?;
                known.extend(address.into_iter().map(|address| (alias.to_owned(), address)));
            }
        }
        Ok(known)
    }

    /// The addresses of a linked container on a network; none if it never ran there.
    fn address_of(
        &self,
        target: &Record,
        name: &str,
        endpoint: &Endpoint,
        record: &Record,
    ) -> Result<Vec<IpAddr>, EngineError> {
        let Some(network) = self.networks.by_id(&endpoint.network_id) else { return Ok(Vec::new()) };
        let theirs = Self::endpoints(target);
        let invalid = |text: String| EngineError::from(NetworkError::Invalid(text));
        let Some(their) = theirs.get(name) else {
            let on = if network.predefined { "the default network".to_owned() } else { format!("the network {name}") };
            return Err(invalid(format!("Cannot link to /{}, as it does not belong to {on}", target.name())));
        };
        if network.predefined && !target.life().row.state.is_live() {
            let text = format!("Cannot link to a non running container: /{} AS /{}", target.name(), record.name());
            return Err(invalid(text));
        }
        Ok(super::table::addresses(their).collect())
    }
}

/// Reads egress rules; `deny` and `allow` are all or nothing.
///
/// # Errors
/// They can't be read.
pub(crate) fn parse_egress(text: &str) -> Result<Egress, EngineError> {
    match text.trim() {
        "" | "deny" | "none" => Ok(Egress::default()),
        "allow" => Ok(Egress::any()),
        rules => Egress::parse(rules).map_err(|error| EngineError::Invalid(error.to_string())),
    }
}

fn port(port: &PortSpec) -> Option<PublishedPort> {
    let protocol = if port.protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
    (port.container != 0).then_some(PublishedPort { container: port.container, protocol })
}

fn parse_port(text: &str) -> Option<PublishedPort> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        _ => return None,
    };
    Some(PublishedPort { container: number.parse().ok()?, protocol })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndpointRequest;

    #[test]
    fn a_hardware_address_is_derived_as_docker_does() {
        let endpoint = Endpoint { v4: Some([172, 17, 0, 10].into()), ..Endpoint::default() };
        assert_eq!(derived_mac(&endpoint), "02:42:ac:11:00:0a");
        let request = EndpointRequest { mac: "02-42-AC-11-00-02".to_owned(), ..EndpointRequest::default() };
        assert_eq!(derived_mac(&Endpoint { request, ..endpoint }), "02:42:ac:11:00:02");
    }

    #[test]
    fn egress_is_all_nothing_or_rules() {
        assert!(parse_egress("deny").unwrap().denies_all());
        assert_eq!(parse_egress("allow").unwrap(), Egress::any());
        assert!(!parse_egress("api.example.com:443").unwrap().denies_all());
        assert!(parse_egress("a b").is_err());
    }
}
