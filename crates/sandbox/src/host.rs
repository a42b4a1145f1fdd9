//! [`Sandbox`]: starts containers and further processes in them.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use sprat_program::{Kind, Variant};
use tokio::runtime::Handle;

use crate::core::Core;
use crate::files::Errno;
use crate::prepared::{Prepared, check_command};
use crate::process::table::Refused;
use crate::run::{self, Task};
use crate::service::{Parts, Service};
use crate::start::{Claim, Given};
use crate::surroundings::Surroundings;
use crate::{Guest, Network, NetworkError, ProcessSpec, ProgramSpec, Resolver, Spec, Stdio};

/// What all guests of one process share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandbox {
    core: Arc<Core>,
}

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Containers at once.
    pub slots: u32,
    /// Further processes of all containers at once. An eighth of them is kept for those that are started from outside.
    pub process_slots: u32,
    /// Instances of HTTP services that answer, or wait for a request, at once.
    pub request_slots: u32,
    /// Largest linear memory of a guest in bytes; a guest's own limit may be lower.
    pub max_memory: u64,
    /// The key file of the sealed cache.
    pub key: PathBuf,
    /// Guests are interruptible (a shared worker). False: code without epoch checks (a worker of its own).
    pub shared: bool,
    /// Where further processes run; without, where the one runs that starts them. Needed where first programs are not
    /// interruptible: such a program may hold its thread, and with it what was started there, for as long as it likes.
    pub further: Option<Handle>,
}

impl SandboxOptions {
    /// Programs of this variant that may run at once.
    pub(crate) const fn slots_of(&self, variant: Variant) -> u32 {
        let first = self.slots.saturating_add(self.request_slots);
        let first = if variant.interruptible == self.shared { first } else { 0 };
        first.saturating_add(if variant.interruptible { self.process_slots } else { 0 })
    }
}

/// What a container has of the outside beside its streams.
#[derive(Debug, Default)]
pub struct Outside {
    /// The sockets of the host that stand for the published ports of its spec, in their order.
    pub sockets: Vec<OwnedFd>,
    /// Who knows the programs that its guests start.
    pub resolver: Option<Arc<dyn Resolver>>,
}

/// Why a guest can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// All slots are taken; another worker must take it.
    #[error("all {0} places of this worker are taken")]
    Full(u32),
    /// The program can't be loaded.
    #[error(transparent)]
    Program(#[from] sprat_program::ProgramError),
    /// A mount or the upper folder can't be used.
    #[error("cannot mount {target}: {reason}")]
    Mount {
        /// Where in the guest.
        target: String,
        /// Why not.
        reason: String,
    },
    /// The working folder is a file, or can't be made.
    #[error("the working folder {path} cannot be used: {reason}")]
    WorkingDir {
        /// The folder in the guest.
        path: String,
        /// Why not.
        reason: String,
        /// The same as a number.
        errno: Errno,
    },
    /// An image layer can't be read.
    #[error(transparent)]
    Tree(#[from] sprat_image::TreeError),
    /// Its place on a network can't be had, or a published socket can't be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The program is no command.
    #[error("{0}")]
    NotACommand(String),
    /// The container has as many processes as it may.
    #[error("the container has {0} processes, which is its limit (--pids-limit); end some, or allow more")]
    TooManyProcesses(u32),
    /// The container has ended.
    #[error("the container has ended")]
    Ended,
}

impl Sandbox {
    /// Sets up a sandbox. Starts the epoch ticker.
    ///
    /// # Errors
    /// The host can't hold the pools, or the key can't be read.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        Ok(Self { core: Arc::new(Core::new(options)?) })
    }

    /// Starts a container with its first program, on the current tokio runtime. It has no sockets of the host, and its
    /// guests can start no programs.
    ///
    /// # Errors
    /// It can't be started; nothing of it is left.
    pub async fn start(&self, spec: Spec, stdio: Stdio) -> Result<Guest, SandboxError> {
        self.start_with(spec, stdio, Outside::default()).await
    }

    /// [`Sandbox::start`] with more of the outside.
    ///
    /// # Errors
    /// As [`Sandbox::start`], and if the sockets are not as many as the ports, or no sockets.
    pub async fn start_with(&self, spec: Spec, stdio: Stdio, outside: Outside) -> Result<Guest, SandboxError> {
        let core = &self.core;
        let is_service = spec.program.kind == Kind::HttpService;
        if !is_service {
            check_command(&spec.program)?;
        }
        let place = core.places.take(0).ok_or(SandboxError::Full(core.places.all()))?;
        let program = core.program(&spec.program, false).await?;
        if is_service != matches!(*program, Prepared::Service(_)) {
            let what = if is_service { "no HTTP service" } else { "an HTTP service, no command" };
            return Err(SandboxError::NotACommand(format!("the program is {what}")));
        }
        let tree = core.tree(&spec.files.layers).await?;
        let wall_clock_ms = spec.limits.wall_clock_ms;
        let interruptible = spec.program.variant.interruptible;
        let (limits, source) = (spec.service, is_service.then(|| spec.program.clone()));
        let given = Given::first(spec, stdio, outside, tree, core)?;
        if let Some(source) = source {
            let listeners = given.network.listen_for_service()?;
            let (around, _) = Surroundings::new(given);
            let parts = Parts { around, interruptible };
            let service = Arc::new(Service::new(Arc::clone(core), (source, &program), parts, limits));
            return Ok(run::spawn_service(service, listeners, wall_clock_ms, place));
        }
        let task = Task { program, ticker: Arc::clone(&core.ticker), wall_clock_ms, interruptible, place };
        Ok(run::spawn(task, given, None))
    }

    /// Starts a further process in the container of a guest.
    ///
    /// # Errors
    /// It can't be started; nothing of it is left.
    pub async fn start_within(&self, guest: &Guest, spec: ProcessSpec, stdio: Stdio) -> Result<Guest, SandboxError> {
        let core = &self.core;
        check_command(&spec.program)?;
        let claim = Claim::take(guest.control(), 0, true)?;
        let place = core.process_places.take(0).ok_or(SandboxError::Full(core.process_places.all()))?;
        let program = core.program(&spec.program, true).await?;
        let given = Given::within(&claim, spec, stdio)?;
        Ok(run::spawn_further(core, program, place, given, claim))
    }

    /// The virtual networks of this process.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.core.network
    }

    /// The engine of a variant, for tests and benchmarks that compile their own guests.
    ///
    /// # Errors
    /// The host can't hold the pools.
    #[doc(hidden)]
    pub fn engine(&self, variant: Variant) -> Result<wasmtime::Engine, SandboxError> {
        Ok(self.core.runtime(variant)?.engine().clone())
    }

    /// Puts code that this process compiled for [`Sandbox::engine`] in the place of the program's code file, for tests and
    /// benchmarks.
    ///
    /// # Errors
    /// It can't be linked.
    #[doc(hidden)]
    pub async fn insert(&self, spec: &ProgramSpec, code: sprat_program::Code) -> Result<(), SandboxError> {
        let runtime = self.core.runtime(spec.variant)?;
        let load = async || Ok::<_, SandboxError>(runtime.prepare(&code)?);
        self.core.programs.get_or_load(spec.code.as_path(), load).await.map(drop)
    }

    /// A guest with all it is given but its instance, for benchmarks.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    #[doc(hidden)]
    pub async fn given(&self, spec: Spec, stdio: Stdio) -> Result<Uninstantiated, SandboxError> {
        let program = self.core.program(&spec.program, false).await?;
        let tree = self.core.tree(&spec.files.layers).await?;
        let interruptible = spec.program.variant.interruptible;
        let given = Given::first(spec, stdio, Outside::default(), tree, &self.core)?;
        Ok(Uninstantiated { program, given, interruptible })
    }
}

impl From<(Refused, u32)> for SandboxError {
    fn from((refused, limit): (Refused, u32)) -> Self {
        match refused {
            Refused::Full => Self::TooManyProcesses(limit),
            Refused::Closed => Self::Ended,
        }
    }
}

/// A guest with all it is given but its instance, for benchmarks.
#[doc(hidden)]
#[derive(Debug)]
pub struct Uninstantiated {
    program: Arc<Prepared>,
    given: Given,
    interruptible: bool,
}

impl Uninstantiated {
    /// Makes store and instance; they live as long as the returned value.
    ///
    /// # Errors
    /// How the guest ended already.
    pub async fn instantiate(self) -> Result<impl Sized, crate::Exit> {
        self.program.instantiate(self.given, self.interruptible).await
    }
}
