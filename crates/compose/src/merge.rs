//! Merging of files, and of services with those that they extend (Compose Specification, "Merge"): maps merge, lists grow,
//! commands are replaced, and what has a key of its own (a port, a mount's target) is there once.

use serde_json::{Map, Value};

use crate::path::Path;

/// What the later one replaces as a whole.
const REPLACED: &[&str] = &[
    "services.*.command",
    "services.*.entrypoint",
    "services.*.healthcheck.test",
    "services.*.post_start.[].command",
    "services.*.pre_stop.[].command",
    "services.*.ulimits.*",
    "services.*.build.dockerfile_inline",
];

/// Lists in which a word may stand twice.
const REPEATABLE: &[&str] = &["services.*.command", "services.*.entrypoint", "services.*.healthcheck.test"];

/// Merges `later` into `value`.
pub(crate) fn merge(value: &mut Value, later: Value, path: &Path) {
    if later.is_null() {
        return;
    }
    if path.is_any(REPLACED) {
        *value = later;
        return;
    }
    match (value, later) {
        (Value::Object(map), Value::Object(mut later)) => {
            if path.matches("services.*.logging") && differ(map, &later, "driver") {
                *map = later;
                return;
            }
            if path.matches("networks.*.ipam") && map.contains_key("config") && later.contains_key("config") {
                let configs = merged_by(map.remove("config"), later.remove("config"), "subnet");
                map.insert("config".into(), configs);
            }
            for (key, item) in later {
                match map.get_mut(&key) {
                    Some(value) if !key.starts_with("x-") => merge(value, item, &path.key(&key)),
                    _ => {
                        map.insert(key, item);
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(later)) => {
            items.extend(later);
            once(items, path);
        }
        (value, later) => *value = later,
    }
}

fn differ(a: &Map<String, Value>, b: &Map<String, Value>, key: &str) -> bool {
    matches!((a.get(key), b.get(key)), (Some(x), Some(y)) if x != y)
}

/// Lists of maps, of which those with the same `key` are merged.
fn merged_by(first: Option<Value>, later: Option<Value>, key: &str) -> Value {
    let list = |value| if let Some(Value::Array(items)) = value { items } else { Vec::new() };
    let mut items = list(first);
    for item in list(later) {
        match items.iter_mut().find(|known| known.get(key) == item.get(key)) {
            Some(known) => merge(known, item, &Path::default()),
            None => items.push(item),
        }
    }
    items.into()
}

/// What stands in a list once, under which key.
fn key_of(item: &Value, path: &Path) -> Option<String> {
    let text = |name: &str| item.get(name).map(crate::canonical::text).unwrap_or_default();
    if item.is_string() {
        return (!path.is_any(REPEATABLE)).then(|| crate::canonical::text(item));
    }
    let last = path.parts().last().map(String::as_str).unwrap_or_default();
    match last {
        "ports" => {
            let host = if text("host_ip").is_empty() { "0.0.0.0".into() } else { text("host_ip") };
            Some(format!("{host}:{}:{}/{}", text("published"), text("target"), text("protocol")))
        }
        "volumes" | "devices" => Some(text("target")),
        "env_file" => Some(text("path")),
        "configs" | "secrets" => {
            let folder = if last == "secrets" { "/run/secrets" } else { "" };
            Some(if text("target").is_empty() { format!("{folder}/{}", text("source")) } else { text("target") })
        }
        _ => None,
    }
}

/// Leaves the last of each key, at the place of the first.
fn once(items: &mut Vec<Value>, path: &Path) {
    let mut kept: Vec<(Option<String>, Value)> = Vec::new();
    for item in items.drain(..) {
        let key = key_of(&item, path);
        match kept.iter_mut().find(|(known, _)| key.is_some() && *known == key) {
            Some(known) => known.1 = item,
            None => kept.push((key, item)),
        }
    }
    items.extend(kept.into_iter().map(|(_, item)| item));
}

/// Leaves each thing of all lists once.
pub(crate) fn unify(value: &mut Value, path: &Path) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| unify(item, &path.key(key))),
        Value::Array(items) if path.parts().len() == 3 => once(items, path),
        _ => {}
    }
}

/// Removes what is at `path`.
pub(crate) fn remove(value: &mut Value, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            if let Value::Object(map) = value {
                map.remove(last);
            }
        }
        [first, rest @ ..] => {
            if let Some(inner) = value.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(mut a: Value, b: Value) -> Value {
        let mut wrap = json!({"services": {"w": a.take()}});
        merge(&mut wrap, json!({"services": {"w": b}}), &Path::default());
        wrap["services"]["w"].take()
    }

    #[test]
    fn maps_merge_lists_grow_and_commands_are_replaced() {
        let a = json!({"environment": {"A": "1", "B": "2"}, "command": ["a"], "dns": ["1", "2"], "image": "x"});
        let b = json!({"environment": {"B": "3"}, "command": ["b"], "dns": ["2", "3"], "image": null});
        let expected =
            json!({"environment": {"A": "1", "B": "3"}, "command": ["b"], "dns": ["1", "2", "3"], "image": "x"});
        assert_eq!(merged(a, b), expected);
    }

    #[test]
    fn a_mount_and_a_port_are_there_once() {
        let a = json!({"volumes": [{"source": "a", "target": "/x"}, {"source": "b", "target": "/y"}]});
        let b = json!({"volumes": [{"source": "c", "target": "/x"}]});
        assert_eq!(merged(a, b)["volumes"], json!([{"source": "c", "target": "/x"}, {"source": "b", "target": "/y"}]));
    }

    #[test]
    fn options_of_another_log_driver_are_not_mixed_in() {
        let a = json!({"logging": {"driver": "a", "options": {"x": "1"}}});
        assert_eq!(merged(a.clone(), json!({"logging": {"driver": "b"}}))["logging"], json!({"driver": "b"}));
        let same = merged(a, json!({"logging": {"options": {"y": "2"}}}));
        assert_eq!(same["logging"]["options"], json!({"x": "1", "y": "2"}));
    }
}
