//! Containers in answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lenient::null_default;
use crate::network::EndpointIpam;

/// The answer to a create request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateResponse {
    /// The container's id.
    pub id: String,
    /// What was accepted but has no effect.
    #[serde(default, deserialize_with = "null_default")]
    pub warnings: Vec<String>,
}

/// The answer to a wait request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WaitResponse {
    /// The exit status.
    pub status_code: i64,
    /// Why waiting or running failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WaitError>,
}

/// Why waiting or running failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WaitError {
    /// What happened.
    pub message: String,
}

/// One container of the list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerSummary {
    /// Its id.
    pub id: String,
    /// Its names, each with a slash.
    pub names: Vec<String>,
    /// The image as it was named.
    pub image: String,
    /// The image's id.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// Program and arguments as one line.
    pub command: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Exposed and published ports.
    pub ports: Vec<ListedPort>,
    /// Bytes it wrote, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<u64>,
    /// Bytes of all its files, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<u64>,
    /// Its labels.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// `running`, `exited` …
    pub state: String,
    /// `Up 2 minutes` …
    pub status: String,
    /// What the list shows of it.
    pub host_config: SummaryHostConfig,
    /// Its networks.
    pub network_settings: SummaryNetworks,
    /// Its mounts.
    pub mounts: Vec<MountPoint>,
}

/// What the list shows of the host configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SummaryHostConfig {
    /// The network mode.
    pub network_mode: String,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What the list shows of the networks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SummaryNetworks {
    /// By name.
    pub networks: BTreeMap<String, EndpointSettings>,
}

/// A port of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPort {
    /// Address of the host.
    #[serde(rename = "IP", default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Port in the container.
    #[serde(rename = "PrivatePort", default)]
    pub private_port: u16,
    /// Port of the host.
    #[serde(rename = "PublicPort", default, skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
    /// `tcp` or `udp`.
    #[serde(rename = "Type", default)]
    pub protocol: String,
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountPoint {
    /// `bind`, `volume` or `tmpfs`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The volume's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Folder of the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// The volume's driver.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Options as given.
    pub mode: String,
    /// It can be written.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Propagation of a bind mount.
    pub propagation: String,
}

/// Where a published port is bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    /// Address of the host; empty is all.
    #[serde(deserialize_with = "null_default")]
    pub host_ip: String,
    /// Port of the host; empty is a free one.
    #[serde(deserialize_with = "null_default")]
    pub host_port: String,
}

/// A container in full. `config` and `host_config` echo the create request, so they stay JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerInspect {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: String,
    /// The program.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it stands.
    pub state: ContainerState,
    /// The image's id.
    pub image: String,
    /// Not used; clients expect the field.
    pub resolv_conf_path: String,
    /// Not used.
    pub hostname_path: String,
    /// Not used.
    pub hosts_path: String,
    /// Its log file.
    pub log_path: String,
    /// Its name with a slash.
    pub name: String,
    /// Times the restart policy started it again.
    pub restart_count: u32,
    /// `sprat`.
    pub driver: String,
    /// `linux`, as clients expect.
    pub platform: String,
    /// Not used.
    pub mount_label: String,
    /// Not used.
    pub process_label: String,
    /// Not used.
    pub app_armor_profile: String,
    /// Ids of running execs.
    #[serde(rename = "ExecIDs")]
    pub exec_ids: Option<Vec<String>>,
    /// What was asked of the host.
    pub host_config: Value,
    /// Storage.
    pub graph_driver: Value,
    /// Bytes it wrote, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<u64>,
    /// Bytes of all its files, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<u64>,
    /// Its mounts.
    pub mounts: Vec<MountPoint>,
    /// What was asked for, with the image's values.
    pub config: Value,
    /// Its networks.
    pub network_settings: NetworkSettings,
}

/// Where a container stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerState {
    /// `running`, `exited` …
    pub status: String,
    /// It runs (also when held or restarting).
    pub running: bool,
    /// It is held.
    pub paused: bool,
    /// Its restart policy is about to start it.
    pub restarting: bool,
    /// It hit its memory limit.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Its removal failed.
    pub dead: bool,
    /// Process id of its worker.
    pub pid: u32,
    /// Exit status.
    pub exit_code: i64,
    /// Why it failed.
    pub error: String,
    /// When it last started.
    pub started_at: String,
    /// When it last ended.
    pub finished_at: String,
    /// Whether it is well, if it has a health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Whether a container is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last results, oldest first.
    #[serde(deserialize_with = "null_default")]
    pub log: Vec<HealthResult>,
}

/// The result of one health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthResult {
    /// When it began.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// 0 is well.
    pub exit_code: i32,
    /// What it wrote.
    pub output: String,
}

/// A container's networks, with the top-level fields that old clients read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// Not used.
    pub bridge: String,
    /// The container's id while it runs.
    #[serde(rename = "SandboxID")]
    pub sandbox_id: String,
    /// Not used.
    pub sandbox_key: String,
    /// Bindings by container port; `None` for exposed ones that aren't published.
    pub ports: BTreeMap<String, Option<Vec<PortBinding>>>,
    /// Not used.
    pub hairpin_mode: bool,
    /// Not used.
    #[serde(rename = "LinkLocalIPv6Address")]
    pub link_local_ipv6_address: String,
    /// Not used.
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    pub link_local_ipv6_prefix_len: u8,
    /// Not used.
    #[serde(rename = "SecondaryIPAddresses")]
    pub secondary_ip_addresses: Option<Value>,
    /// Not used.
    #[serde(rename = "SecondaryIPv6Addresses")]
    pub secondary_ipv6_addresses: Option<Value>,
    /// The default network's endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// The default network's gateway.
    pub gateway: String,
    /// The address on the default network.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Its prefix length.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: u8,
    /// The default network's IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// The IPv6 address on the default network.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Its prefix length.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: u8,
    /// The address of its interface on the default network.
    pub mac_address: String,
    /// By name.
    pub networks: BTreeMap<String, EndpointSettings>,
    /// What it may reach outside: `deny`, `allow` or rules. Not of Docker's API.
    pub egress: String,
}

/// A container on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointSettings {
    /// Addresses that were asked for.
    #[serde(rename = "IPAMConfig")]
    pub ipam_config: Option<EndpointIpam>,
    /// Links that were asked for.
    pub links: Option<Vec<String>>,
    /// Further names.
    pub aliases: Option<Vec<String>>,
    /// The interface's address.
    pub mac_address: String,
    /// Options of the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Kept for clients; since 1.48.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gw_priority: Option<i64>,
    /// The network's id.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// The endpoint's id.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// The gateway.
    pub gateway: String,
    /// The address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Its prefix length.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: u8,
    /// The IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// The IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Its prefix length.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: u8,
    /// Names that resolve to it; since 1.44. The inner `None` is shown as `null`.
    #[serde(rename = "DNSNames", skip_serializing_if = "Option::is_none")]
    pub dns_names: Option<Option<Vec<String>>>,
}
