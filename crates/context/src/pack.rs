//! [`pack`]: a folder, and files from elsewhere, as the tar that the build takes.
//!
//! The tar holds no owner, no group and no host path, and its order is fixed: the same files give the same bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use tar::{EntryType, Header};

use crate::walk::io;
use crate::{ContextError, Entry, EntryKind, IGNORE_FILE, Ignore, MAX_IGNORE_BYTES, clean, walk};

/// Most bytes of all files of a context; the builder takes no more either.
pub const MAX_CONTEXT_BYTES: u64 = 8 << 30;

/// Mode of a file that is given by its bytes.
const EXTRA_MODE: u32 = 0o644;

/// What to pack.
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// The Dockerfile within the context, sent whatever `.dockerignore` says; empty is `Dockerfile`.
    pub dockerfile: String,
    /// Files from outside of the folder. They hide files of the folder with the same path, and `.dockerignore` does
    /// not hold for them.
    pub extras: Vec<Extra>,
}

/// A file that the folder does not have.
#[derive(Debug, Clone)]
pub struct Extra {
    /// Its path within the context.
    pub path: String,
    /// What is in it.
    pub content: ExtraContent,
}

/// Where an extra file comes from.
#[derive(Debug, Clone)]
pub enum ExtraContent {
    /// A file of this machine; it keeps its mode and its time.
    File(PathBuf),
    /// These bytes, mode 644, time 0.
    Bytes(Vec<u8>),
}

/// What was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Files, folders and links.
    pub entries: usize,
    /// Bytes of the files.
    pub bytes: u64,
}

/// The patterns of a context folder: `DOCKERFILE.dockerignore` beside the Dockerfile if there is one (as BuildKit reads
/// it), else `.dockerignore`, else none.
///
/// # Errors
/// The file can't be read, is too large, or a pattern is malformed.
pub fn read_ignore(folder: &Path, dockerfile: &str) -> Result<Ignore, ContextError> {
    match ignore_file(folder, dockerfile)? {
        Some((_, text)) => Ignore::parse(&text),
        None => Ok(Ignore::default()),
    }
}

/// Name and text of the file with the patterns.
fn ignore_file(folder: &Path, dockerfile: &str) -> Result<Option<(String, String)>, ContextError> {
    for name in [format!("{}{IGNORE_FILE}", dockerfile_path(dockerfile)), IGNORE_FILE.to_owned()] {
        let path = folder.join(&name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(io(&path, source)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_IGNORE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|source| io(&path, source))?;
        let text = String::from_utf8(bytes).map_err(|_| ContextError::IgnoreNotUtf8)?;
        return Ok(Some((name, text)));
    }
    Ok(None)
}

fn dockerfile_path(dockerfile: &str) -> String {
    if dockerfile.is_empty() { "Dockerfile".to_owned() } else { clean(dockerfile) }
}

/// Writes `folder` as a tar to `to`. `progress` gets the bytes of files sent so far.
///
/// # Errors
/// Something can't be read or changes meanwhile, is neither file, folder nor link, or a limit is passed.
pub fn pack(
    folder: &Path,
    options: &PackOptions,
    to: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, ContextError> {
    let mut extras = options.extras.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let patterns = ignore_file(folder, &options.dockerfile)?;
    let ignore = Ignore::parse(patterns.as_ref().map_or("", |(_, text)| text))?;
    let dockerfile = dockerfile_path(&options.dockerfile);
    let beside = format!("{dockerfile}{IGNORE_FILE}");
    let always = |path: &str| match path.strip_suffix('/') {
        Some(_) => dockerfile.starts_with(path),
        None => path == IGNORE_FILE || path == dockerfile || path == beside,
    };
    let mut entries = walk(folder, &ignore, &always)?;
    if let Some((name, text)) = patterns
        && let Some(text) = with_exceptions(text, &ignore, &dockerfile, &extras)
    {
        extras.push(Extra { path: name, content: ExtraContent::Bytes(text.into_bytes()) });
    }
    entries.retain(|entry| extras.iter().all(|extra| extra.path != entry.path));
    let mut packer = Packer { tar: tar::Builder::new(to), sent: 0, progress };
    for entry in &entries {
        packer.entry(entry)?;
    }
    for extra in &extras {
        packer.extra(extra)?;
    }
    let bytes = packer.sent;
    packer.tar.into_inner().and_then(|mut to| to.flush()).map_err(ContextError::Write)?;
    Ok(Packed { entries: entries.len() + extras.len(), bytes })
}

/// The extra file under its cleaned path.
fn named(extra: &Extra) -> Result<Extra, ContextError> {
    let path = clean(extra.path.trim_start_matches('/'));
    if path == "." || path == ".." || path.starts_with("../") {
        return Err(ContextError::ExtraPath(extra.path.clone()));
    }
    Ok(Extra { path, content: extra.content.clone() })
}

/// The patterns with an exception for each extra file that they exclude: the builder reads them again. The Dockerfile
/// needs none, as the builder reads it in any case.
fn with_exceptions(text: String, ignore: &Ignore, dockerfile: &str, extras: &[Extra]) -> Option<String> {
    let hidden = |extra: &&Extra| extra.path != dockerfile && ignore.excludes(&extra.path);
    let exceptions: String = extras.iter().filter(hidden).map(|extra| format!("\n!{}", escape(&extra.path))).collect();
    (!exceptions.is_empty()).then(|| format!("{text}{exceptions}\n"))
}

/// A pattern that matches `path` alone.
fn escape(path: &str) -> String {
    path.chars()
        .flat_map(|c| matches!(c, '*' | '?' | '[' | ']' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}

struct Packer<'a, W: Write> {
    tar: tar::Builder<W>,
    sent: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<W: Write> Packer<'_, W> {
    fn entry(&mut self, entry: &Entry) -> Result<(), ContextError> {
        match &entry.kind {
            EntryKind::Directory => {
                let mut header = header(EntryType::Directory, 0, entry.mode, entry.mtime);
                let path = format!("{}/", entry.path);
                self.tar.append_data(&mut header, path, std::io::empty()).map_err(ContextError::Write)
            }
            EntryKind::Symlink(target) => {
                let mut header = header(EntryType::Symlink, 0, entry.mode, entry.mtime);
                self.tar.append_link(&mut header, &entry.path, target).map_err(ContextError::Write)
            }
            EntryKind::File(_) => self.file(&entry.path, &entry.host, OFlags::NOFOLLOW),
        }
    }

    fn extra(&mut self, extra: &Extra) -> Result<(), ContextError> {
        let path = extra.path.as_str();
        match &extra.content {
            ExtraContent::File(host) => self.file(path, host, OFlags::empty()),
            ExtraContent::Bytes(bytes) => {
                self.data(path, &mut bytes.as_slice(), bytes.len() as u64, EXTRA_MODE, 0, Path::new(path))
            }
        }
    }

    /// Sizes and modes are those of the open file: what was listed may have been replaced since.
    fn file(&mut self, path: &str, host: &Path, flags: OFlags) -> Result<(), ContextError> {
        use std::os::unix::fs::MetadataExt as _;

        let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(CWD, host, flags, Mode::empty()).map_err(|error| io(host, error.into()))?;
        let mut file = File::from(file);
        let metadata = file.metadata().map_err(|source| io(host, source))?;
        if !metadata.is_file() {
            return Err(ContextError::SpecialFile(host.to_owned()));
        }
        self.data(path, &mut file, metadata.len(), metadata.mode() & 0o7777, metadata.mtime(), host)
    }

    fn data(
        &mut self,
        path: &str,
        from: &mut dyn Read,
        size: u64,
        mode: u32,
        mtime: i64,
        host: &Path,
    ) -> Result<(), ContextError> {
        if self.sent.saturating_add(size) > MAX_CONTEXT_BYTES {
            let at = format!(" at {path}");
            return Err(ContextError::Limit { limit: MAX_CONTEXT_BYTES, unit: "bytes", at });
        }
        let mut header = header(EntryType::Regular, size, mode, mtime);
        let mut counted = Counted { from, left: size, sent: self.sent, progress: &mut *self.progress, failure: None };
        let result = self.tar.append_data(&mut header, path, &mut counted);
        let (left, failure) = (counted.left, counted.failure);
        self.sent += size;
        match failure {
            Some(source) => Err(io(host, source)),
            None => result.map_err(ContextError::Write),
        }?;
        if left > 0 { Err(ContextError::Changed(host.to_owned())) } else { Ok(()) }
    }
}

fn header(kind: EntryType, size: u64, mode: u32, mtime: i64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    // Times before 1970 have no form in this header; docker's clients send 0 as well.
    header.set_mtime(u64::try_from(mtime).unwrap_or(0));
    header
}

/// Reads exactly as many bytes as the header promised, and tells the failures of reading from those of writing.
struct Counted<'a> {
    from: &'a mut dyn Read,
    left: u64,
    sent: u64,
    progress: &'a mut dyn FnMut(u64),
    failure: Option<std::io::Error>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match self.from.read(buffer) {
            Ok(count) => {
                self.left -= count as u64;
                self.sent += count as u64;
                (self.progress)(self.sent);
                Ok(count)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn packed(folder: &Path, options: &PackOptions) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(folder, options, &mut bytes, &mut |_| {}).unwrap();
        bytes
    }

    fn names(tar: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(tar);
        archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().to_str().unwrap().to_owned()).collect()
    }

    fn content(tar: &[u8], path: &str) -> Vec<u8> {
        let mut archive = tar::Archive::new(tar);
        let mut entry =
            archive.entries().unwrap().map(Result::unwrap).find(|e| &*e.path_bytes() == path.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_same_folder_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let first = packed(folder.path(), &PackOptions::default());
        assert_eq!(first, packed(folder.path(), &PackOptions::default()));
        assert_eq!(names(&first), ["a", "b", "c"]);
    }

    #[test]
    fn the_dockerfile_and_dockerignore_are_sent_whatever_the_patterns_say() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("docker")).unwrap();
        for name in ["docker/Hello", "docker/other", ".dockerignore", "x"] {
            std::fs::write(folder.path().join(name), "*\n").unwrap();
        }
        let options = PackOptions { dockerfile: "docker/Hello".into(), extras: Vec::new() };
        assert_eq!(names(&packed(folder.path(), &options)), [".dockerignore", "docker/", "docker/Hello"]);
    }

    #[test]
    fn a_dockerignore_beside_the_dockerfile_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("A.dockerignore", "x"), (".dockerignore", "y"), ("x", ""), ("y", ""), ("A", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let options = PackOptions { dockerfile: "A".into(), extras: Vec::new() };
        assert_eq!(names(&packed(folder.path(), &options)), [".dockerignore", "A", "A.dockerignore", "y"]);
    }

    #[test]
    fn links_stay_links_and_long_names_survive() {
        let folder = tempfile::tempdir().unwrap();
        let long = "n".repeat(200);
        std::fs::write(folder.path().join(&long), "long").unwrap();
        symlink("/etc/passwd", folder.path().join("out")).unwrap();
        let tar = packed(folder.path(), &PackOptions::default());
        assert_eq!(content(&tar, &long), b"long");
        let mut archive = tar::Archive::new(tar.as_slice());
        let link = archive.entries().unwrap().map(Result::unwrap).find(|e| &*e.path_bytes() == b"out").unwrap();
        assert_eq!(link.header().entry_type(), EntryType::Symlink);
        assert_eq!(link.link_name_bytes().unwrap().as_ref(), b"/etc/passwd");
    }

    #[test]
    fn extra_files_are_added_and_hide_those_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let program = elsewhere.path().join("built.wasm");
        std::fs::write(&program, "built").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("hello.wasm"), "old").unwrap();
        let extras = vec![
            Extra { path: "hello.wasm".into(), content: ExtraContent::File(program) },
            Extra { path: "/Dockerfile".into(), content: ExtraContent::Bytes(b"FROM scratch\n".to_vec()) },
        ];
        let tar = packed(folder.path(), &PackOptions { dockerfile: String::new(), extras });
        assert_eq!(names(&tar), ["hello.wasm", "Dockerfile"]);
        assert_eq!(content(&tar, "hello.wasm"), b"built");
        assert_eq!(content(&tar, "Dockerfile"), b"FROM scratch\n");
    }

    #[test]
    fn extra_files_that_the_patterns_exclude_are_excepted_for_the_builder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".dockerignore"), "*").unwrap();
        let extra = |path: &str| Extra { path: path.into(), content: ExtraContent::Bytes(Vec::new()) };
        let extras = vec![extra("a[1].wasm"), extra("Dockerfile")];
        let tar = packed(folder.path(), &PackOptions { dockerfile: String::new(), extras });
        let text = String::from_utf8(content(&tar, ".dockerignore")).unwrap();
        assert_eq!(text, "*\n!a\\[1\\].wasm\n");
        assert!(!Ignore::parse(&text).unwrap().excludes("a[1].wasm"));
        assert_eq!(names(&tar).iter().filter(|name| *name == ".dockerignore").count(), 1);
    }

    #[test]
    fn an_extra_file_outside_of_the_context_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["../x", "", "a/../..", "/"] {
            let extras = vec![Extra { path: path.into(), content: ExtraContent::Bytes(Vec::new()) }];
            let options = PackOptions { dockerfile: String::new(), extras };
            let result = pack(folder.path(), &options, std::io::sink(), &mut |_| {});
            assert!(matches!(result, Err(ContextError::ExtraPath(_))), "{path}");
        }
    }

    #[test]
    fn progress_counts_the_bytes_of_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), [7; 100_000]).unwrap();
        let mut seen = Vec::new();
        let packed = pack(folder.path(), &PackOptions::default(), std::io::sink(), &mut |n| seen.push(n)).unwrap();
        assert_eq!(packed, Packed { entries: 1, bytes: 100_000 });
        assert_eq!(seen.last(), Some(&100_000));
        assert!(seen.is_sorted());
    }

    #[test]
    fn a_taker_that_fails_is_told_from_a_file_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "a").unwrap();
        let mut full = [0; 10];
        let result = pack(folder.path(), &PackOptions::default(), full.as_mut_slice(), &mut |_| {});
        assert!(matches!(result, Err(ContextError::Write(_))));
    }

    #[test]
    fn a_file_that_ends_early_is_an_error() {
        let mut packer = Packer { tar: tar::Builder::new(std::io::sink()), sent: 0, progress: &mut |_| {} };
        let result = packer.data("a", &mut &b"ab"[..], 3, 0o644, 0, Path::new("a"));
        assert!(matches!(result, Err(ContextError::Changed(_))));
    }
}
