//! [`Sandbox`]: what all guests of one process share: engines, linkers, loaded code, image trees.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use parking_lot::Mutex;
use sprat_image::Tree;
use sprat_program::{ProgramError, Variant};

use crate::cache::Cache;
use crate::prepared::{Prepared, Runtime, check_command};
use crate::run::{self, Place, Task};
use crate::start::Given;
use crate::ticker::Ticker;
use crate::turn::TimeLimits;
use crate::{Guest, Network, NetworkError, ProgramSpec, Spec, Stdio};

/// What all guests of one process share. Share it in an `Arc`.
#[derive(Debug)]
pub struct Sandbox {
    options: SandboxOptions,
    key: Arc<[u8]>,
    ticker: Arc<Ticker>,
    taken: Arc<AtomicU32>,
    /// Without concurrency. A runtime is made when the first program needs it.
    plain: Mutex<Option<Arc<Runtime>>>,
    /// With concurrency.
    concurrent: Mutex<Option<Arc<Runtime>>>,
    network: Arc<Network>,
    programs: Cache<PathBuf, Prepared>,
    trees: Cache<Vec<PathBuf>, Tree>,
}

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Guests at once.
    pub slots: u32,
    /// Largest linear memory of a guest in bytes; a guest's own limit may be lower.
    pub max_memory: u64,
    /// The key file of the sealed cache.
    pub key: PathBuf,
    /// Guests are interruptible (a shared worker). False: code without epoch checks (a worker of its own).
    pub shared: bool,
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
}

impl Sandbox {
    /// Sets up a sandbox. Starts the epoch ticker.
    ///
    /// # Errors
    /// The host can't hold the pools, or the key can't be read.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let failed = |action: &str| {
            let action = action.to_owned();
            |source| ProgramError::Io { action, source }
        };
        let key = fs_err::read(&options.key).map_err(failed("read the key of the sealed cache"))?;
        let ticker = Ticker::start().map_err(failed("start the epoch thread"))?;
        Ok(Self {
            options,
            key: key.into(),
            ticker: Arc::new(ticker),
            taken: Arc::default(),
            plain: Mutex::default(),
            concurrent: Mutex::default(),
            network: Arc::default(),
            programs: Cache::new(),
            trees: Cache::new(),
        })
    }

    /// Starts a guest on the current tokio runtime.
    ///
    /// # Errors
    /// It can't be started; nothing of it is left.
    pub async fn start(&self, spec: Spec, stdio: Stdio) -> Result<Guest, SandboxError> {
        self.start_with(spec, stdio, Vec::new()).await
    }

    /// [`Self::start`] with the sockets of the host that stand for the published ports of the spec, in their order.
    ///
    /// # Errors
    /// As [`Self::start`], and if they are not as many as the ports, or no sockets.
    pub async fn start_with(&self, spec: Spec, stdio: Stdio, sockets: Vec<OwnedFd>) -> Result<Guest, SandboxError> {
        check_command(&spec.program)?;
        let place = Place::take(&self.taken, self.options.slots).ok_or(SandboxError::Full(self.options.slots))?;
        let program = self.program(&spec.program).await?;
        let tree = self.tree(&spec.files.layers).await?;
        let times = TimeLimits::new(&spec.limits);
        let interruptible = spec.program.variant.interruptible;
        let given = Given::new(spec, (stdio, sockets), tree, &self.network, self.options.max_memory)?;
        let task = Task { program, ticker: Arc::clone(&self.ticker), times, interruptible, place };
        Ok(run::spawn(task, given))
    }

    /// The virtual networks of this process.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The engine of a variant, for tests and benchmarks that compile their own guests.
    ///
    /// # Errors
    /// The host can't hold the pools.
    #[doc(hidden)]
    pub fn engine(&self, variant: Variant) -> Result<wasmtime::Engine, SandboxError> {
        Ok(self.runtime(variant)?.engine().clone())
    }

    /// Puts code that this process compiled for [`Sandbox::engine`] in the place of the program's code file, for tests and
    /// benchmarks.
    ///
    /// # Errors
    /// It can't be linked.
    #[doc(hidden)]
    pub async fn insert(&self, spec: &ProgramSpec, code: sprat_program::Code) -> Result<(), SandboxError> {
        let runtime = self.runtime(spec.variant)?;
        let load = async || Ok::<_, SandboxError>(runtime.prepare(&code)?);
        self.programs.get_or_load(spec.code.as_path(), load).await.map(drop)
    }

    /// A guest with all it is given but its instance, for benchmarks.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    #[doc(hidden)]
    pub async fn given(&self, spec: Spec, stdio: Stdio) -> Result<Uninstantiated, SandboxError> {
        let program = self.program(&spec.program).await?;
        let tree = self.tree(&spec.files.layers).await?;
        let interruptible = spec.program.variant.interruptible;
        let given = Given::new(spec, (stdio, Vec::new()), tree, &self.network, self.options.max_memory)?;
        Ok(Uninstantiated { program, given, interruptible })
    }

    async fn program(&self, spec: &ProgramSpec) -> Result<Arc<Prepared>, SandboxError> {
        let load = async || {
            let runtime = self.runtime(spec.variant)?;
            let (code, key) = (spec.code.clone(), Arc::clone(&self.key));
            let variant = spec.variant;
            off_the_runtime(move || {
                let code = sprat_program::load(runtime.engine(), variant, &code, &key)?;
                Ok(runtime.prepare(&code)?)
            })
            .await
        };
        self.programs.get_or_load(spec.code.as_path(), load).await
    }

    async fn tree(&self, layers: &[PathBuf]) -> Result<Arc<Tree>, SandboxError> {
        let load = async || {
            let layers = layers.to_vec();
            off_the_runtime(move || Ok(Tree::open(&layers)?)).await
        };
        self.trees.get_or_load(layers, load).await
    }

    fn runtime(&self, variant: Variant) -> Result<Arc<Runtime>, SandboxError> {
        if variant.interruptible != self.options.shared {
            let needed = if variant.interruptible { "shared" } else { "of its own" };
            let reason = format!("its code was compiled for a worker that is {needed}, this one is not");
            return Err(ProgramError::Unsupported(reason).into());
        }
        let mut runtime = if variant.concurrent { self.concurrent.lock() } else { self.plain.lock() };
        if let Some(runtime) = &*runtime {
            return Ok(Arc::clone(runtime));
        }
        let made = Arc::new(Runtime::new(variant, &self.options)?);
        if variant.interruptible {
            self.ticker.add(made.engine());
        }
        Ok(Arc::clone(runtime.insert(made)))
    }
}

/// Does work that reads files or takes long.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, SandboxError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            let source = std::io::Error::other(error);
            Err(ProgramError::Io { action: "load the program".into(), source }.into())
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
