//! One form for what the specification lets people write in several: short forms become long ones, lists of pairs become
//! maps, times and sizes are written in one way. Files are merged in this form, and it is what `config` shows.

mod build;
mod health;
mod mounts;
mod pairs;
mod ports;
mod service;

use serde_json::{Map, Value};

use crate::error::ComposeError;
use crate::path::Path;

/// Turns a whole file into its canonical form. It was checked against the schema.
pub(crate) fn file(value: &mut Value) -> Result<(), ComposeError> {
    let Value::Object(file) = value else { return Ok(()) };
    file.remove("version");
    for section in ["services", "networks", "volumes", "configs", "secrets"] {
        let path = Path::default().key(section);
        let Some(Value::Object(entries)) = file.get_mut(section) else {
            file.remove(section);
            continue;
        };
        for (name, entry) in entries.iter_mut() {
            let path = path.key(name);
            if entry.is_null() {
                *entry = Value::Object(Map::new());
            }
            let Value::Object(entry) = entry else { continue };
            if section == "services" { service::canonical(entry, &path)? } else { resource(entry, &path)? }
        }
    }
    Ok(())
}

/// A network, volume, config or secret.
fn resource(entry: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    pairs::labels(entry, "labels");
    pairs::texts(entry, "driver_opts");
    match entry.get("external").cloned() {
        Some(Value::Object(external)) => {
            // The form of old files: `external: {name: x}`.
            if let Some(name) = external.get("name") {
                entry.insert("name".into(), name.clone());
            }
            entry.insert("external".into(), Value::Bool(true));
        }
        Some(Value::Bool(false)) => {
            entry.remove("external");
        }
        _ => {}
    }
    if let Some(Value::Object(ipam)) = entry.get_mut("ipam") {
        drop_empty(ipam, &["config", "options"]);
    }
    drop_empty(entry, &["ipam"]);
    if entry.get("external") == Some(&Value::Bool(true)) {
        let allowed = |key: &str| matches!(key, "external" | "name") || key.starts_with("x-");
        if let Some(key) = entry.keys().find(|key| !allowed(key)) {
            return Err(value_error(format!("conflicting parameters \"external\" and {key:?} specified")).at(path));
        }
    }
    Ok(())
}

fn value_error(what: impl Into<String>) -> ComposeError {
    ComposeError::new(crate::error::Code::Value, what)
}

/// Removes lists, maps and texts of these names that are empty.
fn drop_empty(map: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        let empty = match map.get(*name) {
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(entries)) => entries.is_empty(),
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if empty {
            map.remove(*name);
        }
    }
}

/// A scalar as text, as Compose writes it into variables and labels.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => crate::quantity::number(number),
        Value::Bool(b) => b.to_string(),
        _ => String::new(),
    }
}
