//! The private protocol: length-prefixed JSON over a Unix socket, so that a newer daemon can read an older worker.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sprat_sandbox::{Exit, ProcessSpec, Spec, Usage};

use crate::{Confinement, LogOptions};

/// The owner's name for a guest. Opaque here; at most 128 bytes.
pub type GuestId = String;

/// How a worker is set up; its owner passes it as JSON on the command line (`sprat worker JSON`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerOptions {
    /// Its name, for errors and logs.
    pub name: String,
    /// The socket it answers on; its folder exists.
    pub socket: PathBuf,
    /// The file it records exits in.
    pub journal: PathBuf,
    /// Guests at once.
    pub slots: u32,
    /// Largest linear memory of one guest in bytes.
    pub max_memory: u64,
    /// The key file of the sealed cache.
    pub key: PathBuf,
    /// Shared (interruptible guests) or for one container.
    pub shared: bool,
    /// What the process may reach.
    pub confinement: Confinement,
    /// Seconds without a guest and without a connection after which it ends by itself; 0 is never.
    pub idle_exit_s: u32,
}

/// Asks for a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// Its name; must be free.
    pub id: GuestId,
    /// What it is given.
    pub spec: Spec,
    /// Where its log goes; `None` writes none.
    pub log: Option<LogOptions>,
    /// Standard input stays open for attachments. Without, it is at its end.
    pub open_stdin: bool,
    /// Standard input ends with the first attachment that ends.
    pub stdin_once: bool,
    /// Terminal size (columns, rows) if `spec.tty`.
    pub size: Option<(u16, u16)>,
}

/// Asks for a further process in a guest's container. It is an entry of its own beside the guest: attach to it before or
/// after, resize its terminal, stop it, forget it. Its exit is told, but not recorded, and it writes no log. It is killed
/// when the container's first program ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Its name; must be free among all guests of the worker.
    pub id: GuestId,
    /// The guest in whose container it runs.
    pub within: GuestId,
    /// What it is given.
    pub process: ProcessSpec,
    /// Standard input is what attachments send, until the first of them ends. Without, it is at its end.
    pub open_stdin: bool,
    /// Terminal size (columns, rows) if `process.tty`.
    pub size: Option<(u16, u16)>,
}

/// Where a guest stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestState {
    /// It runs.
    Running,
    /// It runs but is held.
    Paused,
    /// It ended; kept until the owner says `forget`.
    Exited {
        /// How.
        exit: Exit,
        /// When, in nanoseconds since 1970.
        at_ns: i64,
    },
}

/// One guest of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestStatus {
    /// Its name.
    pub id: GuestId,
    /// Where it stands.
    pub state: GuestState,
    /// When it started, in nanoseconds since 1970.
    pub started_ns: i64,
    /// What it uses.
    pub usage: Usage,
    /// The guest in whose container it runs, if it is a further process.
    #[serde(default)]
    pub within: Option<GuestId>,
}
