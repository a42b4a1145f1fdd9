//! [`Query`]: a request's path with its parameters, percent-encoded.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::error::CliError;

/// A path with parameters.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    path: String,
    first: bool,
}

impl Query {
    /// Begins with a path whose segments are already encoded.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), first: true }
    }

    /// Adds a parameter.
    #[must_use]
    pub(crate) fn add(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.first { '?' } else { '&' });
        self.first = false;
        self.path.push_str(name);
        self.path.push('=');
        encode(&mut self.path, value, false);
        self
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub(crate) fn option(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.add(name, value),
            None => self,
        }
    }

    /// Adds a parameter `1` if it is true.
    #[must_use]
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        if value { self.add(name, "1") } else { self }
    }

    /// Adds `KEY=VALUE` filters as docker encodes them.
    pub(crate) fn filters(self, filters: &[String]) -> Result<Self, CliError> {
        if filters.is_empty() {
            return Ok(self);
        }
        let mut map: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for filter in filters {
            let (key, value) = filter.split_once('=').ok_or_else(|| {
                CliError::new(format!("invalid filter {filter:?}")).fix("write KEY=VALUE, such as status=exited")
            })?;
            map.entry(key).or_default().insert(value, true);
        }
        Ok(self.add("filters", &json!(map).to_string()))
    }

    /// The whole.
    pub(crate) fn path(self) -> String {
        self.path
    }
}

/// A name as part of a path; slashes stay, as image names have them.
pub(crate) fn segment(name: &str) -> String {
    let mut text = String::new();
    encode(&mut text, name, true);
    text
}

fn encode(to: &mut String, value: &str, slashes: bool) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(char::from(byte)),
            b'/' | b':' | b'@' if slashes => to.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(to, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_and_image_names_keep_their_slashes() {
        assert_eq!(Query::new("/x").add("a", "b c&d").flag("e", true).path(), "/x?a=b%20c%26d&e=1");
        assert_eq!(segment("localhost:5000/a/b:1"), "localhost:5000/a/b:1");
        assert_eq!(segment("a?b c"), "a%3Fb%20c");
    }
}
