//! Configuration hashes as Docker Compose 2 computes them, so that either tool knows what the other one made and leaves alone
//! what did not change: SHA-256 over the JSON of the canonical form, with fields in the order of Compose's own types.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::project::{Network, Service, Volume};
use crate::tree::set;

/// What may change without a new container.
const IGNORED: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// Fields of Compose's types in their order. A field that is not named here comes after these, by name.
const ORDERS: &[(&str, &str)] = &[
    (
        "",
        "annotations attach build develop blkio_config cap_add cap_drop cgroup_parent cgroup cpu_count cpu_percent \
         cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpus cpuset cpu_shares command configs container_name \
         credential_spec depends_on deploy device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint \
         provider environment env_file expose extends external_links extra_hosts gpus group_add hostname healthcheck \
         image init ipc isolation labels links logging mem_limit mem_reservation memswap_limit mem_swappiness \
         mac_address models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports \
         privileged profiles pull_policy read_only restart runtime scale secrets security_opt shm_size stdin_open \
         stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts \
         volumes volumes_from working_dir post_start pre_stop",
    ),
    ("ports.[]", "name mode host_ip target published protocol app_protocol"),
    ("volumes.[]", "type source target read_only consistency bind volume tmpfs image"),
    ("volumes.[].bind", "selinux propagation create_host_path recursive"),
    ("volumes.[].volume", "labels nocopy subpath"),
    ("volumes.[].tmpfs", "size mode"),
    (
        "networks.*",
        "aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address priority",
    ),
    ("deploy", "mode replicas labels update_config rollback_config resources restart_policy placement endpoint_mode"),
    ("deploy.update_config", "parallelism delay failure_action monitor max_failure_ratio order"),
    ("deploy.rollback_config", "parallelism delay failure_action monitor max_failure_ratio order"),
    ("deploy.resources", "limits reservations"),
    ("deploy.resources.*", "cpus memory pids devices generic_resources"),
    ("deploy.resources.*.devices.[]", "capabilities driver count device_ids options"),
    ("deploy.restart_policy", "condition delay max_attempts window"),
    ("deploy.placement", "constraints preferences max_replicas_per_node"),
    ("healthcheck", "test timeout interval retries start_period start_interval disable"),
    ("configs.[]", "source target uid gid mode"),
    ("secrets.[]", "source target uid gid mode"),
    ("logging", "driver options"),
    ("ulimits.*", "soft hard"),
    ("devices.[]", "source target permissions"),
    ("gpus.[]", "capabilities driver count device_ids options"),
    ("post_start.[]", "command user privileged working_dir environment"),
    ("pre_stop.[]", "command user privileged working_dir environment"),
    ("blkio_config", "weight weight_device device_read_bps device_read_iops device_write_bps device_write_iops"),
    ("blkio_config.weight_device.[]", "Path Weight"),
];

const NETWORK: &[(&str, &str)] = &[
    ("", "name driver driver_opts ipam external internal attachable labels enable_ipv4 enable_ipv6"),
    ("ipam", "driver config options"),
    ("ipam.config.[]", "subnet gateway ip_range aux_addresses"),
];

const VOLUME: &[(&str, &str)] = &[("", "name driver driver_opts external labels")];

/// The hash of a service.
#[must_use]
pub fn service(service: &Service) -> String {
    let mut config = service.config.clone();
    if let Value::Object(map) = &mut config {
        for name in IGNORED {
            map.remove(name);
        }
        if let Some(Value::Object(deploy)) = map.get_mut("deploy") {
            deploy.remove("replicas");
        }
        map.retain(|key, _| !key.starts_with("x-"));
    }
    of(&config, ORDERS)
}

/// The hash of a network, whose entry of the model this is.
#[must_use]
pub fn network(_: &Network, entry: &Value) -> String {
    of(entry, NETWORK)
}

/// The hash of a volume, whose entry of the model this is.
#[must_use]
pub fn volume(volume: &Volume, entry: &Value) -> String {
    let mut entry = entry.clone();
    if volume.driver.is_none() {
        set(&mut entry, "driver", "local");
    }
    of(&entry, VOLUME)
}

fn of(value: &Value, orders: &[(&str, &str)]) -> String {
    let mut text = String::new();
    write(&mut text, value, &mut Vec::new(), orders);
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn write(to: &mut String, value: &Value, path: &mut Vec<String>, orders: &[(&str, &str)]) {
    match value {
        Value::Object(map) => {
            to.push('{');
            for (i, (key, item)) in sorted(map, path, orders).into_iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                string(to, key);
                to.push(':');
                path.push(key.to_owned());
                write(to, item, path, orders);
                path.pop();
            }
            to.push('}');
        }
        Value::Array(items) => {
            to.push('[');
            path.push("[]".to_owned());
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                write(to, item, path, orders);
            }
            path.pop();
            to.push(']');
        }
        Value::String(text) => string(to, text),
        Value::Number(n) => {
            match n.as_f64().filter(|f| !n.is_i64() && !n.is_u64() && f.fract() == 0.0 && f.abs() < 1e15) {
                // Go writes a float without fraction as a whole number.
                #[expect(clippy::cast_possible_truncation, reason = "below 10^15")]
                Some(whole) => drop(write!(to, "{}", whole as i64)),
                None => drop(write!(to, "{n}")),
            }
        }
        other => drop(write!(to, "{other}")),
    }
}

fn sorted<'a>(map: &'a Map<String, Value>, path: &[String], orders: &[(&str, &str)]) -> Vec<(&'a str, &'a Value)> {
    let fits = |pattern: &str| {
        let mut wanted = pattern.split('.').filter(|p| !p.is_empty());
        path.iter().all(|part| wanted.next().is_some_and(|w| w == part || (w == "*" && part != "[]")))
            && wanted.next().is_none()
    };
    let order = orders.iter().find(|(pattern, _)| fits(pattern)).map_or("", |(_, order)| *order);
    let place = |key: &str| order.split(' ').position(|name| name == key).unwrap_or(usize::MAX);
    let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    entries.sort_by_key(|(key, _)| (place(key), *key));
    entries
}

/// A string as Go's JSON has it: also `<`, `>` and `&` are escaped.
fn string(to: &mut String, text: &str) {
    let quoted = Value::String(text.to_owned()).to_string();
    for c in quoted.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => drop(write!(to, "\\u{:04x}", u32::from(c))),
            c => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hashes_are_those_of_docker_compose() {
        // Recorded from Docker Compose 2.40.3.
        let hash = |entry: Value, orders| of(&entry, orders);
        assert_eq!(
            hash(json!({"name": "cmp_default", "ipam": {}}), NETWORK),
            "6988ad1ae26a9a721869f18e0b95db8840ed77d1c217793c67a1fddbf0a79abf"
        );
        assert_eq!(
            volume(&Volume::default(), &json!({"name": "cmp_data"})),
            "85f8fba37da2fc6cdad9a5af03a1529a628163b09faa494c81f6ee2b7d870697"
        );
        let config = json!({"command": null, "entrypoint": null, "image": "busybox", "environment": {"A": "1"},
            "networks": {"default": null}});
        let service = Service { config, ..Service::default() };
        assert_eq!(super::service(&service), "ab5c69c42a9fe4cb0729aeca1bd56b790862484d086aca3a4005400fbc2fe5a8");
    }
}
