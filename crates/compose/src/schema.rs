//! Which keys there are, and what type their values have: the Compose Specification's schema, as far as a key's name and
//! a value's type go.

mod service;
mod tables;

use serde_json::Value;

use crate::error::{Code, ComposeError};
use crate::path::Path;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A number, or its text.
    Number,
    /// A whole number, or its text.
    Whole,
    /// Text, a number, a boolean, or nothing.
    Scalar,
    /// Nothing, or this.
    Maybe(&'static Shape),
    /// One of these.
    OneOf(&'static [Shape]),
    /// Elements of this.
    List(&'static Shape),
    /// Any keys, values of this.
    Map(&'static Shape),
    /// These keys, and `x-…`.
    Keys(&'static [(&'static str, Shape)]),
}

/// Checks a whole file.
pub(crate) fn check(value: &Value) -> Result<(), ComposeError> {
    fits(value, &tables::FILE, &Path::default())?;
    names(value)
}

/// Names of services and the rest, which are parts of other names.
fn names(value: &Value) -> Result<(), ComposeError> {
    for section in ["services", "networks", "volumes", "configs", "secrets"] {
        for name in value.get(section).and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if name.is_empty() || !name.chars().all(allowed) {
                return Err(unknown(name, None).at(section).fix("use letters, digits, `.`, `_` and `-` in names"));
            }
        }
    }
    Ok(())
}

fn unknown(key: &str, near: Option<&str>) -> ComposeError {
    let error = ComposeError::new(Code::Schema, format!("additional properties '{key}' not allowed"));
    match near {
        Some(near) => error.fix(format!("did you mean `{near}`?")),
        None => error.fix("correct or remove it; a key of your own begins with `x-`"),
    }
}

fn fits(value: &Value, shape: &Shape, path: &Path) -> Result<(), ComposeError> {
    let wrong = || ComposeError::new(Code::Schema, format!("must be {}", words(shape))).at(path);
    match (shape, value) {
        (Shape::Any, _)
        | (Shape::Text, Value::String(_))
        | (Shape::Bool, Value::Bool(_))
        | (Shape::Number | Shape::Whole, Value::String(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Maybe(_), Value::Null) => Ok(()),
        (Shape::Whole, Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(()),
        (Shape::Scalar, Value::Object(_) | Value::Array(_)) => Err(wrong()),
        (Shape::Scalar, _) => Ok(()),
        (Shape::Maybe(inner), _) => fits(value, inner, path),
        (Shape::OneOf(shapes), _) => {
            // The one of the same kind has the better words about what is wrong within.
            let same = shapes.iter().find(|s| same_kind(value, s));
            same.map_or_else(|| Err(wrong()), |shape| fits(value, shape, path))
        }
        (Shape::List(inner), Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(i, item)| fits(item, inner, &path.index(i)))
        }
        (Shape::Map(inner), Value::Object(map)) => {
            map.iter().try_for_each(|(key, item)| fits(item, inner, &path.key(key)))
        }
        (Shape::Keys(known), Value::Object(map)) => {
            map.iter().try_for_each(|(key, item)| match known.binary_search_by(|(name, _)| (*name).cmp(key)) {
                Ok(at) => known.get(at).map_or(Ok(()), |(_, shape)| fits(item, shape, &path.key(key))),
                Err(_) if key.starts_with("x-") => Ok(()),
                Err(_) => Err(unknown(key, nearest(key, known)).at(path)),
            })
        }
        _ => Err(wrong()),
    }
}

fn same_kind(value: &Value, shape: &Shape) -> bool {
    match (value, shape) {
        (_, Shape::Any) | (Value::String(_), Shape::Text | Shape::Number | Shape::Whole | Shape::Scalar) => true,
        (Value::Number(_), Shape::Number | Shape::Whole | Shape::Scalar) => true,
        (Value::Bool(_), Shape::Bool | Shape::Scalar) | (Value::Array(_), Shape::List(_)) => true,
        (Value::Object(_), Shape::Map(_) | Shape::Keys(_)) | (Value::Null, Shape::Scalar | Shape::Maybe(_)) => true,
        (_, Shape::Maybe(inner)) => same_kind(value, inner),
        (_, Shape::OneOf(shapes)) => shapes.iter().any(|shape| same_kind(value, shape)),
        _ => false,
    }
}

fn words(shape: &Shape) -> String {
    match shape {
        Shape::Any => "a value".into(),
        Shape::Text => "a string".into(),
        Shape::Bool => "a boolean".into(),
        Shape::Number => "a number or string".into(),
        Shape::Whole => "an integer or string".into(),
        Shape::Scalar => "a boolean, null, number or string".into(),
        Shape::Maybe(inner) => words(inner),
        Shape::OneOf(shapes) => shapes.iter().map(words).collect::<Vec<_>>().join(" or "),
        Shape::List(_) => "a array".into(),
        Shape::Map(_) | Shape::Keys(_) => "a mapping".into(),
    }
}

/// A known key that differs by little.
fn nearest(key: &str, known: &[(&'static str, Shape)]) -> Option<&'static str> {
    let key = key.replace('-', "_").to_ascii_lowercase();
    let far = key.len().min(4) / 2 + 1;
    known.iter().map(|(name, _)| (distance(&key, name), *name)).filter(|(d, _)| *d < far).min().map(|(_, name)| name)
}

/// Letters to change between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(64).enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, up) in b.bytes().zip(row.iter().skip(1)) {
            left = (corner + usize::from(x != y)).min(up + 1).min(left + 1);
            corner = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sorted(shape: &Shape) -> bool {
        match shape {
            Shape::Maybe(inner) | Shape::List(inner) | Shape::Map(inner) => sorted(inner),
            Shape::OneOf(shapes) => shapes.iter().all(sorted),
            Shape::Keys(keys) => keys.is_sorted_by_key(|(name, _)| *name) && keys.iter().all(|(_, s)| sorted(s)),
            _ => true,
        }
    }

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(sorted(&tables::FILE));
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_named_with_their_path() {
        let message = |value: Value| {
            let error = check(&value).unwrap_err().of_file("f");
            format!("{error} | {}", error.fix).trim_end().to_owned()
        };
        let service = |value: Value| message(json!({"services": {"web": value}}));
        insta::assert_snapshot!([
            service(json!({"foo": 1})),
            service(json!({"port": ["80:80"]})),
            service(json!({"build": {"foo": 1}})),
            service(json!({"ports": 80})),
            service(json!({"image": 1})),
            service(json!({"environment": {"A": {}}})),
            service(json!({"healthcheck": {"interval": 5}})),
            service(json!({"depends_on": {"a": {"when": 1}}})),
            message(json!({"foo": 1})),
            message(json!({"services": {"a b": {}}})),
        ].join("\n"), @r#"
validating f: services.web additional properties 'foo' not allowed | correct or remove it; a key of your own begins with `x-`
validating f: services.web additional properties 'port' not allowed | did you mean `ports`?
validating f: services.web.build additional properties 'foo' not allowed | correct or remove it; a key of your own begins with `x-`
validating f: services.web.ports must be a array |
validating f: services.web.image must be a string |
validating f: services.web.environment.A must be a boolean, null, number or string |
validating f: services.web.healthcheck.interval must be a string |
validating f: services.web.depends_on.a additional properties 'when' not allowed | correct or remove it; a key of your own begins with `x-`
validating f: additional properties 'foo' not allowed | correct or remove it; a key of your own begins with `x-`
validating f: services additional properties 'a b' not allowed | use letters, digits, `.`, `_` and `-` in names
"#);
        assert!(check(&json!({"x-a": 1, "services": {"a": {"x-b": {"c": [1]}}}})).is_ok());
    }

    #[test]
    fn near_words_are_found() {
        assert_eq!((distance("port", "ports"), distance("", "ab"), distance("abc", "abc")), (1, 2, 0));
    }
}
