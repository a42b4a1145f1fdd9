//! [`Sandbox`]: what all guests of one process share: engines, linkers, loaded code, image trees.

use std::path::PathBuf;

use crate::{Guest, Spec, Stdio};

/// What all guests of one process share. Share it in an `Arc`.
#[derive(Debug)]
pub struct Sandbox {
    // sandbox helper
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
    /// The program is no command.
    #[error("{0}")]
    NotACommand(String),
}

impl Sandbox {
    /// Sets up a sandbox. Starts the epoch ticker.
    ///
    /// # Errors
    /// The host can't hold the pools, or the key can't be read.
    pub fn new(_options: SandboxOptions) -> Result<Self, SandboxError> {
        todo!("sandbox helper")
    }

    /// Starts a guest on the current tokio runtime.
    ///
    /// # Errors
    /// It can't be started; nothing of it is left.
    pub async fn start(&self, _spec: Spec, _stdio: Stdio) -> Result<Guest, SandboxError> {
        todo!("sandbox helper")
    }
}
