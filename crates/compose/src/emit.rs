//! A tree as YAML, for `config`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The canonical form with `$` written as `$$`, so that it can be read again.
#[must_use]
pub fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace('$', "$$").into(),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, item)| (key.replace('$', "$$"), escaped(item))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// A tree as YAML.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(to: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, item) in map {
                let _ = write!(to, "{:indent$}{}:", "", word(key));
                inner(to, item, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(to, "{:indent$}-", "");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        // The first key stands beside the dash.
                        let mut nested = String::new();
                        block(&mut nested, item, indent + 2);
                        let _ = write!(to, " {}", nested.trim_start());
                    }
                    item => inner(to, item, indent + 2),
                }
            }
        }
        scalar => {
            let _ = writeln!(to, "{:indent$}{}", "", flow(scalar));
        }
    }
}

fn inner(to: &mut String, value: &Value, indent: usize) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        to.push('\n');
        block(to, value, indent);
    } else {
        let _ = writeln!(to, " {}", flow(value));
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A word as it is where it can't be taken for something else, and in quotes elsewhere.
fn word(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let known = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(safe)
        && !known.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9:#\\-\\[\\]{}\"'\\\\ \n\té!&*%@`,?|>]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z <0-9:#.-]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(tree in trees()) {
            let text = to_yaml(&tree);
            let read = crate::yaml::parse(&text).unwrap();
            prop_assert_eq!(read.first().map(|d| &d.value), Some(&tree), "{}", text);
        }
    }
}
