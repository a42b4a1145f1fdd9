//! Query parameters as docker reads them.

/// Docker's booleans in queries: absent, empty, `0`, `no`, `false` and `none` are false, anything else is true.
#[must_use]
pub fn parse_bool(text: Option<&str>) -> bool {
    let text = text.unwrap_or_default().trim().to_ascii_lowercase();
    !matches!(text.as_str(), "" | "0" | "no" | "false" | "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_read_as_docker_does() {
        for text in [None, Some(""), Some("0"), Some("no"), Some("False"), Some("none")] {
            assert!(!parse_bool(text), "{text:?}");
        }
        for text in ["1", "true", "True", "yes", "2"] {
            assert!(parse_bool(Some(text)), "{text}");
        }
    }
}
