//! [`Path`]: a place in a tree of values, and patterns of such places.

use std::fmt;

/// A place: keys of maps, and `[0]` for elements of lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The place of a key below this one.
    pub(crate) fn key(&self, key: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(key.to_owned());
        Self(parts)
    }

    /// The place of an element below this one.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.key(&format!("[{index}]"))
    }

    /// Its parts.
    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether it is `pattern`, in which `*` stands for any key and `[]` for any element.
    pub(crate) fn matches(&self, pattern: &str) -> bool {
        let mut wanted = pattern.split('.');
        let fits = self.0.iter().all(|part| match wanted.next() {
            Some("*") => true,
            Some("[]") => part.starts_with('['),
            Some(word) => word == part,
            None => false,
        });
        fits && wanted.next().is_none()
    }

    /// Whether it is one of `patterns`.
    pub(crate) fn is_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.matches(pattern))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            let dot = if i == 0 || part.starts_with('[') { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths_and_keys_may_have_dots() {
        let path = Path::default().key("services").key("a.b").key("ports").index(2);
        assert!(path.matches("services.*.ports.[]") && !path.matches("services.*.ports"));
        assert!(!path.matches("services.*.ports.[].target") && !path.matches("services.*.*.x"));
        assert_eq!(path.to_string(), "services.a.b.ports[2]");
    }
}
