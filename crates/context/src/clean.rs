//! [`clean`]: paths without `.`, `..` and doubled slashes.

/// The shortest path that means the same by its text alone (Go's `path.Clean`): `a//b/../c/.` is `a/c`, an empty path is
/// `.`, and `..` at an absolute root vanishes. Links are not looked at.
#[must_use]
pub fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if absolute => {}
                _ => parts.push(".."),
            },
            name => parts.push(name),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("/", "/"),
            ("a//b/../c/.", "a/c"),
            ("../a", "../a"),
            ("a/../..", ".."),
            ("/../../a", "/a"),
            ("a/", "a"),
            ("./a", "a"),
            ("../../x/..", "../.."),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
