//! Names of entries: cleaning what a tar says, and refusing what is no name.

use super::{LayerError, MAX_NAME_LEN, MAX_PATH_DEPTH, MAX_PATH_LEN};

/// The names of an entry's path from the root. Leading and repeated `/` and `.` are dropped as docker does; none left
/// means the root itself.
///
/// # Errors
/// There is a `..`, or a limit is passed.
pub(crate) fn components(path: &[u8]) -> Result<Vec<&[u8]>, LayerError> {
    if path.len() > MAX_PATH_LEN {
        return Err(LayerError::entry(path, format!("the name has more than {MAX_PATH_LEN} bytes")));
    }
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(LayerError::entry(path, "the name has `..`")),
            _ if part.contains(&0) => return Err(LayerError::entry(path, "the name has a zero byte")),
            _ if part.len() > MAX_NAME_LEN => {
                return Err(LayerError::entry(path, format!("a part of the name has more than {MAX_NAME_LEN} bytes")));
            }
            _ => parts.push(part),
        }
    }
    if parts.len() > MAX_PATH_DEPTH {
        return Err(LayerError::entry(path, format!("the name is more than {MAX_PATH_DEPTH} folders deep")));
    }
    Ok(parts)
}

/// True for what can be a name within a folder.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_as_docker_does() {
        let clean = |path: &str| components(path.as_bytes()).expect(path).join(&b'/');
        assert_eq!(clean("/etc//./passwd/"), b"etc/passwd");
        assert_eq!(clean("./"), b"");
        assert_eq!(clean("..."), b"...");
    }

    #[test]
    fn names_that_climb_or_are_too_long_are_refused() {
        let long_name = vec![b'a'; MAX_NAME_LEN + 1];
        let long_path = b"a/".repeat(MAX_PATH_LEN);
        let deep = b"a/".repeat(MAX_PATH_DEPTH + 1);
        for path in [&b".."[..], b"a/../b", b"/..", b"a\0b", &long_name, &long_path, &deep] {
            assert!(components(path).is_err());
        }
        assert!(components(&b"a/".repeat(MAX_PATH_DEPTH)).is_ok());
    }
}
