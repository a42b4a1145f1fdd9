//! [`Container`]: a snapshot of one container, for doors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sprat_image::Digest;

use crate::{ContainerId, ContainerSpec, TmpfsOwner};

/// A snapshot of one container.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a slash.
    pub name: String,
    /// The image's id.
    pub image: Digest,
    /// What was asked for (`door_data` only in `inspect`).
    pub spec: std::sync::Arc<ContainerSpec>,
    /// Entry point and arguments in effect.
    pub argv: Vec<String>,
    /// Environment in effect.
    pub env: Vec<String>,
    /// Working folder in effect.
    pub working_dir: String,
    /// User in effect.
    pub user: String,
    /// Labels in effect.
    pub labels: BTreeMap<String, String>,
    /// Stop signal in effect.
    pub stop_signal: String,
    /// Mounts in effect.
    pub mounts: Vec<MountPoint>,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: ContainerState,
    /// Times the restart policy started it again.
    pub restart_count: u32,
    /// Its log file, whether it exists or not; empty with log driver none.
    pub log_path: PathBuf,
    /// Its upper folder, whether it exists or not.
    pub upper: PathBuf,
    /// Layers of its image, lowest first.
    pub layers: Vec<PathBuf>,
    /// Ports that its image and its request expose, `80/tcp`.
    pub exposed: std::collections::BTreeSet<String>,
    /// Its networks by their names; only in `inspect` and `list`.
    pub networks: Vec<crate::EndpointView>,
    /// What it may reach outside, in effect.
    pub egress: String,
    /// Ids of further programs that were asked for and have not ended.
    pub execs: Vec<String>,
    /// Published ports as bound while it runs.
    pub ports: Vec<crate::PortSpec>,
}

/// A mount in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// `bind`, `volume` or `tmpfs`.
    pub kind: String,
    /// The volume's name; empty for others.
    pub name: String,
    /// Folder of the host; empty for tmpfs.
    pub source: PathBuf,
    /// Path in the container.
    pub target: String,
    /// It can be written.
    pub writable: bool,
    /// Bytes of a tmpfs.
    pub size: u64,
    /// Whose a tmpfs is.
    #[serde(default)]
    pub owner: TmpfsOwner,
}

/// Where a container stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// The state.
    pub status: Status,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// When and how it last ended.
    pub exit: Option<ExitInfo>,
    /// Process id of its worker while it runs, else 0.
    pub pid: u32,
    /// Why the last start failed, or why its worker is gone; empty otherwise.
    pub error: String,
    /// Whether it is well, if it has a health check and was started.
    pub health: Option<crate::Health>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitInfo {
    /// Exit status.
    pub code: u8,
    /// It hit its memory limit.
    pub oom_killed: bool,
    /// When.
    pub at: Timestamp,
    /// What happened, for traps and lost workers; empty otherwise.
    pub message: String,
    /// Its worker was lost, and it with it.
    #[serde(default)]
    pub lost: bool,
}

/// Docker's container states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Held.
    Paused,
    /// Waiting to be started again by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Its removal failed half way.
    Dead,
}
