//! Whether the parts of a project fit together.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::canonical::text;
use crate::error::{Code, ComposeError};
use crate::path::Path;

type Object = Map<String, Value>;

fn wrong(what: impl Into<String>) -> ComposeError {
    ComposeError::new(Code::Value, what)
}

/// A service alone.
pub(crate) fn service(service: &Object) -> Result<(), ComposeError> {
    if let Some(name) = service.get("container_name").and_then(Value::as_str) {
        let mut letters = name.chars();
        let starts = letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !starts || name.len() < 2 || !letters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            let what = format!("container_name '{name}' does not match pattern '[a-zA-Z0-9][a-zA-Z0-9_.-]+'");
            return Err(ComposeError::new(Code::Schema, what));
        }
    }
    if service.contains_key("network_mode") && service.get("networks").is_some_and(|n| !n.is_null()) {
        return Err(wrong("declares mutually exclusive `network_mode` and `networks`: invalid compose project")
            .fix("leave out one of them"));
    }
    let build = service.get("build");
    if build.is_some_and(|b| b.get("dockerfile").is_some() && b.get("dockerfile_inline").is_some()) {
        return Err(wrong("declares mutually exclusive dockerfile and dockerfile_inline: invalid compose project")
            .fix("leave out one of them"));
    }
    replicas(service)?;
    limits(service)?;
    pull_policy(service)
}

fn replicas(service: &Object) -> Result<(), ComposeError> {
    let replicas = service.get("deploy").and_then(|d| d.get("replicas"));
    let scale = service.get("scale");
    if let (Some(scale), Some(replicas)) = (scale, replicas)
        && scale != replicas
    {
        return Err(wrong("can't set distinct values on 'scale' and 'deploy.replicas': invalid compose project"));
    }
    let count = scale.or(replicas).and_then(Value::as_i64).unwrap_or(1);
    if !(0..=10_000).contains(&count) {
        return Err(wrong(format!("{count} is no number of containers")).fix("write 0 to 10000"));
    }
    if count > 1 && service.contains_key("container_name") {
        return Err(wrong("can't set container_name and replicas for a service as container name must be unique")
            .fix("leave out container_name"));
    }
    Ok(())
}

/// A limit that is written in two places is the same in both.
fn limits(service: &Object) -> Result<(), ComposeError> {
    for (own, group, name) in [
        ("cpus", "limits", "cpus"),
        ("mem_limit", "limits", "memory"),
        ("mem_reservation", "reservations", "memory"),
        ("pids_limit", "limits", "pids"),
    ] {
        let resources = service.get("deploy").and_then(|d| d.get("resources")).and_then(|r| r.get(group));
        let (Some(mine), Some(resources)) = (service.get(own), resources) else { continue };
        if resources.get(name).map(text) != Some(text(mine)) {
            return Err(wrong(format!(
                "can't set distinct values on '{own}' and 'deploy.resources.{group}.{name}': invalid compose project"
            )));
        }
    }
    Ok(())
}

fn pull_policy(service: &Object) -> Result<(), ComposeError> {
    let Some(policy) = service.get("pull_policy").and_then(Value::as_str) else { return Ok(()) };
    let known = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    if known.contains(&policy) || policy.starts_with("every_") {
        return Ok(());
    }
    Err(ComposeError::new(
        Code::Schema,
        format!("pull_policy '{policy}' does not match pattern '{}|every_…'", known.join("|")),
    ))
}

/// What services name is there.
pub(crate) fn references(services: &Object, disabled: &BTreeSet<String>, model: &Value) -> Result<(), ComposeError> {
    let names: BTreeSet<String> = services.keys().cloned().collect();
    for (name, service) in services {
        let Value::Object(service) = service else { continue };
        let path = Path::default().key("services").key(name);
        let refused =
            |what: String| ComposeError::new(Code::Reference, format!("{what}: invalid compose project")).at(&path);
        if ["image", "build", "provider"].iter().all(|key| !service.contains_key(*key)) {
            return Err(refused(format!("service {name:?} has neither an image nor a build context specified"))
                .fix("name an image, or a folder to build"));
        }
        dependencies(service, name, &names, disabled).map_err(|e| e.at(path.key("depends_on")))?;
        for (section, what) in
            [("networks", "network"), ("configs", "config"), ("secrets", "secret"), ("volumes", "volume")]
        {
            for used in used(service, section) {
                if model.get(section).and_then(|s| s.get(&used)).is_none() {
                    return Err(refused(format!("service {name:?} refers to undefined {what} {used}"))
                        .fix(format!("define it below `{section}:` at the file's top level")));
                }
            }
        }
        if let Some(other) =
            service.get("network_mode").and_then(Value::as_str).and_then(|m| m.strip_prefix("service:"))
            && !names.contains(other)
        {
            return Err(refused(format!("service {name:?} shares the network of undefined service {other:?}")));
        }
    }
    sources(model)
}

/// Names of a section that a service uses.
fn used(service: &Object, section: &str) -> Vec<String> {
    match service.get(section) {
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        Some(Value::Array(items)) => {
            let named =
                |item: &&Value| section != "volumes" || item.get("type").and_then(Value::as_str) == Some("volume");
            items.iter().filter(named).filter_map(|i| i.get("source")).map(text).collect()
        }
        _ => Vec::new(),
    }
}

fn dependencies(
    service: &Object,
    name: &str,
    names: &BTreeSet<String>,
    disabled: &BTreeSet<String>,
) -> Result<(), ComposeError> {
    let Some(Value::Object(depends)) = service.get("depends_on") else { return Ok(()) };
    let required = |how: &Value| how.get("required") != Some(&Value::Bool(false));
    if let Some((missing, _)) = depends.iter().find(|(other, how)| !names.contains(*other) && required(how)) {
        let error = ComposeError::new(
            Code::Reference,
            format!("service {name:?} depends on undefined service {missing:?}: invalid compose project"),
        );
        return Err(if disabled.contains(missing) {
            error.fix(format!(
                "{missing} has a profile that is not enabled: name it with --profile, or say required: false"
            ))
        } else {
            error.fix("define it, or correct the name")
        });
    }
    Ok(())
}

/// Each config and secret has one source.
fn sources(model: &Value) -> Result<(), ComposeError> {
    for section in ["configs", "secrets"] {
        for (name, entry) in model.get(section).and_then(Value::as_object).into_iter().flatten() {
            let kinds = ["file", "environment", "content", "external", "driver"];
            let given: Vec<_> = kinds.iter().filter(|kind| entry.get(**kind).is_some()).collect();
            let path = Path::default().key(section).key(name);
            match given.as_slice() {
                [_] => {}
                [] => {
                    return Err(wrong("one of file, environment, content or external must be set").at(path));
                }
                [one, other, ..] => {
                    return Err(wrong(format!("{one}|{other} attributes are mutually exclusive")).at(path));
                }
            }
        }
    }
    Ok(())
}
