//! A service.

use serde_json::{Map, Number, Value, json};

use super::{build, drop_empty, health, mounts, pairs, ports, text, value_error};
use crate::error::ComposeError;
use crate::path::Path;
use crate::tree::set;
use crate::{quantity, words};

/// Lists of text, or one text.
const LISTS: [&str; 16] = [
    "cap_add",
    "cap_drop",
    "device_cgroup_rules",
    "dns",
    "dns_opt",
    "dns_search",
    "expose",
    "external_links",
    "group_add",
    "label_file",
    "links",
    "profiles",
    "security_opt",
    "tmpfs",
    "volumes_from",
    "env_file",
];

const SIZES: [&str; 5] = ["mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "shm_size"];

/// Its canonical form.
pub(super) fn canonical(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    for name in ["annotations", "labels", "sysctls"] {
        pairs::labels(service, name);
    }
    pairs::environment(service, "environment");
    pairs::hosts(service, "extra_hosts");
    pairs::texts(service, "storage_opt");
    LISTS.iter().for_each(|name| pairs::list(service, name));
    env_files(service);
    for name in SIZES {
        size(service, name, path)?;
    }
    duration(service, "stop_grace_period", path)?;
    for name in ["command", "entrypoint"] {
        command(service, name).map_err(|e| e.at(path.key(name)))?;
    }
    for name in ["cpus", "cpu_percent"] {
        real(service, name, path)?;
    }
    for name in ["cpu_shares", "cpu_quota", "cpu_period", "cpu_rt_period", "cpu_rt_runtime", "cpu_count", "pids_limit"]
    {
        whole(service, name, path)?;
    }
    build::canonical(service, path)?;
    health::canonical(service, path)?;
    ports::canonical(service, path)?;
    mounts::canonical(service, path)?;
    deploy(service, path)?;
    networks(service);
    depends_on(service, path)?;
    grants(service, "configs");
    grants(service, "secrets");
    devices(service);
    hooks(service, path)?;
    if let Some(Value::Object(logging)) = service.get_mut("logging") {
        pairs::texts(logging, "options");
    }
    if service.get("gpus").and_then(Value::as_str) == Some("all") {
        service.insert("gpus".into(), json!([{"count": -1}]));
    }
    blkio(service, path)?;
    if let Some(Value::String(base)) = service.get("extends") {
        let extends = json!({ "service": base });
        service.insert("extends".into(), extends);
    }
    for name in ["privileged", "read_only", "stdin_open", "tty", "oom_kill_disable"] {
        if service.get(name) == Some(&Value::Bool(false)) {
            service.remove(name);
        }
    }
    drop_empty(service, &["ulimits", "configs", "secrets", "devices", "depends_on"]);
    Ok(())
}

fn env_files(service: &mut Map<String, Value>) {
    for item in service.get_mut("env_file").and_then(Value::as_array_mut).into_iter().flatten() {
        if item.is_string() {
            *item = json!({ "path": item });
        }
        if let Value::Object(file) = item {
            file.entry("required").or_insert(Value::Bool(true));
        }
    }
}

/// A size as its bytes in text.
pub(super) fn size(map: &mut Map<String, Value>, name: &str, path: &Path) -> Result<(), ComposeError> {
    if let Some(value) = map.get_mut(name) {
        *value = quantity::bytes(&text(value)).map_err(|e| e.at(path.key(name)))?.to_string().into();
    }
    Ok(())
}

/// A time in the one way that Compose writes it.
pub(super) fn duration(map: &mut Map<String, Value>, name: &str, path: &Path) -> Result<(), ComposeError> {
    if let Some(value) = map.get_mut(name) {
        *value = quantity::duration(quantity::nanoseconds(&text(value)).map_err(|e| e.at(path.key(name)))?).into();
    }
    Ok(())
}

fn real(map: &mut Map<String, Value>, name: &str, path: &Path) -> Result<(), ComposeError> {
    let Some(value) = map.get_mut(name) else { return Ok(()) };
    let number = text(value).parse::<f64>().ok().filter(|n| *n >= 0.0).and_then(Number::from_f64);
    let number = number.ok_or_else(|| value_error(format!("{value} is no positive number")).at(path.key(name)))?;
    *value = Value::Number(number);
    Ok(())
}

fn whole(map: &mut Map<String, Value>, name: &str, path: &Path) -> Result<(), ComposeError> {
    let Some(value) = map.get_mut(name) else { return Ok(()) };
    let written = text(value);
    // Some of them are times in microseconds, which may have a unit.
    let number = written.parse().ok().or_else(|| quantity::nanoseconds(&written).ok().map(|ns| ns / 1000));
    *value = number
        .map(i64::into)
        .ok_or_else(|| value_error(format!("{written:?} is no whole number")).at(path.key(name)))?;
    Ok(())
}

/// Words as a list. Nothing and no words differ: the first is the image's command, the second is none.
fn command(map: &mut Map<String, Value>, name: &str) -> Result<(), ComposeError> {
    match map.get(name) {
        Some(Value::String(written)) => {
            let words = words::split(written)?;
            map.insert(name.to_owned(), words.into());
        }
        Some(Value::Null) => {
            map.remove(name);
        }
        _ => {}
    }
    Ok(())
}

fn deploy(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let path = path.key("deploy");
    if service.get("deploy").is_some_and(Value::is_null) {
        service.remove("deploy");
    }
    let Some(Value::Object(deploy)) = service.get_mut("deploy") else { return Ok(()) };
    pairs::labels(deploy, "labels");
    deploy.entry("resources").or_insert_with(|| json!({}));
    deploy.entry("placement").or_insert_with(|| json!({}));
    for (section, names) in [
        ("restart_policy", &["delay", "window"][..]),
        ("update_config", &["delay", "monitor"]),
        ("rollback_config", &["delay", "monitor"]),
    ] {
        if let Some(Value::Object(section_map)) = deploy.get_mut(section) {
            names.iter().try_for_each(|name| duration(section_map, name, &path.key(section)))?;
        }
    }
    for name in ["limits", "reservations"] {
        let resources = deploy.get_mut("resources").and_then(|r| r.get_mut(name));
        let Some(Value::Object(resources)) = resources else { continue };
        let path = path.key("resources").key(name);
        size(resources, "memory", &path)?;
        real(resources, "cpus", &path)?;
        for device in resources.get_mut("devices").and_then(Value::as_array_mut).into_iter().flatten() {
            if device.get("count").and_then(Value::as_str) == Some("all") {
                set(device, "count", -1);
            }
        }
    }
    Ok(())
}

fn networks(service: &mut Map<String, Value>) {
    match service.get_mut("networks") {
        Some(Value::Array(names)) => {
            let map: Map<String, Value> = names.iter().map(|name| (text(name), Value::Null)).collect();
            service.insert("networks".into(), map.into());
        }
        Some(Value::Object(networks)) => {
            for network in networks.values_mut() {
                if let Value::Object(network) = network {
                    pairs::texts(network, "driver_opts");
                    drop_empty(network, &["aliases", "link_local_ips"]);
                }
            }
        }
        _ => {}
    }
}

fn depends_on(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let mut map = match service.remove("depends_on") {
        Some(Value::Array(names)) => names.iter().map(|name| (text(name), json!({}))).collect(),
        Some(Value::Object(map)) => map,
        _ => return Ok(()),
    };
    for (name, value) in &mut map {
        let Value::Object(value) = value else { continue };
        value.entry("condition").or_insert_with(|| "service_started".into());
        value.entry("required").or_insert(Value::Bool(true));
        if value.get("restart") == Some(&Value::Bool(false)) {
            value.remove("restart");
        }
        let condition = value.get("condition").map(text).unwrap_or_default();
        if !matches!(condition.as_str(), "service_started" | "service_healthy" | "service_completed_successfully") {
            return Err(value_error(format!("unsupported condition {condition:?}"))
                .at(path.key("depends_on").key(name))
                .fix("write service_started, service_healthy or service_completed_successfully"));
        }
    }
    service.insert("depends_on".into(), map.into());
    Ok(())
}

/// References to configs and secrets.
pub(super) fn grants(map: &mut Map<String, Value>, name: &str) {
    for item in map.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
        if item.is_string() {
            *item = json!({ "source": item });
        }
        if let Some(Value::Number(mode)) = item.get("mode") {
            set(item, "mode", format!("0{:o}", mode.as_u64().unwrap_or_default()));
        }
    }
    drop_empty(map, &[name]);
}

fn devices(service: &mut Map<String, Value>) {
    for item in service.get_mut("devices").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(short) = item {
            let mut parts = short.splitn(3, ':');
            let source = parts.next().unwrap_or_default();
            let target = parts.next().unwrap_or(source);
            *item = json!({"source": source, "target": target, "permissions": parts.next().unwrap_or("rwm")});
        }
    }
}

fn hooks(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    for name in ["post_start", "pre_stop"] {
        for (i, hook) in service.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            let Value::Object(hook) = hook else { continue };
            command(hook, "command").map_err(|e| e.at(path.key(name).index(i)))?;
            pairs::environment(hook, "environment");
        }
        drop_empty(service, &[name]);
    }
    Ok(())
}

/// Limits of block devices have capital letters in Compose's canonical form.
fn blkio(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let path = path.key("blkio_config");
    let Some(Value::Object(blkio)) = service.get_mut("blkio_config") else { return Ok(()) };
    for (name, list) in blkio.iter_mut() {
        for item in list.as_array_mut().into_iter().flatten() {
            let Value::Object(item) = item else { continue };
            size(item, "rate", &path.key(name))?;
            for (small, large) in [("path", "Path"), ("rate", "Rate"), ("weight", "Weight")] {
                if let Some(value) = item.remove(small) {
                    item.insert(large.into(), value);
                }
            }
        }
    }
    Ok(())
}
