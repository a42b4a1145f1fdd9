//! Networks in requests and answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lenient::null_default;

/// A network.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSummary {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: String,
    /// `local`.
    pub scope: String,
    /// `bridge`, `host` or `null`.
    pub driver: String,
    /// It has IPv4 addresses; since 1.48.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// It has IPv6 addresses.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: NetworkIpam,
    /// It reaches nothing outside.
    pub internal: bool,
    /// Containers may join later.
    pub attachable: bool,
    /// Kept for clients.
    pub ingress: bool,
    /// Kept for clients.
    pub config_from: BTreeMap<String, String>,
    /// Kept for clients.
    pub config_only: bool,
    /// The containers that run on it, by id; only in inspect.
    pub containers: BTreeMap<String, NetworkContainer>,
    /// Options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A network's addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkIpam {
    /// `default`.
    #[serde(deserialize_with = "null_default")]
    pub driver: String,
    /// Options as given.
    pub options: Option<BTreeMap<String, String>>,
    /// Ranges.
    #[serde(deserialize_with = "null_default")]
    pub config: Vec<IpamConfig>,
}

/// A range of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamConfig {
    /// In CIDR notation.
    #[serde(deserialize_with = "null_default")]
    pub subnet: String,
    /// Those that containers are given, in CIDR notation.
    #[serde(rename = "IPRange", deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub ip_range: String,
    /// Its gateway.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses that no container is given, by name.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// A container on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkContainer {
    /// Its name.
    pub name: String,
    /// Its endpoint's id.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its interface's address.
    pub mac_address: String,
    /// Its address with the prefix length.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Its IPv6 address with the prefix length.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}

/// The body of `POST /networks/create`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkCreate {
    /// Its name.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Its driver; empty is `bridge`.
    #[serde(deserialize_with = "null_default")]
    pub driver: String,
    /// `local` or empty.
    #[serde(deserialize_with = "null_default")]
    pub scope: String,
    /// It reaches nothing outside.
    #[serde(deserialize_with = "null_default")]
    pub internal: bool,
    /// Kept for clients.
    #[serde(deserialize_with = "null_default")]
    pub attachable: bool,
    /// Of swarms only.
    #[serde(deserialize_with = "null_default")]
    pub ingress: bool,
    /// A mere configuration for others.
    #[serde(deserialize_with = "null_default")]
    pub config_only: bool,
    /// Its addresses.
    #[serde(rename = "IPAM", deserialize_with = "null_default")]
    pub ipam: NetworkIpam,
    /// IPv4 addresses; absent is yes.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// IPv6 addresses too.
    #[serde(rename = "EnableIPv6", deserialize_with = "null_default")]
    pub enable_ipv6: bool,
    /// Options of the driver.
    #[serde(deserialize_with = "null_default")]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
}

/// The answer to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkCreated {
    /// Its id.
    pub id: String,
    /// Always empty; clients expect the field.
    pub warning: String,
}

/// The body of `POST /networks/NAME/connect` and `disconnect`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkConnect {
    /// The container.
    #[serde(deserialize_with = "null_default")]
    pub container: String,
    /// What it asks for there.
    #[serde(deserialize_with = "null_default")]
    pub endpoint_config: EndpointConfig,
    /// Disconnect what is gone, too.
    #[serde(deserialize_with = "null_default")]
    pub force: bool,
}

/// What a container asks for on a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointConfig {
    /// Addresses.
    #[serde(rename = "IPAMConfig", deserialize_with = "null_default")]
    pub ipam_config: EndpointIpam,
    /// `CONTAINER:ALIAS`.
    #[serde(deserialize_with = "null_default")]
    pub links: Vec<String>,
    /// Further names.
    #[serde(deserialize_with = "null_default")]
    pub aliases: Vec<String>,
    /// The hardware address.
    #[serde(deserialize_with = "null_default")]
    pub mac_address: String,
    /// Options of the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Kept for clients.
    #[serde(deserialize_with = "null_default")]
    pub gw_priority: i64,
}

/// Addresses that a container asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointIpam {
    /// An IPv4 address.
    #[serde(rename = "IPv4Address", deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub ipv4_address: String,
    /// An IPv6 address.
    #[serde(rename = "IPv6Address", deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub ipv6_address: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_and_the_docker_cli_send_is_read() {
        let request: NetworkCreate = serde_json::from_str(
            r#"{"Driver":"","Scope":"","IPAM":null,"Internal":false,"ConfigFrom":null,"Options":null,
                "Labels":{"a":"b"},"Name":"cmp_default","CheckDuplicate":true}"#,
        )
        .unwrap();
        assert_eq!((request.name.as_str(), request.labels.len(), request.enable_ipv4), ("cmp_default", 1, None));
        let request: NetworkConnect = serde_json::from_str(
            r#"{"Container":"b21","EndpointConfig":{"Aliases":["b21","db"],"IPAMConfig":null,"Links":null}}"#,
        )
        .unwrap();
        assert_eq!(request.endpoint_config.aliases.len(), 2);
    }

    #[test]
    fn a_range_shows_only_what_was_asked_for() {
        let config = IpamConfig { subnet: "10.0.0.0/8".to_owned(), ..IpamConfig::default() };
        assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"Subnet":"10.0.0.0/8"}"#);
    }
}
