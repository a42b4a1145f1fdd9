//! The end of a worker, and of guests that can't be interrupted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;
use sprat_sandbox::{Exit, Stop};

use super::Server;
use super::guests::signalled;
use crate::entry::Entry;
use crate::host::Host;

/// How long a guest may take to end after it was asked to.
const STOP_GRACE: Duration = Duration::from_millis(100);

/// How long all guests may take to end with their worker.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// How often a guest's end is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl<H: Host> Server<H> {
    /// Starts no more guests and kills all; their exits are recorded afterwards.
    pub(super) async fn kill_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
        for entry in self.table.living() {
            // It may have ended just now.
            let _ = entry.stop(Stop::Kill);
        }
        let grace = if self.options.shared { KILL_GRACE } else { STOP_GRACE };
        let _ = tokio::time::timeout(grace, self.all_ended()).await;
        for entry in self.table.living() {
            self.guest_ended(&entry, signalled(Stop::Kill)).await;
        }
    }

    async fn all_ended(&self) {
        while !self.table.living().is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits a moment for a guest to end; if it does not, records `exit` for it and ends this process, which is the only
    /// way to end code without interruption points.
    pub(super) async fn end_with_guest(self: &Arc<Self>, entry: &Entry<H::Guest>, exit: Exit) {
        let ended = async {
            while !entry.has_ended() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(STOP_GRACE, ended).await.is_err() {
            self.guest_ended(entry, exit).await;
            // Further processes of its container.
            for other in self.table.living() {
                self.guest_ended(&other, signalled(Stop::Kill)).await;
            }
            end_process();
        }
    }
}

fn end_process() {
    // The threads of the guest can't be joined: leave at once, without running anything more.
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
}
