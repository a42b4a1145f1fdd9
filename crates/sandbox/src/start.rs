//! [`Given`]: what a guest is given, made from its `Spec` or `ProcessSpec` before its code runs.

use std::sync::Arc;

use sprat_image::Tree;
use sprat_program::Wasi;

use crate::control::{Control, Identity};
use crate::core::Core;
use crate::files::{Access, Create, Descriptor, Errno, FileView, Follow, Kind};
use crate::handle::{self, Streams};
use crate::limiter::Limiter;
use crate::network::GuestNetwork;
use crate::process::group::Group;
use crate::{Outside, ProcessSpec, SandboxError, Spec, Stdio};

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
    pub(crate) streams: Streams,
    pub(crate) env: Vec<(String, String)>,
    /// The working folder and its absolute path, unless it is the root.
    pub(crate) working: Option<(Descriptor, String)>,
}

/// How a further process is called.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The program's name first.
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Absolute working folder.
    pub(crate) cwd: String,
}

/// A number for a process that is about to be started; given back unless it was.
#[derive(Debug)]
pub(crate) struct Claim {
    member: Arc<Control>,
    pid: u32,
    started: bool,
}

impl Claim {
    /// A number in the container of `member`. `parent` is 0 for a process that is started from outside; `detached`: nobody
    /// will ask for its status.
    pub(crate) fn take(member: &Arc<Control>, parent: u32, detached: bool) -> Result<Self, SandboxError> {
        let group = member.group();
        let pid = group.claim(parent, detached).map_err(|refused| (refused, group.max_processes()))?;
        Ok(Self { member: Arc::clone(member), pid, started: false })
    }

    /// The process was started, and is in the table from now on.
    pub(crate) fn started(mut self, control: &Arc<Control>) {
        self.started = true;
        self.member.group().started(control);
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.started {
            self.member.group().release(self.pid);
        }
    }
}

impl Given {
    /// What the first program of a container is given: sets up files, limits and working folder.
    pub(crate) fn first(
        spec: Spec,
        stdio: Stdio,
        outside: Outside,
        tree: Arc<Tree>,
        core: &Arc<Core>,
    ) -> Result<Self, SandboxError> {
        let Outside { sockets, resolver } = outside;
        let files = Arc::new(FileView::new(&spec.files, tree, &spec.user, &spec.limits)?);
        let working = working_folder(&files, &spec.cwd, true)?;
        let max_memory = core.options.max_memory;
        let output = Arc::clone(&stdio.output);
        let network = Arc::new(GuestNetwork::new(Arc::clone(&core.network), spec.network, sockets, output)?);
        let own = (Arc::clone(&files), Some(Arc::clone(&network)));
        let group = Group::new(own.0, own.1, &spec.limits, max_memory, Some(Arc::clone(core)), resolver);
        let Spec { args, mut env, cwd, tty, user, program, .. } = spec;
        if program.wasi == Wasi::P1 && !network.exposed().is_empty() {
            tell_sockets(&mut env, network.exposed(), if working.is_some() { 3 } else { 1 });
        }
        let identity = Identity { uid: user.uid, terminal: tty, args };
        let control = Arc::new(Control::first_of(group, identity));
        tell_working_folder(&mut env, working.is_some(), &cwd);
        let working = working.map(|folder| (folder, cwd));
        let limiter = Limiter::new(Arc::clone(&control));
        Ok(Self { control, limiter, files, network, streams: handle::given(stdio, tty), env, working })
    }

    /// What a process is given that is started from outside.
    pub(crate) fn within(claim: &Claim, spec: ProcessSpec, stdio: Stdio) -> Result<Self, SandboxError> {
        let ProcessSpec { args, env, cwd, user, tty, .. } = spec;
        let files = claim.member.group().files().ok_or(SandboxError::Ended)?;
        let files = Arc::new(files.for_user(user));
        Self::further(claim, files, Arguments { args, env, cwd }, tty, handle::given(stdio, tty))
    }

    /// What a further process is given, with the view of its user.
    pub(crate) fn further(
        claim: &Claim,
        files: Arc<FileView>,
        arguments: Arguments,
        terminal: bool,
        streams: Streams,
    ) -> Result<Self, SandboxError> {
        let Arguments { args, mut env, cwd } = arguments;
        let identity = Identity { uid: files.user().uid, terminal, args };
        let network = claim.member.group().network().ok_or(SandboxError::Ended)?;
        let working = working_folder(&files, &cwd, false)?;
        let control = Arc::new(Control::within(&claim.member, claim.pid, identity));
        tell_working_folder(&mut env, working.is_some(), &cwd);
        let working = working.map(|folder| (folder, cwd));
        let limiter = Limiter::new(Arc::clone(&control));
        Ok(Self { control, limiter, files, network, streams, env, working })
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

fn tell_working_folder(env: &mut Vec<(String, String)>, has_one: bool, cwd: &str) {
    if has_one && !env.iter().any(|(name, _)| name == WORKING_FOLDER) {
        env.push((WORKING_FOLDER.into(), cwd.to_owned()));
    }
}

/// Opens the working folder. `make`: it is made if it is missing. `None` for the root.
fn working_folder(files: &FileView, cwd: &str, make: bool) -> Result<Option<Descriptor>, SandboxError> {
    open_working_folder(files, cwd, make).map_err(|errno| SandboxError::WorkingDir {
        path: cwd.to_owned(),
        reason: errno.to_string(),
        errno,
    })
}

fn open_working_folder(files: &FileView, cwd: &str, make: bool) -> Result<Option<Descriptor>, Errno> {
    if cwd.split('/').all(|part| part.is_empty() || part == ".") {
        return Ok(None);
    }
    let open = || {
        let create = Create { directory: true, ..Create::default() };
        let path = cwd.trim_start_matches('/');
        files.open(&files.root(), path, Follow::Yes, create, Access { read: true, write: false })
    };
    let opened = match open() {
        Err(Errno::NoEntry) if make => {
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
