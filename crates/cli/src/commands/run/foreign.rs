//! Flags that docker has and a wasm guest has no use for.
//!
//! They are not in the help. They are read all the same, because a script written for docker passes them, and handed to
//! the daemon: it knows which hold anyway, which have no effect (a warning) and which are refused, and says why.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::pairs::pairs;
use crate::quantity::bytes;

/// Those flags.
#[derive(Debug, Args)]
pub(crate) struct Foreign {
    #[arg(long, hide = true)]
    privileged: bool,
    #[arg(long, hide = true)]
    init: bool,
    #[arg(long, hide = true)]
    oom_kill_disable: bool,
    #[arg(long, hide = true)]
    cap_add: Vec<String>,
    #[arg(long, hide = true)]
    cap_drop: Vec<String>,
    #[arg(long, hide = true)]
    device: Vec<String>,
    #[arg(long, hide = true)]
    gpus: Option<String>,
    #[arg(long, hide = true)]
    security_opt: Vec<String>,
    #[arg(long, hide = true)]
    #[arg(long, hide = true)]
    sysctl: Vec<String>,
    #[arg(long, hide = true)]
    volume_driver: Option<String>,
    #[arg(long, hide = true)]
    runtime: Option<String>,
    #[arg(long, hide = true)]
    pid: Option<String>,
    #[arg(long, hide = true)]
    ipc: Option<String>,
    #[arg(long, hide = true)]
    uts: Option<String>,
    #[arg(long, hide = true)]
    userns: Option<String>,
    #[arg(long, hide = true)]
    cgroupns: Option<String>,
    #[arg(long, hide = true)]
    cgroup_parent: Option<String>,
    #[arg(long, hide = true)]
    cpuset_cpus: Option<String>,
    #[arg(short = 'c', long, hide = true)]
    cpu_shares: Option<i64>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    oom_score_adj: Option<i64>,
    #[arg(long, hide = true)]
    cpu_period: Option<i64>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    #[arg(long, hide = true)]
    cpu_rt_period: Option<i64>,
    #[arg(long, hide = true)]
    cpu_rt_runtime: Option<i64>,
    #[arg(long, hide = true)]
    cpuset_mems: Option<String>,
    #[arg(long, hide = true)]
    blkio_weight: Option<i64>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    memory_swappiness: Option<i64>,
    #[arg(long, hide = true)]
    device_cgroup_rule: Vec<String>,
    #[arg(long, hide = true)]
    device_read_bps: Vec<String>,
    #[arg(long, hide = true)]
    device_write_bps: Vec<String>,
    #[arg(long, hide = true)]
    device_read_iops: Vec<String>,
    #[arg(long, hide = true)]
    device_write_iops: Vec<String>,
    #[arg(long, hide = true)]
    memory_reservation: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    memory_swap: Option<String>,
    #[arg(long, hide = true)]
    shm_size: Option<String>,
}

impl Foreign {
    /// Adds what was given to a `HostConfig` (Docker Engine API).
    pub(super) fn add_to(&self, host: &mut Map<String, Value>) -> Result<(), CliError> {
        let mut add = |key: &str, value: Value| {
            host.insert(key.to_owned(), value);
        };
        for (key, on) in
            [("Privileged", self.privileged), ("Init", self.init), ("OomKillDisable", self.oom_kill_disable)]
        {
            if on {
                add(key, json!(true));
            }
        }
        for (key, list) in [
            ("CapAdd", &self.cap_add),
            ("CapDrop", &self.cap_drop),
            ("SecurityOpt", &self.security_opt),
            ("DeviceCgroupRules", &self.device_cgroup_rule),
        ] {
            if !list.is_empty() {
                add(key, json!(list));
            }
        }
        for (key, text) in [
            ("VolumeDriver", &self.volume_driver),
            ("Runtime", &self.runtime),
            ("PidMode", &self.pid),
            ("IpcMode", &self.ipc),
            ("UTSMode", &self.uts),
            ("UsernsMode", &self.userns),
            ("CgroupnsMode", &self.cgroupns),
            ("CgroupParent", &self.cgroup_parent),
            ("CpusetCpus", &self.cpuset_cpus),
            ("CpusetMems", &self.cpuset_mems),
        ] {
            if let Some(text) = text {
                add(key, json!(text));
            }
        }
        for (key, number) in [
            ("CpuShares", self.cpu_shares),
            ("PidsLimit", self.pids_limit),
            ("OomScoreAdj", self.oom_score_adj),
            ("CpuPeriod", self.cpu_period),
            ("CpuQuota", self.cpu_quota),
            ("CpuRealtimePeriod", self.cpu_rt_period),
            ("CpuRealtimeRuntime", self.cpu_rt_runtime),
            ("BlkioWeight", self.blkio_weight),
            ("MemorySwappiness", self.memory_swappiness),
        ] {
            if let Some(number) = number {
                add(key, json!(number));
            }
        }
        for (key, flag, size) in [
            ("MemoryReservation", "--memory-reservation", &self.memory_reservation),
            ("MemorySwap", "--memory-swap", &self.memory_swap),
            ("ShmSize", "--shm-size", &self.shm_size),
        ] {
            match size.as_deref() {
                Some("-1") => add(key, json!(-1)),
                Some(size) => add(key, json!(bytes(flag, size)?)),
                None => {}
            }
        }
        for (key, flag, rates) in [
            ("BlkioDeviceReadBps", "--device-read-bps", &self.device_read_bps),
            ("BlkioDeviceWriteBps", "--device-write-bps", &self.device_write_bps),
            ("BlkioDeviceReadIOps", "--device-read-iops", &self.device_read_iops),
            ("BlkioDeviceWriteIOps", "--device-write-iops", &self.device_write_iops),
        ] {
            if !rates.is_empty() {
                add(key, json!(rates.iter().map(|rate| device_rate(flag, rate)).collect::<Result<Vec<_>, _>>()?));
            }
        }
        if !self.sysctl.is_empty() {
            add("Sysctls", json!(pairs("--sysctl", &self.sysctl)?));
        }
        if !self.device.is_empty() {
            let devices: Vec<_> = self.device.iter().map(|path| json!({"PathOnHost": path})).collect();
            add("Devices", json!(devices));
        }
        if self.gpus.is_some() {
            add("DeviceRequests", json!([{"Count": -1}]));
        }
        Ok(())
    }
}

/// `PATH:RATE`
fn device_rate(flag: &str, text: &str) -> Result<Value, CliError> {
    let wrong = || CliError::new(format!("invalid {flag} {text:?}")).fix("write PATH:RATE").status(125);
    let (path, rate) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok(json!({"Path": path, "Rate": bytes(flag, rate)?}))
}
