//! The worker process.
//!
//! [`serve`] sets the process up, then answers until it is told to end, gets SIGTERM, or is idle for long. [`Server`] is
//! what all connections share. Guests belong to the worker, not to a connection: they outlive any owner.

mod attach;
mod connection;
mod further;
mod guests;
mod idle;
mod process;
mod programs;
mod shutdown;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::WorkerOptions;
use crate::entry::Entry;
use crate::host::Host;
use crate::journal::{Journal, Recorded};
use crate::log::OpenLogs;
use crate::log::open::OPEN_LOGS;
use crate::outbox::Outbox;
use crate::table::Table;
use crate::wire::Exited;

pub(crate) use process::READY;
pub use process::serve;
#[cfg(test)]
pub(crate) use process::serve_with;

/// Why a worker can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket or the journal can't be made.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The sandbox can't be set up.
    #[error(transparent)]
    Sandbox(#[from] sprat_sandbox::SandboxError),
}

impl ServeError {
    fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// What all connections of a worker share.
#[derive(Debug)]
pub(crate) struct Server<H: Host> {
    host: H,
    options: WorkerOptions,
    warnings: Vec<String>,
    table: Table<H::Guest>,
    journal: Mutex<Journal>,
    /// Gets the events: the newest connection that asked for them.
    owner: Mutex<Option<Arc<Outbox>>>,
    /// Serial of the newest outbox that became the owner's.
    newest_owner: AtomicU64,
    questions: programs::Questions,
    open_logs: Arc<OpenLogs>,
    activity: idle::Activity,
    /// No guest is started any more.
    ending: AtomicBool,
    /// Told when the worker may end.
    ended: Notify,
}

impl<H: Host> Server<H> {
    pub(crate) fn new(
        host: H,
        options: WorkerOptions,
        (journal, recorded): (Journal, Recorded),
        warnings: Vec<String>,
    ) -> Arc<Self> {
        let entries = recorded.into_iter().map(|(id, (exit, at_ns))| Entry::recorded(id, exit, at_ns, <_>::default()));
        Arc::new(Self {
            host,
            table: Table::new(entries),
            journal: Mutex::new(journal),
            owner: Mutex::new(None),
            newest_owner: AtomicU64::new(0),
            questions: programs::Questions::default(),
            open_logs: Arc::new(OpenLogs::new(OPEN_LOGS)),
            activity: idle::Activity::new(options.idle_exit_s),
            ending: AtomicBool::new(false),
            ended: Notify::new(),
            options,
            warnings,
        })
    }

    /// Tells the owner, if there is one.
    fn announce(&self, event: Exited) {
        if let Some(owner) = self.owner.lock().clone() {
            connection::send(&owner, 0, crate::wire::Payload::Exited(event));
        }
    }
}

pub(crate) fn open_journal(path: &Path) -> Result<(Journal, Recorded), ServeError> {
    Journal::open(path).map_err(ServeError::io(format!("open the journal {}", path.display())))
}
