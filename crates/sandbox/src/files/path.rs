//! Checks of the paths and names that guests give. Nothing here looks at a file.

use super::errno::{Errno, Result};

/// Longest path in bytes, as Linux's `PATH_MAX` without the closing NUL. Also the longest path that a node of the
/// view can have, which bounds how deep folders nest.
pub(super) const MAX_PATH_BYTES: usize = 4095;

/// Longest name in bytes, as Linux's `NAME_MAX`.
pub(super) const MAX_NAME_BYTES: usize = 255;

/// Most symbolic links in one path, as Linux has it.
pub(super) const MAX_LINKS: usize = 40;

/// Names that begin so are the upper folder's own: `.wh.NAME` hides NAME of the layers below.
pub(super) const WHITEOUT_PREFIX: &str = ".wh.";

/// Refuses what is no path relative to a folder.
pub(super) fn check(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Errno::NoEntry);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(Errno::NameTooLong);
    }
    if path.contains('\0') {
        return Err(Errno::Invalid);
    }
    if path.starts_with('/') {
        return Err(Errno::NotPermitted);
    }
    Ok(())
}

/// Refuses a name that no file system takes.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.len() > MAX_NAME_BYTES { Err(Errno::NameTooLong) } else { Ok(()) }
}

/// The path of `name` in the folder `folder` (canonical: the root is empty, all others begin with `/`).
pub(super) fn join(folder: &str, name: &str) -> Result<String> {
    if folder.len() + 1 + name.len() > MAX_PATH_BYTES {
        return Err(Errno::NameTooLong);
    }
    Ok(format!("{folder}/{name}"))
}

/// The path of the folder that has `path`; the root's is the root.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last name of a path; empty for the root.
pub(super) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(_, name)| name)
}

/// What of `path` lies below `folder` (`a/b`, without a leading slash); `None` if it is not strictly below.
pub(super) fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// The names of a canonical path, the root's first.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_none_are_refused() {
        assert_eq!(check(""), Err(Errno::NoEntry));
        assert_eq!(check("/etc"), Err(Errno::NotPermitted));
        assert_eq!(check("a\0b"), Err(Errno::Invalid));
        assert_eq!(check(&"a/".repeat(2048)), Err(Errno::NameTooLong));
        assert_eq!(check(&"a".repeat(MAX_PATH_BYTES)), Ok(()));
        assert_eq!(check_name(&"a".repeat(256)), Err(Errno::NameTooLong));
    }

    #[test]
    fn below_is_by_whole_names() {
        assert_eq!(below("/a", "/a/b/c"), Some("b/c"));
        assert_eq!(below("/a", "/ab"), None);
        assert_eq!(below("/a", "/a"), None);
        assert_eq!(below("", "/a"), Some("a"));
    }

    #[test]
    fn parents_end_at_the_root() {
        assert_eq!(parent("/a/b"), "/a");
        assert_eq!(parent("/a"), "");
        assert_eq!(parent(""), "");
        assert_eq!(name("/a/b"), "b");
    }
}
