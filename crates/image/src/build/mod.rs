//! Builds an image from a context and a Dockerfile, step by step, with a layer cache.
//!
//! A context is a stranger's tar: it is read into the same indexed form as a layer, so none of its names becomes a path
//! of the host, and links in it are followed within it alone. Only the stages that the target needs are built. Files
//! keep the times that the context gives them, folders that a step makes implicitly are of 1970; with the build argument
//! `SOURCE_DATE_EPOCH` (seconds since 1970) every step has that time, and the same context gives the same image.
//!
//! Base images and RUN steps come through [`Registry`] and [`Runner`]; this module starts nothing itself.

mod base;
mod cache;
mod context;
mod copy;
mod driver;
mod error;
mod items;
mod mode;
mod output;
mod owner;
mod plan;
mod run;
mod scope;
mod select;
mod stage;
mod target;
#[cfg(test)]
mod tests;
mod unpacked;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::registry::Registry;
use crate::{Digest, ImageConfig, ProgressSink, Reference, Store};

pub use cache::{MAX_CACHE_RECORDS, clear_cache};
pub use error::BuildError;

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
        context: PathBuf,
        options: BuildOptions,
        events: BuildSink,
        progress: ProgressSink,
    ) -> Result<Digest, BuildError> {
        driver::build(self, context, options, events, progress).await
    }
}
