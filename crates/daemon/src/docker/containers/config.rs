//! The create request as inspect echoes it: exactly what was asked for, over what docker's clients expect to find.

use serde_json::{Map, Value, json};
use sprat_docker_api::ApiVersion;
use sprat_engine::{Container, ImageConfig};

use super::list::network_mode;

/// `Config` and `HostConfig` of a container, from the request kept in `door_data` and what is in effect.
pub(super) fn echo(container: &Container, image: Option<&ImageConfig>, version: ApiVersion) -> (Value, Value) {
    let mut request = match serde_json::from_str(&container.spec.door_data) {
        Ok(Value::Object(request)) => request,
        // Made by another door, or the kept text is gone.
        _ => Map::new(),
    };
    let host = request.remove("HostConfig").unwrap_or_default();
    request.remove("NetworkingConfig");
    (config(container, image, request), host_config(container, host, version))
}

fn config(container: &Container, image: Option<&ImageConfig>, request: Map<String, Value>) -> Value {
    let spec = &container.spec;
    let mut value = json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": spec.tty, "OpenStdin": spec.open_stdin, "StdinOnce": spec.stdin_once,
        "Env": null, "Cmd": null, "Image": spec.image, "Volumes": null, "WorkingDir": "", "Entrypoint": null,
        "OnBuild": null, "Labels": {},
    });
    overlay(&mut value, request.into_iter().filter(|(key, value)| !(key == "NetworkDisabled" && value == false)));
    set(&mut value, "Hostname", json!(spec.hostname.clone().unwrap_or_else(|| container.id.short())));
    set(&mut value, "User", json!(container.user));
    set(&mut value, "WorkingDir", json!(if container.working_dir == "/" { "" } else { &container.working_dir }));
    set(&mut value, "Env", json!(container.env));
    set(&mut value, "Labels", json!(container.labels));
    let of_image = |own: &Option<Vec<String>>, theirs: Option<&Vec<String>>| json!(own.as_ref().or(theirs));
    let entrypoint = image.and_then(|image| image.entrypoint.as_ref());
    // An entry point of the request's own drops the image's command.
    let cmd = image.and_then(|image| image.cmd.as_ref()).filter(|_| spec.entrypoint.is_none());
    set(&mut value, "Entrypoint", of_image(&spec.entrypoint, entrypoint));
    set(&mut value, "Cmd", of_image(&spec.cmd, cmd));
    if !container.stop_signal.is_empty() {
        set(&mut value, "StopSignal", json!(container.stop_signal));
    }
    let exposed = spec.exposed_ports.iter().chain(image.iter().flat_map(|image| &image.exposed_ports));
    let exposed: Map<_, _> = exposed.map(|port| (port.clone(), json!({}))).collect();
    if !exposed.is_empty() {
        set(&mut value, "ExposedPorts", Value::Object(exposed));
    }
    let own = value.get("Volumes").and_then(Value::as_object).cloned().unwrap_or_default();
    let volumes: Map<_, _> =
        image.iter().flat_map(|image| &image.volumes).map(|path| (path.clone(), json!({}))).chain(own).collect();
    if !volumes.is_empty() {
        set(&mut value, "Volumes", Value::Object(volumes));
    }
    if let Some(check) = image.and_then(|image| image.healthcheck.as_ref()) {
        inherit_health(&mut value, serde_json::to_value(check).unwrap_or_default());
    }
    value
}

/// The image's health check, under what the request says of it.
fn inherit_health(value: &mut Value, image: Value) {
    let own = value.get("Healthcheck").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut check = image;
    overlay(&mut check, own.into_iter().filter(|(_, value)| *value != json!(0) && *value != json!([])));
    set(value, "Healthcheck", check);
}

fn host_config(container: &Container, request: Value, version: ApiVersion) -> Value {
    let mut value = host_defaults();
    if let Value::Object(request) = request {
        overlay(&mut value, request);
    }
    // Where docker itself shows what an empty value stands for.
    let spec = &container.spec;
    let network = network_mode(container);
    fill(&mut value, "NetworkMode", json!(network));
    if value.pointer("/LogConfig/Type").and_then(Value::as_str).unwrap_or_default().is_empty() {
        let config = value.pointer("/LogConfig/Config").filter(|config| config.is_object()).cloned();
        set(&mut value, "LogConfig", json!({ "Type": "json-file", "Config": config.unwrap_or_else(|| json!({})) }));
    }
    if value.pointer("/RestartPolicy/MaximumRetryCount").is_none() {
        let name = value.pointer("/RestartPolicy/Name").cloned();
        set(&mut value, "RestartPolicy", json!({ "Name": name, "MaximumRetryCount": 0 }));
    }
    if value.pointer("/RestartPolicy/Name").and_then(Value::as_str).unwrap_or_default().is_empty() {
        set(&mut value, "RestartPolicy", json!({ "Name": "no", "MaximumRetryCount": 0 }));
    }
    // Links of the default network are shown with both names; those of others are the endpoint's.
    let links = spec.links.iter().filter_map(|link| {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        (network == "default").then(|| format!("/{name}:/{}/{alias}", container.name))
    });
    let links: Vec<_> = links.collect();
    set(&mut value, "Links", if links.is_empty() { Value::Null } else { json!(links) });
    if spec.memory_bytes.is_some() {
        fill(&mut value, "Memory", json!(spec.memory_bytes));
    }
    fill(&mut value, "Runtime", json!("sprat"));
    fill(&mut value, "IpcMode", json!("private"));
    fill(&mut value, "CgroupnsMode", json!("private"));
    if !version.at_least(42) {
        fill(&mut value, "KernelMemory", json!(0));
        fill(&mut value, "KernelMemoryTCP", json!(0));
    }
    value
}

/// Every field that docker's clients expect, with docker's value for "not asked for".
fn host_defaults() -> Value {
    // The file is part of the program; a test reads it.
    serde_json::from_str(include_str!("host_defaults.json")).unwrap_or_default()
}

/// The request's values over the defaults; a `null` keeps the default.
fn overlay(value: &mut Value, request: impl IntoIterator<Item = (String, Value)>) {
    if let Value::Object(map) = value {
        map.extend(request.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

fn set(value: &mut Value, key: &str, new: Value) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), new);
    }
}

/// Sets what is empty or zero.
fn fill(value: &mut Value, key: &str, new: Value) {
    let empty = match value.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(_) => false,
    };
    if empty {
        set(value, key, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_goes_over_the_defaults_and_null_does_not() {
        let mut value = host_defaults();
        let request = json!({ "Memory": 5, "Unknown": [1], "Dns": null, "Binds": ["/a:/a"] });
        let Value::Object(request) = request else { unreachable!() };
        overlay(&mut value, request);
        assert_eq!(value["Memory"], 5);
        assert_eq!(value["Unknown"], json!([1]));
        assert_eq!(value["Dns"], Value::Null);
        assert_eq!(value["Binds"], json!(["/a:/a"]));
        fill(&mut value, "Memory", json!(7));
        fill(&mut value, "NetworkMode", json!("default"));
        assert_eq!((&value["Memory"], &value["NetworkMode"]), (&json!(5), &json!("default")));
    }
}
