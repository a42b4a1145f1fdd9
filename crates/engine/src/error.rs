//! [`EngineError`]: what the engine refuses, with a kind that doors map to their own codes.

use sprat_image::StoreError;
use sprat_program::ProgramError;

use crate::NetworkError;

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
    /// No further program of a container has this id, or not any more.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// Nothing is at this path of the container.
    #[error("Could not find the file {path} in container {container}")]
    NoSuchFile {
        /// The path as asked for.
        path: String,
        /// The container's id.
        container: String,
    },
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// Sprat's volumes have one driver only.
    #[error("create {volume}: error looking up volume plugin {driver}: plugin {driver:?} not found")]
    NoSuchVolumeDriver {
        /// The volume that was to be made.
        volume: String,
        /// What was asked for.
        driver: String,
    },
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
    #[error("exec: \"{path}\": exec format error: {source}")]
    Program {
        /// Its path in the container.
        path: String,
        /// Why.
        source: ProgramError,
    },
    /// The program is no command.
    #[error("{0}")]
    NotACommand(String),
    /// The working folder can't be used. Docker's exit code 127.
    #[error("{0}")]
    WorkingDir(String),
    /// A published port can't be bound.
    #[error("driver failed programming external connectivity: Bind for {address} failed: {reason}")]
    Port {
        /// Address and port.
        address: String,
        /// Why not: `port is already allocated`.
        reason: String,
    },
    /// Networks.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The image is for machines, not for wasm.
    #[error(
        "{image} is built for {platform}, not for wasm; build it for wasm (wasm32-wasip2), or pull a wasi/wasm variant of it"
    )]
    NotForWasm {
        /// The image.
        image: String,
        /// Its platform: `linux/amd64`.
        platform: String,
    },
    /// All workers are full.
    #[error("all {places} places for containers are taken; stop some, or raise the daemon's --max-workers")]
    Full {
        /// Places in all.
        places: u64,
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
    /// No worker started the container.
    #[error("the container could not be started: {0}")]
    NotStarted(String),
    /// The daemon is ending.
    #[error("the daemon is ending: nothing is started any more")]
    Ending,
    /// A worker failed, or the daemon itself.
    #[error("the daemon or a worker of it failed: {0}")]
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
        match self {
            Self::NoSuchContainer(_)
            | Self::NoSuchExec(_)
            | Self::NoSuchFile { .. }
            | Self::NoSuchVolume(_)
            | Self::NoSuchVolumeDriver { .. } => ErrorKind::NotFound,
            Self::NameTaken { .. } | Self::State { .. } | Self::VolumeInUse { .. } => ErrorKind::Conflict,
            Self::NotModified => ErrorKind::NotModified,
            Self::AmbiguousContainer(_)
            | Self::Invalid(_)
            | Self::ProgramNotFound(_)
            | Self::NotACommand(_)
            | Self::WorkingDir(_)
            | Self::NotForWasm { .. } => ErrorKind::Invalid,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Network(source) => source.kind(),
            Self::Full { .. } | Self::Ending => ErrorKind::Unavailable,
            Self::Program { source, .. } => program_kind(source),
            Self::Image(source) => image_kind(source),
            Self::Build(source) => build_kind(source),
            Self::Port { .. } | Self::NotStarted(_) | Self::Worker(_) | Self::Store { .. } | Self::Io { .. } => {
                ErrorKind::Internal
            }
        }
    }

    /// A stable code, such as `container_not_found`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchContainer(_) => "container_not_found",
            Self::AmbiguousContainer(_) => "container_ambiguous",
            Self::NoSuchExec(_) => "exec_not_found",
            Self::NoSuchFile { .. } => "file_not_found",
            Self::NoSuchVolume(_) => "volume_not_found",
            Self::NoSuchVolumeDriver { .. } => "volume_driver_not_found",
            Self::Network(source) => source.code(),
            Self::NameTaken { .. } => "container_name_taken",
            Self::State { .. } => "container_state",
            Self::NotModified => "not_modified",
            Self::Invalid(_) => "invalid",
            Self::Unsupported(_) => "unsupported",
            Self::ProgramNotFound(_) => "program_not_found",
            Self::Program { source, .. } => source.code(),
            Self::NotACommand(_) => "not_a_command",
            Self::WorkingDir(_) => "working_dir",
            Self::NotForWasm { .. } => "image_not_for_wasm",
            Self::Full { .. } => "workers_full",
            Self::Ending => "daemon_ending",
            Self::Port { .. } => "port_taken",
            Self::VolumeInUse { .. } => "volume_in_use",
            Self::Image(source) => source.code(),
            Self::Build(source) => source.code(),
            Self::NotStarted(_) => "container_not_started",
            Self::Worker(_) => "worker",
            Self::Store { .. } => "state_store",
            Self::Io { .. } => "io",
        }
    }

    /// What to do, if the message does not say it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchContainer(_) => Some("list all containers with `ps -a`"),
            Self::AmbiguousContainer(_) => Some("give more digits of the id, or the name"),
            Self::NoSuchVolume(_) => Some("list volumes with `volume ls`"),
            Self::NoSuchVolumeDriver { .. } => Some("use the driver local"),
            Self::Network(source) => source.hint(),
            Self::ProgramNotFound(_) => {
                Some("name a .wasm file of the image by its path, or set the image's ENTRYPOINT or CMD")
            }
            Self::Program { source: ProgramError::MissingImports(_) | ProgramError::Unsupported(_), .. } => {
                Some("look at what it needs with `sprat program inspect`, and build it for WASI alone")
            }
            Self::Program { source: ProgramError::NotWasm { .. } | ProgramError::Precompiled, .. } => {
                Some("build the program for wasm32-wasip1 or wasm32-wasip2")
            }
            Self::Program { .. } => Some("look at the program with `sprat program inspect`"),
            Self::NotACommand(_) => Some("run a program that has `_start` or exports wasi:cli/run"),
            Self::WorkingDir(_) => Some("name a folder that the container has"),
            Self::Port { .. } => Some("stop what listens there, or publish another port"),
            Self::VolumeInUse { .. } => Some("remove the containers that use it first"),
            Self::Image(StoreError::LoginRefused { .. }) => {
                Some("check both; some registries want a token in place of the password")
            }
            Self::Image(StoreError::NotFound(_)) => Some("pull or build it first; `images` lists what is there"),
            Self::NotStarted(_) | Self::Worker(_) => Some("the workers' log files are in the state folder's `workers`"),
            Self::Ending => Some("start the daemon again, then the container"),
            Self::NameTaken { .. }
            | Self::NoSuchExec(_)
            | Self::NoSuchFile { .. }
            | Self::State { .. }
            | Self::NotModified
            | Self::Invalid(_)
            | Self::Unsupported(_)
            | Self::NotForWasm { .. }
            | Self::Full { .. }
            | Self::Image(_)
            | Self::Build(_)
            | Self::Store { .. }
            | Self::Io { .. } => None,
        }
    }

    /// The exit status a run gets that could not be started for this reason, as docker has it.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::ProgramNotFound(_) | Self::WorkingDir(_) => 127,
            Self::Program { .. } | Self::NotACommand(_) => 126,
            _ => 128,
        }
    }

    /// An error of the host, with what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }
}

fn program_kind(error: &ProgramError) -> ErrorKind {
    match error {
        ProgramError::NotWasm { .. }
        | ProgramError::Precompiled
        | ProgramError::Invalid { .. }
        | ProgramError::InvalidText(_)
        | ProgramError::TooLarge { .. }
        | ProgramError::Unsupported(_)
        | ProgramError::MissingImports(_)
        | ProgramError::Compile(_) => ErrorKind::Invalid,
        ProgramError::Key { .. } | ProgramError::Seal { .. } | ProgramError::Io { .. } => ErrorKind::Internal,
    }
}

fn image_kind(error: &StoreError) -> ErrorKind {
    match error {
        StoreError::NotFound(_) | StoreError::NotInRegistry(_) => ErrorKind::NotFound,
        StoreError::InUse { .. } | StoreError::NameInUse { .. } => ErrorKind::Conflict,
        StoreError::Ambiguous(_)
        | StoreError::Reference(_)
        | StoreError::Invalid { .. }
        | StoreError::TooLarge { .. }
        | StoreError::NoWasmPlatform { .. } => ErrorKind::Invalid,
        StoreError::Denied { .. } | StoreError::LoginRefused { .. } => ErrorKind::Unauthorized,
        StoreError::Registry { .. } => ErrorKind::Unavailable,
        StoreError::DigestMismatch { .. } | StoreError::DiskFull(_) | StoreError::Io { .. } => ErrorKind::Internal,
    }
}

fn build_kind(error: &sprat_image::build::BuildError) -> ErrorKind {
    use sprat_image::build::BuildError;
    match error {
        BuildError::Dockerfile { .. } | BuildError::Context(_) => ErrorKind::Invalid,
        BuildError::Step { .. } | BuildError::Run { .. } => ErrorKind::Internal,
        BuildError::Content { source, .. } | BuildError::Store(source) => image_kind(source),
    }
}
