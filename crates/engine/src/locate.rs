//! Finds the program a container names, in its mounts or in its image's files.

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use sprat_image::{NodeKind, Tree};
use sprat_program::{Artifact, Cache, Description, Kind, ProgramError};

use crate::facts::ImageFacts;
use crate::record::ProgramRef;
use crate::{EngineError, MountPoint};

/// Largest binary read, in bytes.
pub(crate) const PROGRAM_LIMIT: u64 = 256 << 20;

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The first argument.
    pub(crate) name: String,
    /// `PATH` in effect.
    pub(crate) path: String,
    /// Working folder in effect.
    pub(crate) cwd: String,
    pub(crate) mounts: Vec<MountPoint>,
    /// For a shared worker.
    pub(crate) shared: bool,
}

/// Tells what the program is, whether or not it can be run. Nothing is compiled.
///
/// # Errors
/// There is none, or it can't be read as wasm.
pub(crate) async fn survey(facts: &Arc<ImageFacts>, wanted: &Wanted) -> Result<Description, EngineError> {
    let (facts, wanted) = (Arc::clone(facts), wanted.clone());
    let task = tokio::task::spawn_blocking(move || {
        let found = find(&facts, &wanted)?;
        let refused = |source| EngineError::Program { path: found.path.clone(), source };
        let text = sprat_program::is_text(&found.bytes);
        let bytes = if text { sprat_program::to_binary(&found.bytes).map_err(refused)? } else { found.bytes };
        sprat_program::survey(&bytes).map_err(|source| EngineError::Program { path: found.path, source })
    });
    task.await.map_err(|error| EngineError::Worker(format!("reading the program failed: {error}")))?
}

/// Finds, checks and compiles the program. What was found in an image before is not read again.
///
/// # Errors
/// There is none, or it can't be run.
pub(crate) async fn prepare(
    facts: &Arc<ImageFacts>,
    cache: &Cache,
    wanted: &Wanted,
) -> Result<(ProgramRef, Artifact), EngineError> {
    let (program, artifact) = compile(facts, cache, wanted).await?;
    if artifact.description.kind != Kind::HttpService {
        check_kind(&program.path, &artifact)?;
    }
    Ok((program, artifact))
}

async fn compile(
    facts: &Arc<ImageFacts>,
    cache: &Cache,
    wanted: &Wanted,
) -> Result<(ProgramRef, Artifact), EngineError> {
    let key = (wanted.name.clone(), wanted.path.clone(), wanted.cwd.clone());
    let hidden = |path: &str| host_path(&wanted.mounts, path).is_some();
    if let Some(program) = facts.program(&key).filter(|program| !hidden(&program.path))
        && let Some(artifact) = cache.lookup(&program.digest.hex(), wanted.shared)
    {
        return Ok((program, artifact));
    }
    let found = {
        let facts = Arc::clone(facts);
        let wanted = wanted.clone();
        tokio::task::spawn_blocking(move || find(&facts, &wanted))
    };
    let found = found.await.map_err(|error| EngineError::Worker(format!("reading the program failed: {error}")))??;
    let path = found.path;
    let artifact = cache
        .prepare(found.bytes, wanted.shared)
        .await
        .map_err(|source| EngineError::Program { path: path.clone(), source })?;
    let digest = format!("sha256:{}", artifact.description.sha256)
        .parse()
        .map_err(|_| EngineError::Worker(format!("the cache gave an odd digest for {path}")))?;
    let program = ProgramRef { path, digest };
    if found.in_image {
        facts.remember(key, program.clone());
    }
    Ok((program, artifact))
}

pub(crate) fn check_kind(path: &str, artifact: &Artifact) -> Result<(), EngineError> {
    let what = match artifact.description.kind {
        Kind::Command => return Ok(()),
        Kind::HttpService => "it serves HTTP (wasi:http), and is no process: a container of its own serves it",
        Kind::Functions => "it only exports functions and has no entry point",
    };
    // "permission denied" is what docker's clients turn into exit status 126.
    Err(EngineError::NotACommand(format!("exec: {path:?}: this is no command: {what}")))
}

/// A program's bytes.
struct Found {
    path: String,
    bytes: Vec<u8>,
    in_image: bool,
}

fn find(facts: &ImageFacts, wanted: &Wanted) -> Result<Found, EngineError> {
    let tree = facts.tree()?;
    let mut refused = None;
    for path in candidates(&wanted.name, &wanted.path, &wanted.cwd) {
        match look(&tree, &wanted.mounts, &path) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| EngineError::ProgramNotFound(wanted.name.clone())))
}

/// Paths to look at, in order: `PATH`, then the working folder, where images of a single `.wasm` have it.
pub(crate) fn candidates(name: &str, path: &str, cwd: &str) -> Vec<String> {
    if name.is_empty() {
        return Vec::new();
    }
    if name.starts_with('/') {
        return vec![clean(name)];
    }
    let here = clean(&format!("{cwd}/{name}"));
    if name.contains('/') {
        return vec![here];
    }
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    folders.map(|folder| clean(&format!("{folder}/{name}"))).chain([here]).collect()
}

fn look(tree: &Tree, mounts: &[MountPoint], path: &str) -> Result<Option<Found>, EngineError> {
    let refused = |source: ProgramError| EngineError::Program { path: path.to_owned(), source };
    if let Some((root, rest)) = host_path(mounts, path) {
        let Some(root) = root else { return Ok(None) };
        let bytes = read_host(&root, &rest).map_err(|error| refused(reading(error, &root.join(&rest))))?;
        return Ok(bytes.map(|bytes| Found { path: path.to_owned(), bytes, in_image: false }));
    }
    let Some(node) = tree.lookup(path) else { return Ok(None) };
    if tree.node(node).kind != NodeKind::File {
        let found = "a folder".to_owned();
        return Err(refused(ProgramError::NotWasm { found }));
    }
    let size = tree.node(node).size;
    if size > PROGRAM_LIMIT {
        return Err(refused(ProgramError::TooLarge { size, limit: PROGRAM_LIMIT }));
    }
    let bytes = tree.read(node, PROGRAM_LIMIT).map_err(|error| refused(reading(error, Path::new(path))))?;
    Ok(Some(Found { path: path.to_owned(), bytes, in_image: true }))
}

fn reading(source: std::io::Error, path: &Path) -> ProgramError {
    ProgramError::Io { action: format!("read {}", path.display()), source }
}

/// The mount that covers a path: its folder of the host (`None` for tmpfs) and the rest of the path.
fn host_path(mounts: &[MountPoint], path: &str) -> Option<(Option<PathBuf>, String)> {
    let (mount, rest) = mounts
        .iter()
        .filter_map(|mount| {
            let rest = path.strip_prefix(mount.target.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((mount, rest))
        })
        .max_by_key(|(mount, _)| mount.target.len())?;
    let root = (mount.kind != "tmpfs").then(|| mount.source.clone());
    Some((root, rest.trim_start_matches('/').to_owned()))
}

/// Reads a file of a mount. The kernel keeps the path within the mount, whatever links say.
fn read_host(root: &Path, rest: &str) -> std::io::Result<Option<Vec<u8>>> {
    // Only looked at, not opened: a FIFO would wait for a writer, and a device may do anything.
    let look = OFlags::PATH | OFlags::CLOEXEC;
    let mut found = rustix::fs::open(root, look, Mode::empty())?;
    if !rest.is_empty() {
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        found = match rustix::fs::openat2(&found, rest, look, Mode::empty(), within) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    }
    match FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => {
            return Err(std::io::Error::new(std::io::ErrorKind::IsADirectory, "is a directory"));
        }
        _ => return Err(std::io::Error::other("it is a FIFO, a socket or a device, not a file")),
    }
    let file = std::fs::File::open(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    let mut bytes = Vec::new();
    file.take(PROGRAM_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PROGRAM_LIMIT {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the program is too large"));
    }
    Ok(Some(bytes))
}

/// An absolute path without `.`, `..` and double slashes.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, source: &Path, kind: &str) -> MountPoint {
        MountPoint {
            kind: kind.to_owned(),
            name: String::new(),
            source: source.to_owned(),
            target: target.to_owned(),
            writable: true,
            size: 0,
            owner: crate::TmpfsOwner::default(),
        }
    }

    #[test]
    fn a_name_is_looked_for_in_path_and_then_in_the_working_folder() {
        assert_eq!(candidates("app", "/bin:relative:/usr/bin", "/srv"), ["/bin/app", "/usr/bin/app", "/srv/app"]);
        assert_eq!(candidates("./app", "/bin", "/srv"), ["/srv/app"]);
        assert_eq!(candidates("/a/../b//c", "/bin", "/srv"), ["/b/c"]);
        assert_eq!(candidates("../../app", "/bin", "/srv"), ["/app"]);
        assert!(candidates("", "/bin", "/").is_empty());
    }

    #[test]
    fn the_innermost_mount_covers_a_path() {
        let (a, b) = (Path::new("/host/a"), Path::new("/host/b"));
        let mounts = [mount("/data", a, "bind"), mount("/data/in", b, "volume"), mount("/tmp", b, "tmpfs")];
        assert_eq!(host_path(&mounts, "/data/x"), Some((Some(a.to_owned()), "x".to_owned())));
        assert_eq!(host_path(&mounts, "/data/in/y/z"), Some((Some(b.to_owned()), "y/z".to_owned())));
        assert_eq!(host_path(&mounts, "/tmp/x"), Some((None, "x".to_owned())));
        assert_eq!(host_path(&mounts, "/database"), None);
    }

    #[test]
    fn no_link_leads_out_of_a_mount() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(inside.join("file"), "file").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("up")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), inside.join("absolute")).unwrap();
        assert_eq!(read_host(&inside, "file").unwrap().unwrap(), b"file");
        assert_eq!(read_host(&inside, "up").unwrap(), None);
        assert_eq!(read_host(&inside, "absolute").unwrap(), None);
        assert_eq!(read_host(&inside, "../secret").unwrap(), None);
        assert!(read_host(dir.path(), "in").is_err());
    }

    #[test]
    fn a_fifo_or_device_in_place_of_the_program_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RWXU).unwrap();
        for (root, rest) in [(fifo.as_path(), ""), (dir.path(), "fifo"), (Path::new("/dev/zero"), "")] {
            let error = read_host(root, rest).unwrap_err().to_string();
            assert!(error.contains("not a file"), "{error}");
        }
    }
}
