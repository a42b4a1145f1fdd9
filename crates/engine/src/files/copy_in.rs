//! Copies into a container: a tar from a stranger, unpacked into a folder of it.
//!
//! Names are read as docker reads them: absolute ones count from the folder, those that climb out of it are refused. Links
//! that are there, or come with the tar, are followed in the container's own names, so they lead nowhere else. The bytes of
//! all files count against the container's disk limit, wherever they go.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use sprat_image::layer::{Attributes, MAX_ENTRIES, MAX_PATH_DEPTH, TarEntry, TarReader, decompress};
use sprat_sandbox::User;
use sprat_sandbox::files::{Access, Create, Errno, Follow, Kind, Ownership, Times};
use tar::EntryType;

use super::visit::{Asked, Purpose, Visit, relative};
use crate::EngineError;
use crate::core::{Core, blocking};
use crate::record::Record;

/// Bytes written at once.
const CHUNK: usize = 128 << 10;
/// Mode of folders that no entry describes.
const IMPLIED_MODE: u32 = 0o755;

/// How a tar is unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyIn {
    /// A folder is not replaced by something else, nor something else by a folder.
    pub keep_kinds: bool,
    /// All belongs to the container's user instead of whom the tar says.
    pub as_user: bool,
}

impl Core {
    /// Unpacks a tar (plain or compressed) into the folder at `path`.
    pub(crate) async fn copy_in(
        self: Arc<Self>,
        record: Arc<Record>,
        path: String,
        archive: PathBuf,
        options: CopyIn,
    ) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        record.refuse_if_removed()?;
        let work = {
            let (core, record, path) = (Arc::clone(&self), Arc::clone(&record), path.clone());
            blocking(move || core.unpack(&record, &path, &archive, options))
        };
        let unpacked = work.await;
        // What was written before an error is there too.
        self.files_changed(&record).await;
        unpacked?;
        self.tell(&record, "extract-to-dir", &[("path", path)]);
        Ok(())
    }

    fn unpack(&self, record: &Record, path: &str, archive: &PathBuf, options: CopyIn) -> Result<(), EngineError> {
        let asked = Asked::parse(path);
        let visit = self.visit(record, Purpose::Change)?;
        let missing = || EngineError::NoSuchFile { path: path.to_owned(), container: visit.container.clone() };
        let stat = visit.view.stat_at(&visit.root, relative(&asked.lookup()), Follow::Yes);
        if stat.map_err(|_| missing())?.kind != Kind::Directory {
            return Err(EngineError::Invalid("extraction point is not a directory".to_owned()));
        }
        let folder = visit.evaluate(&asked.path);
        refuse_memory(record, &folder)?;
        let file = File::open(archive).map_err(EngineError::io("read the archive"))?;
        let tar = decompress(BufReader::with_capacity(CHUNK, file)).map_err(invalid)?;
        let owner = (options.as_user && !record.settled.user.is_empty()).then(|| record.settled.ids.clone());
        let limit = match record.settled.limits.disk_bytes {
            0 => u64::MAX,
            bytes => bytes,
        };
        let mut unpacking = Unpacking {
            visit: &visit,
            folder: folder.trim_end_matches('/').to_owned(),
            keep_kinds: options.keep_kinds,
            owner,
            left: limit,
            limit,
            folders: Vec::new(),
        };
        unpacking.all(&mut TarReader::new(tar))
    }
}

/// What lies in the memory of a running guest can't be reached from here.
fn refuse_memory(record: &Record, folder: &str) -> Result<(), EngineError> {
    let covers =
        |target: &str| folder.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match record.settled.mounts.iter().find(|mount| mount.kind == "tmpfs" && covers(&mount.target)) {
        None => Ok(()),
        Some(mount) => Err(EngineError::Invalid(format!(
            "{folder} is on the tmpfs at {}, which lies in the memory of the running container: copy to another folder",
            mount.target
        ))),
    }
}

fn invalid(error: impl std::fmt::Display) -> EngineError {
    EngineError::Invalid(format!("the archive can't be unpacked: {error}"))
}

struct Unpacking<'a> {
    visit: &'a Visit,
    /// Without a slash at its end; empty for the root.
    folder: String,
    keep_kinds: bool,
    /// Whom all belongs to; else whom the tar says.
    owner: Option<User>,
    /// Bytes that may still be written.
    left: u64,
    limit: u64,
    /// Folders with their times, set at the end: what is made in them changes them.
    folders: Vec<(String, i64)>,
}

impl Unpacking<'_> {
    fn all(&mut self, tar: &mut TarReader<impl Read>) -> Result<(), EngineError> {
        let mut entries = 0;
        while let Some(entry) = tar.next_entry().map_err(invalid)? {
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(invalid(format!("it has more than {MAX_ENTRIES} entries")));
            }
            let names = names(&entry.path)?;
            if names.is_empty() {
                // The folder itself keeps what it has, as docker does it.
                continue;
            }
            self.entry(&entry, &names, tar)?;
        }
        for (path, modified_ns) in std::mem::take(&mut self.folders).into_iter().rev() {
            self.set_time(&path, modified_ns)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &TarEntry, names: &[String], data: &mut impl Read) -> Result<(), EngineError> {
        let path = self.make_parents(names)?;
        let is_folder = entry.kind == EntryType::Directory;
        let there = self.visit.look(&path)?.map(|stat| stat.kind);
        if let Some(kind) = there {
            self.make_way(&path, kind, is_folder)?;
        }
        let merged = is_folder && there == Some(Kind::Directory);
        match entry.kind {
            EntryType::Directory if merged => {}
            EntryType::Directory => self.make_folder(&path)?,
            EntryType::Regular | EntryType::Continuous => self.file(&path, entry.size, data)?,
            EntryType::Symlink => {
                let target = std::str::from_utf8(&entry.link).map_err(|_| invalid(not_text(&entry.link)))?;
                self.at(&path, |visit| visit.view.symlink(target, &visit.root, relative(&path)))?;
            }
            EntryType::Link => {
                let target = self.join(&self::names(&entry.link)?);
                self.at(&path, |visit| {
                    visit.view.link(&visit.root, relative(&target), Follow::No, &visit.root, relative(&path))
                })?;
                return Ok(());
            }
            kind => {
                let kind = kind.as_byte().escape_ascii();
                return Err(invalid(format!(
                    "{path}: entries of type '{kind}' (devices, pipes and the like) can't be made in a container"
                )));
            }
        }
        self.describe(&path, entry.kind, entry.attributes)
    }

    fn describe(&mut self, path: &str, kind: EntryType, attributes: Attributes) -> Result<(), EngineError> {
        let (uid, gid) = self.owner.as_ref().map_or((attributes.uid, attributes.gid), |user| (user.uid, user.gid));
        let ownership = Ownership { uid, gid, mode: attributes.mode };
        self.at(path, |visit| visit.view.set_ownership_at(&visit.root, relative(path), ownership))?;
        match kind {
            EntryType::Directory => self.folders.push((path.to_owned(), attributes.mtime_ns)),
            _ => self.set_time(path, attributes.mtime_ns)?,
        }
        Ok(())
    }

    fn set_time(&self, path: &str, modified_ns: i64) -> Result<(), EngineError> {
        let times = Times { accessed_ns: None, modified_ns: Some(modified_ns) };
        self.at(path, |visit| visit.view.set_times_at(&visit.root, relative(path), Follow::No, times))
    }

    fn at<T>(&self, path: &str, work: impl FnOnce(&Visit) -> Result<T, Errno>) -> Result<T, EngineError> {
        work(self.visit).map_err(|error| self.visit.failed(path, error))
    }

    fn join(&self, names: &[String]) -> String {
        format!("{}/{}", self.folder, names.join("/"))
    }

    /// The folders above an entry, made where they are missing. The path of the entry.
    fn make_parents(&self, names: &[String]) -> Result<String, EngineError> {
        let path = self.join(names);
        let parent = names.split_last().map(|(_, above)| above).unwrap_or_default();
        if parent.is_empty()
            || self.visit.view.stat_at(&self.visit.root, relative(&self.join(parent)), Follow::Yes).is_ok()
        {
            return Ok(path);
        }
        for count in 1..=parent.len() {
            let folder = self.join(parent.get(..count).unwrap_or_default());
            if self.visit.view.stat_at(&self.visit.root, relative(&folder), Follow::Yes).is_err() {
                self.make_folder(&folder)?;
                let (uid, gid) = self.owner.as_ref().map_or((0, 0), |user| (user.uid, user.gid));
                let ownership = Ownership { uid, gid, mode: IMPLIED_MODE };
                self.at(&folder, |visit| visit.view.set_ownership_at(&visit.root, relative(&folder), ownership))?;
            }
        }
        Ok(path)
    }

    fn make_folder(&self, path: &str) -> Result<(), EngineError> {
        self.at(path, |visit| visit.view.make_directory(&visit.root, relative(path)))
    }

    /// Removes what an entry replaces: all but a folder that a folder is merged into.
    fn make_way(&self, path: &str, there: Kind, is_folder: bool) -> Result<(), EngineError> {
        let was_folder = there == Kind::Directory;
        if self.keep_kinds && was_folder != is_folder {
            let (old, new) = if was_folder { ("directory", "non-directory") } else { ("non-directory", "directory") };
            let into = if self.folder.is_empty() { "/" } else { &self.folder };
            return Err(EngineError::Invalid(format!("cannot overwrite {old} {path:?} with {new} {into:?}")));
        }
        match (was_folder, is_folder) {
            (true, true) => Ok(()),
            (true, false) => self.remove_folder(path, 0),
            (false, _) => match self.visit.view.unlink(&self.visit.root, relative(path)) {
                // A file that is mounted by itself is written in place.
                Err(Errno::Busy) if !is_folder => Ok(()),
                done => done.map_err(|error| self.visit.failed(path, error)),
            },
        }
    }

    fn remove_folder(&self, path: &str, depth: usize) -> Result<(), EngineError> {
        if depth > MAX_PATH_DEPTH {
            return Err(EngineError::Invalid(format!("{path} is more than {MAX_PATH_DEPTH} folders deep")));
        }
        for (name, kind) in self.visit.entries(path)? {
            let child = format!("{path}/{name}");
            match kind {
                Kind::Directory => self.remove_folder(&child, depth + 1)?,
                _ => self.at(&child, |visit| visit.view.unlink(&visit.root, relative(&child)))?,
            }
        }
        self.at(path, |visit| visit.view.remove_directory(&visit.root, relative(path)))
    }

    fn file(&mut self, path: &str, size: u64, data: &mut impl Read) -> Result<(), EngineError> {
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            EngineError::Invalid(format!(
                "{path}: no space left on device: the archive has more than the {} bytes that the container may write",
                self.limit
            ))
        })?;
        let create = Create { create: true, truncate: true, ..Create::default() };
        let file = self.visit.open(path, create, Access { read: false, write: true })?;
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        loop {
            let read = data.take(size - offset).read(&mut buffer).map_err(invalid)?;
            let mut bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            while !bytes.is_empty() {
                let written = self.at(path, |visit| visit.view.write(&file, bytes, offset))?;
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
        }
    }
}

fn not_text(name: &[u8]) -> String {
    format!("the name {} is not UTF-8, which guests can't use", name.escape_ascii())
}

/// The names of an entry's path. An absolute one counts from the folder and can't climb above it; a relative one that does is
/// refused.
fn names(path: &[u8]) -> Result<Vec<String>, EngineError> {
    let text = std::str::from_utf8(path).map_err(|_| invalid(not_text(path)))?;
    let mut names: Vec<String> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                if names.pop().is_none() && !text.starts_with('/') {
                    return Err(invalid(format!("{text:?} is outside of the folder it is unpacked into")));
                }
            }
            name => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_are_refused_and_absolute_ones_count_from_the_folder() {
        let read = |text: &str| names(text.as_bytes()).map(|names| names.join("/"));
        assert_eq!(read("./a//b/").unwrap(), "a/b");
        assert_eq!(read("a/../b").unwrap(), "b");
        assert_eq!(read("/etc/passwd").unwrap(), "etc/passwd");
        assert_eq!(read("/../../x").unwrap(), "x");
        assert_eq!(read("./").unwrap(), "");
        for climbing in ["..", "../x", "a/../../x"] {
            assert!(read(climbing).unwrap_err().to_string().contains("outside"), "{climbing}");
        }
        assert!(names(b"\xff").is_err());
    }
}
