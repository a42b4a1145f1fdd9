//! [`Core`]: what all guests of one process share: engines, linkers, loaded code, image trees, places.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sprat_image::Tree;
use sprat_program::{ProgramError, Variant};

use crate::cache::Cache;
use crate::host::{SandboxError, SandboxOptions};
use crate::place::Places;
use crate::prepared::{Prepared, Runtime};
use crate::ticker::Ticker;
use crate::{Network, ProgramSpec};

/// What all guests of one process share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: SandboxOptions,
    key: Arc<[u8]>,
    pub(crate) ticker: Arc<Ticker>,
    /// For containers.
    pub(crate) places: Places,
    /// For their further processes.
    pub(crate) process_places: Places,
    /// For instances that answer requests.
    pub(crate) request_places: Places,
    /// One a variant, made when the first program needs it.
    runtimes: [Mutex<Option<Arc<Runtime>>>; 4],
    pub(crate) network: Arc<Network>,
    pub(crate) programs: Cache<PathBuf, Prepared>,
    trees: Cache<Vec<PathBuf>, Tree>,
}

impl Core {
    pub(crate) fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let failed = |action: &str| {
            let action = action.to_owned();
            |source| ProgramError::Io { action, source }
        };
        let key = fs_err::read(&options.key).map_err(failed("read the key of the sealed cache"))?;
        let ticker = Ticker::start().map_err(failed("start the epoch thread"))?;
        Ok(Self {
            key: key.into(),
            ticker: Arc::new(ticker),
            places: Places::new(options.slots),
            process_places: Places::new(options.process_slots),
            request_places: Places::new(options.request_slots),
            runtimes: Default::default(),
            network: Arc::default(),
            programs: Cache::new(),
            trees: Cache::new(),
            options,
        })
    }

    /// Loads and links a program, or finds it. `further`: for a further process of a container.
    pub(crate) async fn program(&self, spec: &ProgramSpec, further: bool) -> Result<Arc<Prepared>, SandboxError> {
        self.check_variant(spec.variant, further)?;
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

    pub(crate) async fn tree(&self, layers: &[PathBuf]) -> Result<Arc<Tree>, SandboxError> {
        let load = async || {
            let layers = layers.to_vec();
            off_the_runtime(move || Ok(Tree::open(&layers)?)).await
        };
        self.trees.get_or_load(layers, load).await
    }

    /// The first program of a container is interruptible where it shares the worker. Further ones always are: their end
    /// must not be the end of the process they run in.
    fn check_variant(&self, variant: Variant, further: bool) -> Result<(), SandboxError> {
        if variant.interruptible == (self.options.shared || further) {
            return Ok(());
        }
        let needed = if variant.interruptible { "shared" } else { "of its own" };
        let reason = format!("its code was compiled for a worker that is {needed}, this one is not");
        Err(ProgramError::Unsupported(reason).into())
    }

    pub(crate) fn runtime(&self, variant: Variant) -> Result<Arc<Runtime>, SandboxError> {
        let [plain, plain_async, epoch, epoch_async] = &self.runtimes;
        let runtime = match (variant.interruptible, variant.concurrent) {
            (false, false) => plain,
            (false, true) => plain_async,
            (true, false) => epoch,
            (true, true) => epoch_async,
        };
        let mut runtime = runtime.lock();
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
