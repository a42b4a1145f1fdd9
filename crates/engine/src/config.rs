//! [`EngineConfig`]: resolved once by the daemon's `main`, before anything is bound.

use std::path::PathBuf;

use sprat_program::CompilerCommand;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// State folder: images, code, containers, volumes, `state.db`.
    pub root: PathBuf,
    /// Folder of the workers' sockets; on a local file system, path short enough for a Unix socket.
    pub run: PathBuf,
    /// How workers are started.
    pub worker: PathBuf,
    /// Arguments of the worker's executable before the options.
    pub worker_args: Vec<String>,
    /// How the compiler child is started.
    pub compiler: CompilerCommand,
    /// Places of one shared worker.
    pub worker_slots: u32,
    /// Most shared workers.
    pub max_workers: u32,
    /// Memory limit of a container that names none, in bytes.
    pub default_memory: u64,
    /// What a container that says nothing may reach outside: `deny`, `allow`, or rules.
    pub egress: String,
    /// Registries reached over plain HTTP besides loopback ones.
    pub insecure_registries: Vec<String>,
    /// What Testcontainers' clients name `testcontainers/ryuk` is Sprat's own reaper.
    pub reaper: bool,
    /// PEM files with further root certificates for registries.
    pub registry_certificates: Vec<PathBuf>,
}
