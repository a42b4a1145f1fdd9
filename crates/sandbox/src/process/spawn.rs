//! A guest starts a program of its files.

use std::sync::Arc;

use sprat_image::NodeId;

use super::group::Group;
use super::table::FIRST;
use super::{Unresolved, Wanted};
use crate::control::Control;
use crate::core::Core;
use crate::files::{Errno, FileView};
use crate::handle::{Handle, Streams};
use crate::prepared::{Prepared, check_command};
use crate::run;
use crate::start::{Arguments, Claim, Given};
use crate::{ProgramSpec, SandboxError};

/// Bytes of one argument or variable with its NUL, as Linux's `MAX_ARG_STRLEN`.
pub(crate) const MAX_STRING: usize = 128 << 10;

/// Bytes of all arguments and variables with their NULs and [`STRING_COST`] each.
pub(crate) const MAX_STRINGS: usize = 2 << 20;

/// Bytes that an argument or variable counts beside its own.
pub(crate) const STRING_COST: usize = 32;

/// One of so many places for processes is kept for those that are started from outside: a container full of processes that
/// start processes can still be looked into.
const KEPT: u32 = 8;

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Request {
    /// Absolute path of the program.
    pub(crate) path: String,
    pub(crate) arguments: Arguments,
    pub(crate) streams: Streams,
}

/// Why nothing was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// Program or working folder can't be used.
    File(Errno),
    /// It is no program that can be run.
    NotAProgram,
    /// Too many processes, or nobody can say now what the program is.
    Again,
    /// Arguments and variables are larger than they may be.
    TooBig,
    /// The container has too little memory for them.
    NoMemory,
}

impl From<Errno> for NotStarted {
    fn from(errno: Errno) -> Self {
        Self::File(errno)
    }
}

impl From<SandboxError> for NotStarted {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::WorkingDir { errno, .. } => Self::File(errno),
            SandboxError::NotACommand(_) | SandboxError::Program(_) => Self::NotAProgram,
            SandboxError::Full(_) | SandboxError::TooManyProcesses(_) | SandboxError::Ended => Self::Again,
            SandboxError::Mount { .. } | SandboxError::Tree(_) | SandboxError::Network(_) => Self::File(Errno::Io),
        }
    }
}

impl From<Unresolved> for NotStarted {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::NotFound => Self::File(Errno::NoEntry),
            Unresolved::Denied(_) => Self::File(Errno::Access),
            Unresolved::NotAProgram(_) => Self::NotAProgram,
            Unresolved::Unavailable(_) => Self::Again,
        }
    }
}

/// Starts a child of `caller`, which has these files, and gives its number.
pub(crate) async fn spawn(caller: &Arc<Control>, files: &Arc<FileView>, request: Request) -> Result<u32, NotStarted> {
    let Request { path, arguments, streams } = request;
    let cost = cost(&arguments)?;
    let group = caller.group();
    let core = group.core().ok_or(NotStarted::Again)?;
    let (path, node) = match files.find_program(&path) {
        // Its owner may lend programs that the container does not have.
        Err(Errno::NoEntry) if is_from_outside(group, caller) => (path, None),
        found => found?,
    };
    let claim = Claim::take(caller, caller.pid(), false)?;
    let places = &core.process_places;
    let place = places.take(places.all() / KEPT).ok_or(NotStarted::Again)?;
    let program = load(group, core, files, node, path).await?;
    let terminal = streams.iter().flatten().any(Handle::is_terminal);
    let mut given = Given::further(&claim, Arc::clone(files), arguments, terminal, streams)?;
    if !given.limiter.charge(cost) {
        return Err(NotStarted::NoMemory);
    }
    let pid = claim.pid();
    run::spawn_further(core, program, place, given, claim);
    Ok(pid)
}

/// It, or the one that started it, was started from outside: the container's own programs are lent nothing.
fn is_from_outside(group: &Group, process: &Control) -> bool {
    let mut pid = process.pid();
    loop {
        match group.parent(pid) {
            0 => return pid != FIRST,
            parent => pid = parent,
        }
    }
}

/// What arguments and variables count.
fn cost(arguments: &Arguments) -> Result<u64, NotStarted> {
    let args = arguments.args.iter().map(String::len);
    let env = arguments.env.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(1));
    let mut total = 0_usize;
    for len in args.chain(env) {
        total = total.saturating_add(len + 1 + STRING_COST);
        if len >= MAX_STRING || total > MAX_STRINGS {
            return Err(NotStarted::TooBig);
        }
    }
    Ok(total as u64)
}

/// The program of a file. What a file of the image stands for is asked once a container: it can't change.
async fn load(
    group: &Group,
    core: &Core,
    files: &FileView,
    node: Option<NodeId>,
    path: String,
) -> Result<Arc<Prepared>, NotStarted> {
    if let Some((node, spec)) = node.and_then(|node| Some((node, group.remembered(node)?))) {
        match prepare(core, &spec).await {
            Ok(program) => return Ok(program),
            // The compiled code may have been cleared away; then it is made anew.
            Err(error) => {
                tracing::debug!(%error, path, "a program that was known can't be loaded");
                group.remember(node, None);
            }
        }
    }
    let resolver = group.resolver().ok_or(NotStarted::Again)?;
    let spec = resolver.resolve(Wanted { path, user: files.user().clone() }).await?;
    let program = prepare(core, &spec).await?;
    if let Some(node) = node {
        group.remember(node, Some(&spec));
    }
    Ok(program)
}

async fn prepare(core: &Core, spec: &ProgramSpec) -> Result<Arc<Prepared>, SandboxError> {
    check_command(spec)?;
    core.program(spec, true).await
}
