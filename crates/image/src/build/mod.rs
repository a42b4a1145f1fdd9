//! Builds an image from a context and a Dockerfile, step by step, with a layer cache.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::registry::Registry;
use crate::{Digest, ImageConfig, ProgressSink, Reference, Store, StoreError};

/// What to build and how, as `docker build` says it.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Path of the Dockerfile within the context; empty is `Dockerfile`.
    pub dockerfile: String,
    /// Names for the result.
    pub tags: Vec<Reference>,
    /// `--build-arg`; `None` as value means "unset".
    pub build_args: BTreeMap<String, Option<String>>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--target`: the stage to end with.
    pub target: Option<String>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`: always ask the registry for base images.
    pub pull: bool,
}

/// Runs the programs of RUN steps; the engine implements it.
pub trait Runner: Send + Sync {
    /// Runs `step` to its end. Output goes to `output` as it comes.
    fn run<'a>(
        &'a self,
        step: RunStep,
        output: &'a (dyn Fn(&[u8]) + Send + Sync),
    ) -> BoxFuture<'a, Result<i32, String>>;
}

/// One RUN step in exec form.
#[derive(Debug, Clone)]
pub struct RunStep {
    /// The stage's layers so far, lowest first.
    pub layers: Vec<PathBuf>,
    /// The stage's configuration so far (environment, user, working folder), build arguments added to the environment.
    pub config: ImageConfig,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// An empty folder that takes the files that the step writes, laid out as the sandbox's upper folder.
    pub upper: PathBuf,
}

/// What a build tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// A line of text for the user, with its line end: `Step 1/3 : FROM scratch`.
    Stream(String),
    /// The id of the image as it stands.
    Image(Digest),
}

/// Takes build events. It must not block.
pub type BuildSink = Arc<dyn Fn(BuildEvent) + Send + Sync>;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile is wrong; the message names the line.
    #[error("dockerfile parse error on line {line}: {message}")]
    Dockerfile {
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A step failed.
    #[error("line {line}: {message}")]
    Step {
        /// Line of the instruction, from 1.
        line: usize,
        /// What happened.
        message: String,
    },
    /// A RUN step's program ended with another status than 0.
    #[error("The command '{command}' returned a non-zero code: {code}")]
    Run {
        /// The program and its arguments.
        command: String,
        /// Its exit status.
        code: i32,
    },
    /// The context is malformed, hostile or too large.
    #[error("invalid build context: {0}")]
    Context(String),
    /// The store or a registry failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a build works with.
#[derive(Clone)]
pub struct Builder {
    /// Where images come from and go to.
    pub store: Arc<Store>,
    /// For base images that are not in the store.
    pub registry: Arc<Registry>,
    /// Credentials by registry host.
    pub credentials: BTreeMap<String, crate::registry::Credentials>,
    /// Runs RUN steps.
    pub runner: Arc<dyn Runner>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// Builds from `context`, a tar (plain, gzip or zstd) on disk. Returns the image's id.
    ///
    /// # Errors
    /// See [`BuildError`]. A failed build leaves no image; finished steps stay in the cache.
    pub async fn build(
        &self,
        _context: PathBuf,
        _options: BuildOptions,
        _events: BuildSink,
        _progress: ProgressSink,
    ) -> Result<Digest, BuildError> {
        todo!("build helper")
    }
}
