//! Ends a worker that nobody needs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Counts who needs the worker.
#[derive(Debug)]
pub(super) struct Activity {
    /// `None`: never idle.
    limit: Option<Duration>,
    users: AtomicUsize,
    changed: Notify,
}

impl Activity {
    pub(super) const fn new(limit_s: u32) -> Self {
        let limit = if limit_s == 0 { None } else { Some(Duration::from_secs(limit_s as u64)) };
        Self { limit, users: AtomicUsize::new(0), changed: Notify::const_new() }
    }

    /// A guest or a connection came.
    pub(super) fn enter(&self) {
        self.users.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// A guest or a connection went.
    pub(super) fn leave(&self) {
        self.users.fetch_sub(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Returns when nobody was there for the whole time limit. For one task.
    pub(super) async fn idle(&self) {
        loop {
            match self.limit {
                Some(limit) if self.users.load(Ordering::SeqCst) == 0 => {
                    if tokio::time::timeout(limit, self.changed.notified()).await.is_err() {
                        return;
                    }
                }
                _ => self.changed.notified().await,
            }
        }
    }
}
