//! [`ProcessSpec`]: a further program of a container, and [`ProcessStatus`], one of those that run in it.

use serde::{Deserialize, Serialize};

use crate::{ProgramSpec, User};

/// A further program of a container. Files, network and limits are those of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The compiled program. It must be interruptible, whatever the class of the container's first one.
    pub program: ProgramSpec,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment, in order. Nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Absolute working folder; it must be there.
    pub cwd: String,
    /// Whom it runs as.
    pub user: User,
    /// Standard streams are a terminal.
    pub tty: bool,
}

/// One process of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Its number in the container; that of the first program is 1.
    pub pid: u32,
    /// The number of the process that started it, or 1 if that one ended; 0 for the first program and those that were
    /// started from outside.
    pub parent: u32,
    /// User id.
    pub uid: u32,
    /// Its standard streams are a terminal.
    pub tty: bool,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// When it was started, in nanoseconds since 1970.
    pub started_ns: i64,
    /// Time on a CPU in microseconds.
    pub cpu_us: u64,
    /// Linear memory in bytes, and what its arguments and environment take.
    pub memory_bytes: u64,
}
