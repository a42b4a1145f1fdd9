//! [`Given`]: what a guest is given, made from its `Spec` before its code runs.

use std::sync::Arc;
use std::time::Instant;

use sprat_image::Tree;

use crate::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind};
use crate::guest::Control;
use crate::limiter::Limiter;
use crate::{SandboxError, Spec, Stdio};

/// The variable by which runtimes that have no other way (Go's, wasi-libc's) can learn the working folder.
const WORKING_FOLDER: &str = "PWD";

/// What a guest is given.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) control: Arc<Control>,
    pub(crate) limiter: Limiter,
    pub(crate) files: Arc<FileView>,
    pub(crate) stdio: Stdio,
    pub(crate) tty: bool,
    /// The zero of its monotonic clock.
    pub(crate) started: Instant,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// The working folder and its absolute path, unless it is the root.
    pub(crate) working: Option<(Descriptor, String)>,
}

impl Given {
    /// Sets up files, limits and working folder.
    pub(crate) fn new(spec: Spec, stdio: Stdio, tree: Arc<Tree>, max_memory: u64) -> Result<Self, SandboxError> {
        let files = Arc::new(FileView::new(&spec.files, tree, &spec.user, &spec.limits)?);
        let working = working_folder(&files, &spec.cwd)
            .map_err(|errno| SandboxError::WorkingDir { path: spec.cwd.clone(), reason: errno.to_string() })?
            .map(|folder| (folder, spec.cwd.clone()));
        let control = Arc::new(Control::new(Arc::clone(&files)));
        let limiter = Limiter::new(Arc::clone(&control), &spec.limits, max_memory);
        let Spec { args, mut env, cwd, tty, .. } = spec;
        if working.is_some() && !env.iter().any(|(name, _)| name == WORKING_FOLDER) {
            env.push((WORKING_FOLDER.into(), cwd));
        }
        Ok(Self { control, limiter, files, stdio, tty, started: Instant::now(), args, env, working })
    }
}

/// Opens the working folder, making it if it is missing. `None` for the root.
fn working_folder(files: &FileView, cwd: &str) -> Result<Option<Descriptor>, Errno> {
    if cwd.split('/').all(|part| part.is_empty() || part == ".") {
        return Ok(None);
    }
    let open = || {
        let create = Create { directory: true, ..Create::default() };
        let path = cwd.trim_start_matches('/');
        files.open(&files.root(), path, Follow::Yes, create, Access { read: true, write: false })
    };
    let opened = match open() {
        Err(Errno::NoEntry) => {
            make_folders(files, cwd)?;
            open()
        }
        opened => opened,
    };
    opened.map(Some)
}

fn make_folders(files: &FileView, path: &str) -> Result<(), Errno> {
    let root = files.root();
    let mut made = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if !made.is_empty() {
            made.push('/');
        }
        made.push_str(part);
        match files.make_directory(&root, &made) {
            Ok(()) => {}
            Err(_) if files.stat_at(&root, &made, Follow::Yes).is_ok_and(|stat| stat.kind == Kind::Directory) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
