//! `HostConfig`, but for mounts.

use serde_json::{Map, Value, json};

use super::Surroundings;
use super::container::shared;
use crate::error::ComposeError;
use crate::project::{Limits, Service, Ulimit};
use crate::quantity;

/// Keys that are passed on as they are; what the daemon does not have, it refuses with its reason.
const PASSED: &[(&str, &str)] = &[
    ("annotations", "Annotations"),
    ("cap_add", "CapAdd"),
    ("cap_drop", "CapDrop"),
    ("cgroup", "CgroupnsMode"),
    ("cgroup_parent", "CgroupParent"),
    ("cpu_count", "CpuCount"),
    ("cpu_percent", "CpuPercent"),
    ("cpu_period", "CpuPeriod"),
    ("cpu_quota", "CpuQuota"),
    ("cpu_rt_period", "CpuRealtimePeriod"),
    ("cpu_rt_runtime", "CpuRealtimeRuntime"),
    ("cpu_shares", "CpuShares"),
    ("cpuset", "CpusetCpus"),
    ("device_cgroup_rules", "DeviceCgroupRules"),
    ("dns", "Dns"),
    ("dns_opt", "DnsOptions"),
    ("dns_search", "DnsSearch"),
    ("group_add", "GroupAdd"),
    ("init", "Init"),
    ("isolation", "Isolation"),
    ("oom_kill_disable", "OomKillDisable"),
    ("oom_score_adj", "OomScoreAdj"),
    ("pids_limit", "PidsLimit"),
    ("privileged", "Privileged"),
    ("runtime", "Runtime"),
    ("security_opt", "SecurityOpt"),
    ("storage_opt", "StorageOpt"),
    ("sysctls", "Sysctls"),
    ("userns_mode", "UsernsMode"),
    ("uts", "UTSMode"),
];

/// Sizes, which are numbers there.
const SIZES: &[(&str, &str)] = &[
    ("mem_reservation", "MemoryReservation"),
    ("mem_swappiness", "MemorySwappiness"),
    ("memswap_limit", "MemorySwap"),
    ("shm_size", "ShmSize"),
];

pub(super) fn config(service: &Service, around: &Surroundings) -> Result<Map<String, Value>, ComposeError> {
    let mut host = Map::new();
    let mut passed = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            host.insert(name.to_owned(), value);
        }
    };
    for (key, name) in PASSED {
        passed(name, service.config.get(key).cloned());
    }
    for (key, name) in SIZES {
        let size = service.config.get(key).and_then(Value::as_str);
        passed(name, size.map(quantity::bytes).transpose()?.map(Value::from));
    }
    for (key, name) in [("pid", "PidMode"), ("ipc", "IpcMode")] {
        let mode = service.config.get(key).and_then(Value::as_str);
        passed(name, mode.map(|mode| shared(mode, around)).transpose()?.map(Value::from));
    }
    let hosts = service.config.get("extra_hosts").and_then(Value::as_array);
    // The daemon separates name and address by a colon.
    passed("ExtraHosts", hosts.map(|h| h.iter().filter_map(Value::as_str).map(|h| h.replacen('=', ":", 1)).collect()));
    passed("RestartPolicy", Some(restart(service)));
    passed(
        "LogConfig",
        service
            .logging
            .as_ref()
            .map(|log| json!({"Type": log.driver.as_deref().unwrap_or_default(), "Config": log.options})),
    );
    passed("PortBindings", Some(bindings(service)));
    passed("ReadonlyRootfs", Some(service.read_only.into()));
    if !service.ulimits.is_empty() {
        passed("Ulimits", Some(ulimits(service)));
    }
    if !service.volumes_from.is_empty() {
        passed("VolumesFrom", Some(volumes_from(service, around)));
    }
    passed("Devices", devices(service));
    resources(service, &mut host)?;
    Ok(host)
}

/// Limits below `deploy` come before those beside it.
fn resources(service: &Service, host: &mut Map<String, Value>) -> Result<(), ComposeError> {
    let none = Limits::default();
    let deploy = service.deploy.as_ref();
    let limits = deploy.map_or(&none, |d| &d.resources.limits);
    let reserved = deploy.map_or(&none, |d| &d.resources.reservations);
    if let Some(memory) = limits.memory.as_deref().or(service.mem_limit.as_deref()) {
        host.insert("Memory".into(), quantity::bytes(memory)?.into());
    }
    if let Some(memory) = &reserved.memory {
        host.insert("MemoryReservation".into(), quantity::bytes(memory)?.into());
    }
    if let Some(cpus) = limits.cpus.or(service.cpus) {
        #[expect(clippy::cast_possible_truncation, reason = "billionths of CPUs are whole, and saturate")]
        host.insert("NanoCpus".into(), ((cpus * 1e9).round() as i64).into());
    }
    if let Some(pids) = limits.pids {
        host.insert("PidsLimit".into(), pids.into());
    }
    Ok(())
}

/// `restart`, or what `deploy` says.
fn restart(service: &Service) -> Value {
    if let Some(written) = &service.restart {
        let (name, count) = written.split_once(':').unwrap_or((written, "0"));
        return json!({"Name": name, "MaximumRetryCount": count.parse::<u32>().unwrap_or_default()});
    }
    let policy = service.deploy.as_ref().and_then(|d| d.restart_policy.as_ref());
    let name = match policy.map(|p| p.condition.as_deref()) {
        None => "",
        Some(None | Some("any")) => "always",
        Some(Some("none")) => "no",
        Some(Some(other)) => other,
    };
    let count = if name == "on-failure" { policy.and_then(|p| p.max_attempts).unwrap_or_default() } else { 0 };
    json!({"Name": name, "MaximumRetryCount": count})
}

fn bindings(service: &Service) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for port in &service.ports {
        let binding = json!({"HostIp": port.host_ip, "HostPort": port.published});
        let list = all.entry(format!("{}/{}", port.target, port.protocol)).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(binding);
        }
    }
    all.into()
}

fn ulimits(service: &Service) -> Value {
    let one = |(name, limit): (&String, &Ulimit)| {
        let (soft, hard) = match limit {
            Ulimit::Single(both) => (*both, *both),
            Ulimit::Range { soft, hard } => (*soft, *hard),
        };
        json!({"Name": name, "Soft": soft, "Hard": hard})
    };
    service.ulimits.iter().map(one).collect()
}

/// `SERVICE[:ro]` and `container:NAME[:ro]` as containers.
fn volumes_from(service: &Service, around: &Surroundings) -> Value {
    let mut all = Vec::new();
    for from in &service.volumes_from {
        if let Some(container) = from.strip_prefix("container:") {
            all.push(container.to_owned());
            continue;
        }
        let (name, mode) = from.split_once(':').map_or((from.as_str(), ""), |(name, mode)| (name, mode));
        for id in around.containers.get(name).into_iter().flatten() {
            all.push(if mode.is_empty() { id.clone() } else { format!("{id}:{mode}") });
        }
    }
    json!(all)
}

fn devices(service: &Service) -> Option<Value> {
    let text = |device: &Value, key: &str| device.get(key).cloned().unwrap_or_default();
    let list = service.config.get("devices")?.as_array()?;
    let one = |d: &Value| json!({"PathOnHost": text(d, "source"), "PathInContainer": text(d, "target"), "CgroupPermissions": text(d, "permissions")});
    Some(list.iter().map(one).collect())
}
