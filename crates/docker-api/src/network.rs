//! Networks in answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Kept for clients.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: bool,
    /// Kept for clients.
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
    /// The containers on it, by id; only in inspect.
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
    pub driver: String,
    /// Not used.
    pub options: Option<Value>,
    /// Ranges.
    pub config: Vec<IpamConfig>,
}

/// A range of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamConfig {
    /// In CIDR notation.
    pub subnet: String,
    /// Its gateway.
    pub gateway: String,
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
    /// Not used.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}
