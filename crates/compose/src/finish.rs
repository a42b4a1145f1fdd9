//! From the merged tree to a [`Project`]: variables of files, defaults, names, profiles, checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Code, ComposeError};
use crate::files::text;
use crate::load::Loader;
use crate::locate::Request;
use crate::path::Path;
use crate::project::{Project, Service};
use crate::tree::set;
use crate::{check, env_file, order};

type Object = Map<String, Value>;

/// The project of a model.
pub(crate) fn project(
    mut model: Value,
    request: &Request,
    name: String,
    environment: BTreeMap<String, String>,
    loader: Loader<'_>,
) -> Result<Project, ComposeError> {
    let services = model.get("services").and_then(Value::as_object).cloned().unwrap_or_default();
    let profiles = enabled_profiles(request, &services);
    let (mut services, disabled): (Object, Object) =
        services.into_iter().partition(|(name, service)| enabled(name, service, request, &profiles));
    let whole = |mut e: ComposeError| {
        if let [file] = request.files.as_slice() {
            e = e.of_file(file.display());
        }
        e
    };
    for (name, service) in &mut services {
        let path = Path::default().key("services").key(name);
        let Value::Object(service) = service else { continue };
        files_of(service, &environment, &loader).map_err(|e| whole(e.at(&path)))?;
        defaults(service);
        check::service(service).map_err(|e| whole(e.at(&path)))?;
    }
    let disabled: BTreeSet<String> = disabled.into_iter().map(|(name, _)| name).collect();
    name_resources(&mut model, &name);
    check::references(&services, &disabled, &model).map_err(whole)?;
    prune(&mut model, &services);
    let mut typed = BTreeMap::new();
    for (name, service) in &services {
        let mut one: Service = serde_json::from_value(service.clone()).map_err(|e| {
            whole(ComposeError::new(Code::Schema, e.to_string()).at(Path::default().key("services").key(name)))
        })?;
        one.name.clone_from(name);
        one.config = service.clone();
        one.depends_on.retain(|other, _| services.contains_key(other));
        typed.insert(name.clone(), one);
    }
    order::sorted(&typed).map_err(whole)?;
    if let Some(map) = model.as_object_mut() {
        map.insert("name".into(), name.clone().into());
        map.insert("services".into(), services.into());
    }
    let part = |section: &str| model.get(section).cloned().unwrap_or_else(|| json!({}));
    let typed_part = |e: serde_json::Error| whole(ComposeError::new(Code::Schema, e.to_string()));
    Ok(Project {
        networks: serde_json::from_value(part("networks")).map_err(typed_part)?,
        volumes: serde_json::from_value(part("volumes")).map_err(typed_part)?,
        configs: serde_json::from_value(part("configs")).map_err(typed_part)?,
        secrets: serde_json::from_value(part("secrets")).map_err(typed_part)?,
        name,
        folder: request.folder.clone(),
        files: request.files.clone(),
        env_files: request.env_files.clone(),
        services: typed,
        disabled,
        environment,
        warnings: loader.warnings,
        model,
    })
}

/// Profiles chosen, and those of services that are named.
fn enabled_profiles(request: &Request, services: &Object) -> BTreeSet<String> {
    let mut profiles: BTreeSet<String> = request.profiles.iter().cloned().collect();
    for name in &request.services {
        let of = services.get(name).and_then(|s| s.get("profiles")).and_then(Value::as_array);
        profiles.extend(of.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    profiles
}

fn enabled(name: &str, service: &Value, request: &Request, chosen: &BTreeSet<String>) -> bool {
    let own = service.get("profiles").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    own.is_empty()
        || chosen.contains("*")
        || request.services.iter().any(|s| s == name)
        || own.iter().filter_map(Value::as_str).any(|p| chosen.contains(p))
}

/// What a service takes from files and variables of the caller.
fn files_of(
    service: &mut Object,
    environment: &BTreeMap<String, String>,
    loader: &Loader<'_>,
) -> Result<(), ComposeError> {
    let mut values: Object = Map::new();
    if let Some(Value::Array(files)) = service.remove("env_file") {
        // A file may use the caller's variables, and those that the service sets itself.
        let mut outer = environment.clone();
        for (name, value) in service.get("environment").and_then(Value::as_object).into_iter().flatten() {
            if let Some(value) = value.as_str() {
                outer.entry(name.clone()).or_insert_with(|| value.to_owned());
            }
        }
        for file in files {
            let path = PathBuf::from(file.get("path").and_then(Value::as_str).unwrap_or_default());
            if !loader.files.is_file(&path) {
                if file.get("required") == Some(&Value::Bool(false)) {
                    continue;
                }
                return Err(ComposeError::new(Code::File, format!("env file {} not found", path.display()))
                    .fix("create it, or say required: false"));
            }
            let raw = file.get("format").and_then(Value::as_str) == Some("raw");
            let read = env_file::parse(&text(loader.files, &path)?, &outer, raw);
            let read = read.map_err(|e| e.of_file(path.display()))?;
            read.iter().for_each(|(k, v)| {
                outer.entry(k.clone()).or_insert_with(|| v.clone());
            });
            values.extend(read.into_iter().map(|(name, value)| (name, value.into())));
        }
    }
    if let Some(Value::Object(own)) = service.remove("environment") {
        for (name, value) in own {
            let value = match value {
                Value::Null => environment.get(&name).map_or(Value::Null, |v| v.as_str().into()),
                value => value,
            };
            values.insert(name, value);
        }
    }
    if !values.is_empty() {
        service.insert("environment".into(), values.into());
    }
    labels(service, environment, loader)?;
    if let Some(Value::Object(args)) = service.get_mut("build").and_then(|b| b.get_mut("args")) {
        for (name, value) in args.iter_mut().filter(|(_, value)| value.is_null()) {
            *value = environment.get(name).map_or(Value::Null, |v| v.as_str().into());
        }
        args.retain(|_, value| !value.is_null());
    }
    Ok(())
}

fn labels(
    service: &mut Object,
    environment: &BTreeMap<String, String>,
    loader: &Loader<'_>,
) -> Result<(), ComposeError> {
    let Some(Value::Array(files)) = service.remove("label_file") else { return Ok(()) };
    let mut all: Object = Map::new();
    for path in files.iter().filter_map(Value::as_str).map(FilePath::new) {
        let read = env_file::parse(&text(loader.files, path)?, environment, false);
        let read = read.map_err(|e| e.of_file(path.display()))?;
        all.extend(read.into_iter().map(|(name, value)| (name, value.into())));
    }
    if let Some(Value::Object(own)) = service.remove("labels") {
        all.extend(own);
    }
    service.insert("labels".into(), all.into());
    Ok(())
}

fn defaults(service: &mut Object) {
    for name in ["command", "entrypoint"] {
        service.entry(name).or_insert(Value::Null);
    }
    if let Some(Value::Object(build)) = service.get_mut("build")
        && !build.contains_key("dockerfile_inline")
    {
        build.entry("dockerfile").or_insert_with(|| "Dockerfile".into());
    }
    for secret in service.get_mut("secrets").and_then(Value::as_array_mut).into_iter().flatten() {
        if secret.get("target").is_none() {
            let source = secret.get("source").and_then(Value::as_str).unwrap_or_default();
            set(secret, "target", format!("/run/secrets/{source}"));
        }
    }
    let empty = service.get("networks").and_then(Value::as_object).is_none_or(Map::is_empty);
    if empty && !service.contains_key("network_mode") && !service.contains_key("provider") {
        service.insert("networks".into(), json!({ "default": null }));
    }
    implied_dependencies(service);
    if service.contains_key("deploy")
        && let Some(scale) = service.get("scale").cloned()
        && let Some(Value::Object(deploy)) = service.get_mut("deploy")
    {
        deploy.entry("replicas").or_insert(scale);
    }
    if service.get("pull_policy").and_then(Value::as_str) == Some("if_not_present") {
        service.insert("pull_policy".into(), "missing".into());
    }
}

/// Who shares another service's names, volumes or links needs it.
fn implied_dependencies(service: &mut Object) {
    let texts = |name: &str| -> Vec<String> {
        let list = service.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let first = |text: String| text.split(':').next().unwrap_or_default().to_owned();
    let mut needed: Vec<(String, bool)> = texts("links").into_iter().map(|link| (first(link), true)).collect();
    for name in ["network_mode", "ipc", "pid"] {
        let shared = service.get(name).and_then(Value::as_str).and_then(|mode| mode.strip_prefix("service:"));
        needed.extend(shared.map(|other| (other.to_owned(), true)));
    }
    let from = texts("volumes_from").into_iter().filter(|from| !from.starts_with("container:"));
    needed.extend(from.map(|from| (first(from), false)));
    if needed.is_empty() {
        return;
    }
    let depends = service.entry("depends_on").or_insert_with(|| json!({}));
    for (name, restart) in needed {
        if depends.get(&name).is_none() {
            let mut dependency = json!({"condition": "service_started", "required": true});
            if restart {
                set(&mut dependency, "restart", true);
            }
            set(depends, &name, dependency);
        }
    }
}

/// Names of networks, volumes, configs and secrets in the daemon.
fn name_resources(model: &mut Value, project: &str) {
    let Some(map) = model.as_object_mut() else { return };
    map.entry("networks").or_insert_with(|| json!({}));
    if let Some(Value::Object(networks)) = map.get_mut("networks") {
        networks.entry("default").or_insert_with(|| json!({}));
        for network in networks.values_mut().filter_map(Value::as_object_mut) {
            network.entry("ipam").or_insert_with(|| json!({}));
            for (name, falsy) in [("internal", false), ("attachable", false)] {
                if network.get(name) == Some(&Value::Bool(falsy)) {
                    network.remove(name);
                }
            }
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (name, entry) in map.get_mut(section).and_then(Value::as_object_mut).into_iter().flatten() {
            let external = entry.get("external") == Some(&Value::Bool(true));
            let Value::Object(entry) = entry else { continue };
            entry
                .entry("name")
                .or_insert_with(|| if external { name.clone().into() } else { format!("{project}_{name}").into() });
        }
    }
}

/// Leaves only what services use.
fn prune(model: &mut Value, services: &Object) {
    for section in ["networks", "volumes", "configs", "secrets"] {
        let mut used = BTreeSet::new();
        for service in services.values() {
            match service.get(section) {
                Some(Value::Object(map)) => used.extend(map.keys().map(String::as_str)),
                Some(Value::Array(items)) => {
                    let named = |item: &&Value| {
                        section != "volumes" || item.get("type").and_then(Value::as_str) == Some("volume")
                    };
                    used.extend(items.iter().filter(named).filter_map(|i| i.get("source")).filter_map(Value::as_str));
                }
                _ => {}
            }
            let build = service.get("build").and_then(|b| b.get(section)).and_then(Value::as_array);
            used.extend(build.into_iter().flatten().filter_map(|i| i.get("source")).filter_map(Value::as_str));
        }
        let Some(map) = model.as_object_mut() else { return };
        if let Some(Value::Object(entries)) = map.get_mut(section) {
            entries.retain(|name, _| used.contains(name.as_str()));
            if entries.is_empty() {
                map.remove(section);
            }
        }
    }
}
