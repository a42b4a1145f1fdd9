//! [`walk`]: the files of a folder that belong to its build context, in a fixed order.
//!
//! Links are listed, never followed. A folder that is left out is listed all the same when an exception keeps something
//! below it, so that it arrives with its own mode.

use std::fs::{DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{ContextError, Ignore};

/// Most entries of a context.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Deepest nesting of folders.
pub const MAX_DEPTH: usize = 256;

/// One file, folder or link of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path within the context, with `/` between names and none at the ends.
    pub path: String,
    /// Where it lies on this machine.
    pub host: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, 12 bits.
    pub mode: u32,
    /// Modification time in seconds since 1970.
    pub mtime: i64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Directory,
    /// A regular file of so many bytes.
    File(u64),
    /// A symbolic link to this target.
    Symlink(PathBuf),
}

/// Lists what `ignore` leaves of `folder`: by name, a folder before what is in it. Paths for which `always` is true are
/// kept whatever the patterns say.
///
/// # Errors
/// Something can't be read, is neither file, folder nor link, or a limit is passed.
pub fn walk(folder: &Path, ignore: &Ignore, always: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, ContextError> {
    let metadata = std::fs::metadata(folder).map_err(|source| io(folder, source))?;
    if !metadata.is_dir() {
        return Err(ContextError::NotAFolder(folder.to_owned()));
    }
    let mut walker = Walker { ignore, always, left_out: Vec::new(), found: Vec::new() };
    walker.folder(folder, "", 1)?;
    Ok(walker.found)
}

struct Walker<'a> {
    ignore: &'a Ignore,
    always: &'a dyn Fn(&str) -> bool,
    /// Parents that are left out unless something below them is kept.
    left_out: Vec<Entry>,
    found: Vec<Entry>,
}

impl Walker<'_> {
    fn folder(&mut self, host: &Path, path: &str, depth: usize) -> Result<(), ContextError> {
        if depth > MAX_DEPTH {
            return Err(ContextError::Limit {
                limit: MAX_DEPTH as u64,
                unit: "nested folders",
                at: format!(" at {path}"),
            });
        }
        let listing: Result<Vec<DirEntry>, _> = std::fs::read_dir(host).and_then(Iterator::collect);
        let mut listing = listing.map_err(|source| io(host, source))?;
        listing.sort_by_key(DirEntry::file_name);
        listing.iter().try_for_each(|entry| self.entry(&entry.path(), path, depth))
    }

    fn entry(&mut self, host: &Path, parent: &str, depth: usize) -> Result<(), ContextError> {
        let name = host.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        let path = if parent.is_empty() { text.into_owned() } else { format!("{parent}/{text}") };
        let excluded = self.ignore.excludes(&path) && !(self.always)(&path);
        let metadata = std::fs::symlink_metadata(host).map_err(|source| io(host, source))?;
        if excluded && !(metadata.is_dir() && self.may_keep_below(&path)) {
            return Ok(());
        }
        if name.to_str().is_none() {
            return Err(ContextError::NotUtf8(host.to_owned()));
        }
        let entry = describe(path.clone(), host, &metadata)?;
        if !excluded {
            self.found.append(&mut self.left_out);
            self.found.push(entry);
            self.check_count()?;
            return if metadata.is_dir() { self.folder(host, &path, depth + 1) } else { Ok(()) };
        }
        let pending = self.left_out.len();
        self.left_out.push(entry);
        self.folder(host, &path, depth + 1)?;
        self.left_out.truncate(pending);
        Ok(())
    }

    /// The files that are always sent are asked for too: one of them may lie in a folder that is left out.
    fn may_keep_below(&self, folder: &str) -> bool {
        self.ignore.may_keep_below(folder) || (self.always)(&format!("{folder}/"))
    }

    fn check_count(&self) -> Result<(), ContextError> {
        if self.found.len() <= MAX_ENTRIES {
            return Ok(());
        }
        Err(ContextError::Limit { limit: MAX_ENTRIES as u64, unit: "files", at: String::new() })
    }
}

fn describe(path: String, host: &Path, metadata: &Metadata) -> Result<Entry, ContextError> {
    let kind = if metadata.is_dir() {
        EntryKind::Directory
    } else if metadata.is_file() {
        EntryKind::File(metadata.len())
    } else if metadata.is_symlink() {
        EntryKind::Symlink(std::fs::read_link(host).map_err(|source| io(host, source))?)
    } else {
        return Err(ContextError::SpecialFile(host.to_owned()));
    };
    Ok(Entry { path, host: host.to_owned(), kind, mode: metadata.mode() & 0o7777, mtime: metadata.mtime() })
}

pub(crate) fn io(path: &Path, source: std::io::Error) -> ContextError {
    ContextError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        folder
    }

    fn paths(folder: &Path, rules: &str) -> Vec<String> {
        let ignore = Ignore::parse(rules).unwrap();
        walk(folder, &ignore, &|_| false).unwrap().into_iter().map(|entry| entry.path).collect()
    }

    #[test]
    fn files_come_by_name_behind_their_folder() {
        let folder = folder(&["b/z", "b/a", "a", "c"]);
        assert_eq!(paths(folder.path(), ""), ["a", "b", "b/a", "b/z", "c"]);
    }

    #[test]
    fn a_left_out_folder_comes_along_with_what_is_excepted() {
        let folder = folder(&["dir/keep", "dir/other", "dir/sub/other", "top"]);
        assert_eq!(paths(folder.path(), "*\n!dir/keep\n"), ["dir", "dir/keep"]);
    }

    #[test]
    fn links_are_listed_and_not_followed() {
        let folder = folder(&["a"]);
        symlink("/etc", folder.path().join("out")).unwrap();
        symlink(".", folder.path().join("loop")).unwrap();
        let found = walk(folder.path(), &Ignore::default(), &|_| false).unwrap();
        assert_eq!(found.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["a", "loop", "out"]);
        assert_eq!(found[2].kind, EntryKind::Symlink("/etc".into()));
    }

    #[test]
    fn a_socket_is_an_error_that_names_it_unless_it_is_excluded() {
        let folder = folder(&["a"]);
        let _socket = UnixListener::bind(folder.path().join("s")).unwrap();
        let error = walk(folder.path(), &Ignore::default(), &|_| false).unwrap_err();
        assert!(matches!(&error, ContextError::SpecialFile(path) if path.ends_with("s")), "{error}");
        assert_eq!(paths(folder.path(), "s\n"), ["a"]);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_an_error() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = folder(&["a"]);
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        assert!(matches!(walk(folder.path(), &Ignore::default(), &|_| false), Err(ContextError::NotUtf8(_))));
    }

    #[test]
    fn folders_beyond_the_deepest_level_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", MAX_DEPTH).collect();
        std::fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(matches!(walk(folder.path(), &Ignore::default(), &|_| false), Err(ContextError::Limit { .. })));
    }

    #[test]
    fn a_file_is_no_context() {
        let folder = folder(&["a"]);
        let result = walk(&folder.path().join("a"), &Ignore::default(), &|_| false);
        assert!(matches!(result, Err(ContextError::NotAFolder(_))));
    }
}
