//! [`Given`]: what a guest is given, made from its `Spec` before its code runs.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use sprat_image::Tree;
use sprat_program::Wasi;

use crate::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind};
use crate::guest::Control;
use crate::limiter::Limiter;
use crate::network::{GuestNetwork, Network};
use crate::{SandboxError, Spec, Stdio};

/// The variable by which runtimes that have no other way (Go's, wasi-libc's) can learn the working folder.
const WORKING_FOLDER: &str = "PWD";

/// The descriptor of the first folder that is open from the beginning.
const FIRST_FOLDER: usize = 3;

/// What a guest is given.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) control: Arc<Control>,
    pub(crate) limiter: Limiter,
    pub(crate) files: Arc<FileView>,
    pub(crate) network: Arc<GuestNetwork>,
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
    pub(crate) fn new(
        spec: Spec,
        (stdio, sockets): (Stdio, Vec<OwnedFd>),
        tree: Arc<Tree>,
        fabric: &Arc<Network>,
        max_memory: u64,
    ) -> Result<Self, SandboxError> {
        let files = Arc::new(FileView::new(&spec.files, tree, &spec.user, &spec.limits)?);
        let working = working_folder(&files, &spec.cwd)
            .map_err(|errno| SandboxError::WorkingDir { path: spec.cwd.clone(), reason: errno.to_string() })?
            .map(|folder| (folder, spec.cwd.clone()));
        let output = Arc::clone(&stdio.output);
        let network = Arc::new(GuestNetwork::new(Arc::clone(fabric), spec.network, sockets, output)?);
        let control = Arc::new(Control::new(Arc::clone(&files), Arc::clone(&network)));
        let limiter = Limiter::new(Arc::clone(&control), &spec.limits, max_memory);
        let Spec { args, mut env, cwd, tty, program, .. } = spec;
        if program.wasi == Wasi::P1 && !network.exposed().is_empty() {
            tell_sockets(&mut env, network.exposed(), if working.is_some() { 3 } else { 1 });
        }
        if working.is_some() && !env.iter().any(|(name, _)| name == WORKING_FOLDER) {
            env.push((WORKING_FOLDER.into(), cwd));
        }
        Ok(Self { control, limiter, files, network, stdio, tty, started: Instant::now(), args, env, working })
    }
}

/// Tells a program which descriptors listen on which ports, as systemd does it; the folders before them are `folders`.
fn tell_sockets(env: &mut Vec<(String, String)>, ports: &[u16], folders: usize) {
    let names: Vec<_> = ports.iter().map(ToString::to_string).collect();
    let first = FIRST_FOLDER + folders;
    let told = [
        ("LISTEN_FDS", ports.len().to_string()),
        ("LISTEN_FDNAMES", names.join(":")),
        ("LISTEN_FDS_START", first.to_string()),
    ];
    env.retain(|(name, _)| !told.iter().any(|(telling, _)| name == telling));
    env.extend(told.map(|(name, value)| (name.to_owned(), value)));
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
