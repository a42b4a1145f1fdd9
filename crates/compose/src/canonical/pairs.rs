//! `KEY: value` and `- KEY=value`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::text;

/// Pairs whose missing value is the empty text: labels, annotations, sysctls.
pub(super) fn labels(map: &mut Map<String, Value>, name: &str) {
    pairs(map, name, &Value::String(String::new()));
}

/// Pairs whose missing value is taken from elsewhere: environment, build arguments.
pub(super) fn environment(map: &mut Map<String, Value>, name: &str) {
    pairs(map, name, &Value::Null);
}

fn pairs(map: &mut Map<String, Value>, name: &str, missing: &Value) {
    let Some(value) = map.remove(name) else { return };
    let pairs: Map<String, Value> = match value {
        Value::Object(pairs) => pairs
            .into_iter()
            .map(|(key, value)| if value.is_null() { (key, missing.clone()) } else { (key, text(&value).into()) })
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(text)
            .map(|item| match item.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.into()),
                None => (item, missing.clone()),
            })
            .collect(),
        _ => return,
    };
    if !pairs.is_empty() {
        map.insert(name.to_owned(), Value::Object(pairs));
    }
}

/// Options of drivers: all values are text.
pub(super) fn texts(map: &mut Map<String, Value>, name: &str) {
    if let Some(Value::Object(options)) = map.get_mut(name) {
        for value in options.values_mut() {
            *value = text(value).into();
        }
    }
    super::drop_empty(map, &[name]);
}

/// One text, or a list, as a list of text; an empty one goes.
pub(super) fn list(map: &mut Map<String, Value>, name: &str) {
    match map.get_mut(name) {
        Some(Value::Array(items)) => items.iter_mut().for_each(|item| {
            if !item.is_object() {
                *item = text(item).into();
            }
        }),
        Some(Value::Null) | None => {}
        Some(one) => *one = Value::Array(vec![text(one).into()]),
    }
    super::drop_empty(map, &[name]);
}

/// Hosts with their addresses, as a sorted list of `name=address`.
pub(super) fn hosts(map: &mut Map<String, Value>, name: &str) {
    let Some(value) = map.remove(name) else { return };
    let mut hosts = BTreeSet::new();
    let mut add = |host: &str, address: &str| {
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        hosts.insert(format!("{}={}", host.trim(), bare.trim()));
    };
    match value {
        Value::Object(map) => {
            for (host, addresses) in &map {
                match addresses {
                    Value::Array(all) => all.iter().for_each(|address| add(host, &text(address))),
                    one => add(host, &text(one)),
                }
            }
        }
        Value::Array(items) => {
            for item in items.iter().map(text) {
                let (host, address) = item.split_once('=').or_else(|| item.split_once(':')).unwrap_or((&item, ""));
                add(host, address);
            }
        }
        _ => {}
    }
    if !hosts.is_empty() {
        map.insert(name.to_owned(), hosts.into_iter().map(Value::String).collect());
    }
}
