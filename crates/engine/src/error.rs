//! [`EngineError`]: what the engine refuses, with a kind that doors map to their own codes.

use sprat_image::StoreError;
use sprat_program::ProgramError;

/// What an error means to a caller; doors map it to their own status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is malformed. HTTP 400.
    Invalid,
    /// There is no such thing. HTTP 404.
    NotFound,
    /// It conflicts with what is. HTTP 409.
    Conflict,
    /// It is so already. HTTP 304.
    NotModified,
    /// Refused by a rule. HTTP 403.
    Forbidden,
    /// A registry refused the credentials. HTTP 401 or 500, as docker has it.
    Unauthorized,
    /// Not offered. HTTP 501.
    Unsupported,
    /// Something outside failed, for a while. HTTP 503.
    Unavailable,
    /// The host failed. HTTP 500.
    Internal,
}

/// What the engine refuses. Messages are for users, in docker's words where docker has them.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No container has this name or id.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// More than one container has this short id.
    #[error("Multiple IDs found with provided prefix: {0}")]
    AmbiguousContainer(String),
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// The name is in use.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        holder: String,
    },
    /// The container's state does not allow it.
    #[error("{message}")]
    State {
        /// What happened and what to do, in docker's words.
        message: String,
    },
    /// It is so already (started, stopped).
    #[error("container already in the requested state")]
    NotModified,
    /// A value of the request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Sprat does not offer it.
    #[error("{0}")]
    Unsupported(String),
    /// The program named is not in the container's files. Docker's exit code 127.
    #[error("exec: \"{0}\": executable file not found in $PATH")]
    ProgramNotFound(String),
    /// The program can't be run. Docker's exit code 126.
    #[error("exec: \"{path}\": {source}")]
    Program {
        /// Its path in the container.
        path: String,
        /// Why.
        source: ProgramError,
    },
    /// The program is no command.
    #[error("{0}")]
    NotACommand(String),
    /// A published port can't be bound.
    #[error("driver failed programming external connectivity: listen {address}: {reason}")]
    Port {
        /// Address and port.
        address: String,
        /// Why not: `bind: address already in use`.
        reason: String,
    },
    /// Something uses the volume.
    #[error("remove {name}: volume is in use - [{users}]")]
    VolumeInUse {
        /// Its name.
        name: String,
        /// Ids of the containers.
        users: String,
    },
    /// Images.
    #[error(transparent)]
    Image(#[from] StoreError),
    /// Builds.
    #[error(transparent)]
    Build(#[from] sprat_image::build::BuildError),
    /// A worker failed.
    #[error("the container could not be started: {0}")]
    Worker(String),
    /// The state store is damaged or of a newer Sprat; nothing was changed.
    #[error("the state store {path} cannot be used: {reason}")]
    Store {
        /// Its file.
        path: std::path::PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The host fails.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl EngineError {
    /// What it means to a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        todo!("engine helper: exhaustive")
    }

    /// A stable code, such as `container_not_found`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        todo!("engine helper: exhaustive")
    }

    /// What to do, if the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        todo!("engine helper")
    }
}
