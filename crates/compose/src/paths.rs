//! Relative paths of a file become absolute, as seen from the project's folder, or from the file that a service came from.

use std::path::Path;

use serde_json::{Map, Value};

use crate::files::absolute;

/// All paths of a tree.
pub(crate) fn resolve(model: &mut Value, folder: &Path, home: Option<&str>) {
    for (_, one) in entries(model, "services") {
        service(one, folder, home);
    }
    for section in ["configs", "secrets"] {
        for (_, one) in entries(model, section) {
            path(one.get_mut("file"), folder, home);
        }
    }
}

fn entries<'a>(model: &'a mut Value, section: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    model.get_mut(section).and_then(Value::as_object_mut).into_iter().flatten()
}

/// Those of a service.
pub(crate) fn service(service: &mut Value, folder: &Path, home: Option<&str>) {
    if let Some(Value::Object(build)) = service.get_mut("build") {
        self::build(build, folder, home);
    }
    for item in list(service, "env_file") {
        path(item.get_mut("path"), folder, home);
    }
    for item in list(service, "label_file") {
        path(Some(item), folder, home);
    }
    for mount in list(service, "volumes") {
        if mount.get("type").and_then(Value::as_str) == Some("bind") {
            path(mount.get_mut("source"), folder, home);
        }
    }
    for watch in service.get_mut("develop").into_iter().flat_map(|d| list(d, "watch")) {
        path(watch.get_mut("path"), folder, home);
    }
}

fn list<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn build(build: &mut Map<String, Value>, folder: &Path, home: Option<&str>) {
    if !build.get("context").and_then(Value::as_str).is_some_and(remote) {
        path(build.get_mut("context"), folder, home);
    }
    if let Some(Value::Object(contexts)) = build.get_mut("additional_contexts") {
        for context in contexts.values_mut() {
            if !context.as_str().is_some_and(|c| remote(c) || c.contains("://") || c.starts_with("service:")) {
                path(Some(context), folder, home);
            }
        }
    }
}

/// Whether a context is fetched from elsewhere.
pub(crate) fn remote(context: &str) -> bool {
    let schemes = ["https://", "http://", "git://", "ssh://", "github.com/", "git@", "docker-image://", "oci://"];
    schemes.iter().any(|scheme| context.starts_with(scheme))
}

fn path(value: Option<&mut Value>, folder: &Path, home: Option<&str>) {
    if let Some(Value::String(text)) = value {
        *text = absolute(folder, text, home).to_string_lossy().into_owned();
    }
}
