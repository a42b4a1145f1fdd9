//! The worker process.

use crate::WorkerOptions;

/// Why a worker can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket or the journal can't be made.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The sandbox can't be set up.
    #[error(transparent)]
    Sandbox(#[from] sprat_sandbox::SandboxError),
}

/// Runs a worker until its owner ends it or it is idle for long. Called by `main`; blocks.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(_options: WorkerOptions) -> Result<(), ServeError> {
    todo!("worker helper")
}
