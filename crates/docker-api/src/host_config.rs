//! [`HostConfig`]: what a create request asks of the host. Only what Sprat reads; the request's text keeps the rest.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::container::PortBinding;
use crate::lenient::null_default;
use crate::mount::MountRequest;

macro_rules! host_config {
    ($($(#[doc = $doc:literal])* $(#[serde(rename = $rename:literal)])? $name:ident : $type:ty,)*) => {
        /// What a create request asks of the host.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct HostConfig {
            $($(#[doc = $doc])* $(#[serde(rename = $rename)])? #[serde(deserialize_with = "null_default")] pub $name: $type,)*
        }
    };
}

host_config! {
    /// `SOURCE:TARGET[:OPTIONS]` strings.
    binds: Vec<String>,
    /// Mount objects.
    mounts: Vec<MountRequest>,
    /// Options of memory file systems by path.
    tmpfs: BTreeMap<String, String>,
    /// The root can't be written.
    readonly_rootfs: bool,
    /// What happens after an exit.
    restart_policy: RestartPolicyRequest,
    /// Removed after its exit.
    auto_remove: bool,
    /// Bytes; 0 is the default.
    memory: i64,
    /// Bytes of memory and swap.
    memory_swap: i64,
    /// Bytes that are kept for it.
    memory_reservation: i64,
    /// Billionths of a CPU.
    nano_cpus: i64,
    /// Microseconds of CPU per period.
    cpu_quota: i64,
    /// Microseconds of a period.
    cpu_period: i64,
    /// Relative weight.
    cpu_shares: i64,
    /// CPUs it may use.
    cpuset_cpus: String,
    /// Memory nodes it may use.
    cpuset_mems: String,
    /// Block I/O weight.
    blkio_weight: u16,
    /// Most processes.
    pids_limit: Option<i64>,
    /// Resource limits.
    ulimits: Vec<Ulimit>,
    /// Log driver and its options.
    log_config: LogConfig,
    /// Isolation class.
    isolation: String,
    /// Bindings by container port.
    port_bindings: BTreeMap<String, Option<Vec<PortBinding>>>,
    /// All exposed ports get a free port of the host.
    publish_all_ports: bool,
    /// `default`, `bridge`, `none`, `host` or a network's name.
    network_mode: String,
    /// `HOST:IP` lines.
    extra_hosts: Vec<String>,
    /// Further groups.
    group_add: Vec<String>,
    /// Annotations.
    annotations: BTreeMap<String, String>,
    /// DNS servers.
    dns: Vec<String>,
    /// DNS options.
    dns_options: Vec<String>,
    /// DNS search domains.
    dns_search: Vec<String>,
    /// All of the host's devices and rights.
    privileged: bool,
    /// Capabilities to add.
    cap_add: Vec<String>,
    /// Capabilities to take away.
    cap_drop: Vec<String>,
    /// A first process that reaps others.
    init: bool,
    /// Bytes of shared memory.
    shm_size: i64,
    /// Weights of block devices.
    blkio_weight_device: Vec<Value>,
    /// Limits of block devices, in bytes read per second.
    blkio_device_read_bps: Vec<Value>,
    /// Limits of block devices, in bytes written per second.
    blkio_device_write_bps: Vec<Value>,
    /// Limits of block devices, in reads per second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    blkio_device_read_iops: Vec<Value>,
    /// Limits of block devices, in writes per second.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    blkio_device_write_iops: Vec<Value>,
    /// Microseconds of real-time scheduling per period.
    cpu_realtime_runtime: i64,
    /// Microseconds of such a period.
    cpu_realtime_period: i64,
    /// How readily memory is swapped out, in percent; -1 is the host's.
    memory_swappiness: Option<i64>,
    /// Devices of the host.
    devices: Vec<Value>,
    /// Requests for GPUs and the like.
    device_requests: Vec<Value>,
    /// Device rules.
    device_cgroup_rules: Vec<String>,
    /// Process id namespace.
    pid_mode: String,
    /// IPC namespace.
    ipc_mode: String,
    /// Host name namespace.
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    /// User namespace.
    userns_mode: String,
    /// Control group namespace.
    cgroupns_mode: String,
    /// Parent control group.
    cgroup_parent: String,
    /// Security options.
    security_opt: Vec<String>,
    /// Kernel parameters.
    sysctls: BTreeMap<String, String>,
    /// Score of the out-of-memory killer.
    oom_score_adj: i64,
    /// The out-of-memory killer spares it.
    oom_kill_disable: bool,
    /// Containers whose volumes it gets.
    volumes_from: Vec<String>,
    /// Driver of its volumes.
    volume_driver: String,
    /// Links to other containers.
    links: Vec<String>,
    /// Options of the storage driver.
    storage_opt: BTreeMap<String, String>,
    /// The runtime's name.
    runtime: String,
}

/// What happens after an exit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicyRequest {
    /// ``, `no`, `always`, `unless-stopped`, `on-failure`.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Most restarts on failure; 0 is no limit.
    #[serde(deserialize_with = "null_default")]
    pub maximum_retry_count: i64,
}

/// A resource limit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    /// `nofile`, `nproc` …
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// What holds.
    #[serde(deserialize_with = "null_default")]
    pub soft: i64,
    /// How far it may be raised.
    #[serde(deserialize_with = "null_default")]
    pub hard: i64,
}

/// Log driver and its options.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// The driver's name; empty is the default.
    #[serde(rename = "Type", deserialize_with = "null_default")]
    pub driver: String,
    /// Its options.
    #[serde(deserialize_with = "null_default")]
    pub config: BTreeMap<String, String>,
}
