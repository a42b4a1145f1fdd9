//! Setting parts of trees, without a panic where a tree is of another kind.

use serde_json::Value;

/// Sets a key of a map; what is no map stays as it is.
pub(crate) fn set(value: &mut Value, key: &str, item: impl Into<Value>) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), item.into());
    }
}
