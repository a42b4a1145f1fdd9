//! The owner's side: starts workers, finds running ones, drives them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sprat_sandbox::{Exit, Stop, Stream, Usage};
use tokio::sync::mpsc;

use crate::{GuestId, GuestStatus, StartRequest, WorkerOptions};

/// How to start a worker process: the program `sprat` and its hidden verb.
#[derive(Debug, Clone)]
pub struct SpawnCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments before the options' JSON.
    pub args: Vec<String>,
    /// File that takes the worker's stderr.
    pub stderr: PathBuf,
}

/// What a worker tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A guest ended.
    Exited {
        /// Which.
        id: GuestId,
        /// How.
        exit: Exit,
        /// When, in nanoseconds since 1970.
        at_ns: i64,
        /// What it used in all.
        usage: Usage,
    },
    /// The worker is gone: its guests are lost. The last event.
    Gone,
}

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The worker is gone.
    #[error("worker {0} is gone")]
    Gone(String),
    /// The worker did not come up.
    #[error("worker {name} did not start: {reason}")]
    Spawn {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It has no place left.
    #[error("worker {0} has no place left")]
    Full(String),
    /// It refused the request.
    #[error("{message}")]
    Refused {
        /// A stable code.
        code: String,
        /// What happened.
        message: String,
    },
}

/// A connection to one worker. Cheap to clone. Requests may overlap.
#[derive(Debug, Clone)]
pub struct Client {
    // worker helper
}

/// An attachment to a guest's streams. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    /// What the guest writes from now on (and what it wrote before it was first attached and not yet logged is not
    /// repeated). Bounded: a slow reader slows the guest, until the attachment is dropped. Ends at the guest's end.
    pub output: mpsc::Receiver<(Stream, Bytes)>,
    /// What the guest gets as standard input; dropping it ends the attachment's input. `None` when not asked for.
    pub input: Option<mpsc::Sender<Bytes>>,
}

impl Client {
    /// Starts a worker as a session of its own and connects. Events go to `events`.
    ///
    /// # Errors
    /// It does not come up within 10 s.
    pub async fn spawn(
        _command: &SpawnCommand,
        _options: &WorkerOptions,
        _events: mpsc::UnboundedSender<(String, Event)>,
    ) -> Result<Self, ClientError> {
        todo!("worker helper")
    }

    /// Connects to a running worker by its socket. Events are sent with the worker's name.
    ///
    /// # Errors
    /// Nobody answers there.
    pub async fn connect(
        _name: &str,
        _socket: &Path,
        _events: mpsc::UnboundedSender<(String, Event)>,
    ) -> Result<Self, ClientError> {
        todo!("worker helper")
    }

    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!("worker helper")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        todo!("worker helper")
    }

    /// What the kernel could not give it: `landlock`, `seccomp` …; shown in `info`.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        todo!("worker helper")
    }

    /// Starts a guest. The attachment made by [`Client::attach_before_start`], if any, sees all its output.
    ///
    /// # Errors
    /// See [`ClientError`]; nothing is left then.
    pub async fn start(&self, _request: &StartRequest) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// Attaches to a guest that runs, or that will be started under this id (docker attaches before it starts).
    ///
    /// # Errors
    /// The worker is gone, or the guest has ended.
    pub async fn attach(&self, _id: &str, _stdin: bool) -> Result<Attachment, ClientError> {
        todo!("worker helper")
    }

    /// Asks a guest to end.
    ///
    /// # Errors
    /// No such guest, or the worker is gone.
    pub async fn stop(&self, _id: &str, _why: Stop) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// Holds a guest, or lets it go on.
    ///
    /// # Errors
    /// No such guest, or the worker is gone.
    pub async fn pause(&self, _id: &str, _paused: bool) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// Sets the size of a guest's terminal (columns, rows).
    ///
    /// # Errors
    /// No such guest, no terminal, or the worker is gone.
    pub async fn resize(&self, _id: &str, _columns: u16, _rows: u16) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// All guests, ended ones included until they are forgotten.
    ///
    /// # Errors
    /// The worker is gone.
    pub async fn list(&self) -> Result<Vec<GuestStatus>, ClientError> {
        todo!("worker helper")
    }

    /// One guest's use.
    ///
    /// # Errors
    /// No such guest, or the worker is gone.
    pub async fn usage(&self, _id: &str) -> Result<Usage, ClientError> {
        todo!("worker helper")
    }

    /// The owner has recorded this guest's exit durably; the worker may drop it.
    ///
    /// # Errors
    /// The worker is gone.
    pub async fn forget(&self, _id: &str) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// Ends the worker; guests still running are killed.
    ///
    /// # Errors
    /// It is gone already.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        todo!("worker helper")
    }

    /// Exits that a worker recorded, read from its journal; for workers that are gone. (id, exit, at_ns)
    #[must_use]
    pub fn journal(_path: &Path) -> Vec<(GuestId, Exit, i64)> {
        todo!("worker helper")
    }
}
