//! [`DaemonConfig`]: resolved once by `main`, before anything is bound.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use sprat_engine::{CompilerCommand, EngineConfig};

/// How the daemon is set up.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// Where Docker's API is served.
    pub hosts: Vec<Host>,
    /// State folder.
    pub root: PathBuf,
    /// Folder of sockets; its path is short enough for a Unix socket.
    pub run: PathBuf,
    /// The HTTP address for metrics and functions; `None` serves none.
    pub listen: Option<SocketAddr>,
    /// What is logged, as a filter of `tracing`: `info`, `sprat_engine=debug,warn` …
    pub log: String,
    /// File that takes the process id; removed at the end.
    pub pidfile: Option<PathBuf>,
    /// The `sprat` executable, for workers and the compiler.
    pub executable: PathBuf,
    /// Its arguments that make a worker of it.
    pub worker_args: Vec<String>,
    /// Its arguments that make the compiler of it.
    pub compiler_args: Vec<String>,
    /// Places of one shared worker.
    pub worker_slots: u32,
    /// Most shared workers.
    pub max_workers: u32,
    /// Memory limit of a container that names none, in bytes.
    pub default_memory: u64,
    /// What containers that say nothing may reach outside: `deny`, `allow`, or rules.
    pub egress: String,
    /// Registries reached over plain HTTP besides loopback ones.
    pub insecure_registries: Vec<String>,
    /// What Testcontainers' clients name `testcontainers/ryuk` is Sprat's own reaper.
    pub reaper: bool,
    /// PEM files with further root certificates for registries.
    pub registry_certificates: Vec<PathBuf>,
    /// Called once, when requests are answered.
    pub on_ready: Option<fn()>,
}

impl DaemonConfig {
    /// The engine's part.
    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            root: self.root.clone(),
            run: self.run.clone(),
            worker: self.executable.clone(),
            worker_args: self.worker_args.clone(),
            compiler: CompilerCommand { program: self.executable.clone(), args: self.compiler_args.clone() },
            worker_slots: self.worker_slots,
            max_workers: self.max_workers,
            default_memory: self.default_memory,
            egress: self.egress.clone(),
            insecure_registries: self.insecure_registries.clone(),
            reaper: self.reaper,
            registry_certificates: self.registry_certificates.clone(),
        }
    }
}

/// An address of Docker's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A Unix socket.
    Unix(PathBuf),
    /// A loopback TCP address. Anyone on the machine can use it, so it is never a default.
    Tcp(SocketAddr),
}

/// Why a text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is neither `unix://` nor `tcp://`.
    #[error("invalid host {0:?}: expected unix:///absolute/path or tcp://127.0.0.1:PORT")]
    Malformed(String),
    /// The address can be reached from other machines.
    #[error(
        "refused to serve on {0}: the API has no login, so only loopback addresses are allowed; use a Unix socket or an ssh tunnel"
    )]
    NotLoopback(SocketAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || HostError::Malformed(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(malformed()) };
        }
        let address = text.strip_prefix("tcp://").ok_or_else(malformed)?;
        let address = address.replacen("localhost:", "127.0.0.1:", 1);
        let address: SocketAddr = address.trim_end_matches('/').parse().map_err(|_| malformed())?;
        if address.ip().is_loopback() { Ok(Self::Tcp(address)) } else { Err(HostError::NotLoopback(address)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sockets_or_loopback_addresses() {
        assert_eq!("unix:///run/sprat.sock".parse(), Ok(Host::Unix("/run/sprat.sock".into())));
        assert_eq!("tcp://127.0.0.1:2375".parse(), Ok(Host::Tcp(([127, 0, 0, 1], 2375).into())));
        assert_eq!("tcp://localhost:2375".parse(), Ok(Host::Tcp(([127, 0, 0, 1], 2375).into())));
        assert!(matches!("tcp://0.0.0.0:2375".parse::<Host>(), Err(HostError::NotLoopback(_))));
        for text in ["", "unix://", "unix://rel", "/run/x", "tcp://", "tcp://x", "http://127.0.0.1:1", "npipe:////"] {
            assert!(matches!(text.parse::<Host>(), Err(HostError::Malformed(_))), "{text}");
        }
    }
}
