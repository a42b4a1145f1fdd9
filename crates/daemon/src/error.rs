//! [`DaemonError`]: why the daemon can't serve.

use std::path::PathBuf;

use sprat_engine::EngineError;

/// Why the daemon can't serve.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Someone answers on the socket.
    #[error("another daemon answers on {0}: stop it (sprat daemon stop), or choose another --host")]
    AlreadyRunning(String),
    /// What lies at the socket's path is no socket.
    #[error("{0} exists and is no socket: remove it, or choose another --host")]
    NotASocket(PathBuf),
    /// There is nothing to serve on.
    #[error("no host to serve on: name one with --host unix:///path")]
    NoHost,
    /// The log filter is malformed.
    #[error(
        "invalid log level {0:?}: expected error, warn, info, debug, trace, or a filter such as sprat_engine=debug"
    )]
    LogLevel(String),
    /// The engine can't be opened.
    #[error("cannot open the engine")]
    Engine(#[source] Box<EngineError>),
    /// The host fails.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl DaemonError {
    /// For `map_err`: what was being done when the host failed.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
