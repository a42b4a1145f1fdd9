//! What operations are asked with beside a name, and what they answer.

use std::collections::BTreeMap;
use std::time::Duration;

/// A container was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: crate::ContainerId,
    /// What was accepted but has no effect.
    pub warnings: Vec<String>,
}

/// Which containers are listed. Docker's filters by key (`status`, `name`, `label`, `ancestor`, `exited`, `id`,
/// `volume`, `before`, `since`, `network`, `publish`, `expose`, `health`, `isolation` …).
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Those that don't run too.
    pub all: bool,
    /// Only the newest so many (implies all).
    pub limit: Option<usize>,
    /// Filters; values of one key are alternatives, except for `label`, where all must hold.
    pub filters: BTreeMap<String, Vec<String>>,
}

/// How a container is stopped: by a signal, then KILL after the timeout.
#[derive(Debug, Clone, Default)]
pub struct StopOptions {
    /// Name or number of the signal; `None`: the container's stop signal.
    pub signal: Option<String>,
    /// Time until KILL; `None`: the container's own.
    pub timeout: Option<Duration>,
}

/// How a container is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
}

/// What `wait` waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// It doesn't run.
    #[default]
    NotRunning,
    /// Its next exit, even if it doesn't run now.
    NextExit,
    /// Its removal.
    Removed,
}

/// What an attachment takes part in.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttachOptions {
    /// Standard input.
    pub stdin: bool,
}

/// Facts about the installation, for `info`.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// Id of the installation.
    pub id: String,
    /// Containers in all.
    pub containers: usize,
    /// Running ones.
    pub running: usize,
    /// Held ones.
    pub paused: usize,
    /// The rest.
    pub stopped: usize,
    /// Images.
    pub images: usize,
    /// State folder.
    pub root: std::path::PathBuf,
    /// Workers: name, process id, guests.
    pub workers: Vec<(String, u32, usize)>,
    /// Missing kernel features and the like.
    pub warnings: Vec<String>,
}
