//! The end of workers: of one that nobody needs, of one that is gone, of all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Worker, WorkerData, WorkerKind, Workers};

/// A worker for bind mounts is kept this long without a container.
const MOUNTS_IDLE: Duration = Duration::from_secs(30);
/// How long what workers told last may take to be taken in.
const LAST_WORDS: Duration = Duration::from_secs(10);

impl Workers {
    /// Takes a worker that is gone off the list.
    pub(crate) fn lost(&self, name: &str) -> Option<Arc<Worker>> {
        let mut list = self.list.lock();
        let index = list.iter().position(|worker| worker.name == name)?;
        let worker = list.swap_remove(index);
        worker.mark_gone();
        self.left.notify_waiters();
        Some(worker)
    }

    /// Removes what a worker that is gone left.
    pub(crate) fn erase(&self, name: &str, data: &WorkerData) {
        if let Err(error) = self.store.remove_worker(name) {
            tracing::warn!(worker = name, %error, "its row stays");
            return;
        }
        for path in [&data.socket, &data.journal, &data.log] {
            remove_quietly(path);
        }
    }

    /// Ends a worker that nobody needs any more: at once when it was for one, after a while when others may come.
    pub(crate) fn retire(self: &Arc<Self>, worker: Arc<Worker>) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if matches!(worker.data.kind, WorkerKind::Mounts { .. }) {
                tokio::time::sleep(MOUNTS_IDLE).await;
            }
            this.end_if_empty(&worker).await;
        });
    }

    /// Ends a worker without guests.
    pub(crate) async fn end_if_empty(&self, worker: &Arc<Worker>) {
        {
            // Places are taken under this lock, so an empty worker stays empty.
            let mut list = self.list.lock();
            if worker.load.load(Ordering::Acquire) > 0 {
                return;
            }
            let Some(index) = list.iter().position(|other| Arc::ptr_eq(other, worker)) else { return };
            list.swap_remove(index);
        }
        self.end(worker).await;
        self.erase(&worker.name, &worker.data);
    }

    /// Drops the connections to all workers; they go on.
    pub(crate) fn disconnect(&self) {
        self.list.lock().clear();
    }

    /// Ends all workers, for good: none is started after this. They stay on the list until all that they told was taken
    /// in ([`Self::lost`]), which is waited for.
    pub(crate) async fn end_all(&self) {
        // A worker that is being started comes onto the list before this.
        let turn = self.spawning.lock().await;
        self.closed.store(true, Ordering::Release);
        drop(turn);
        let all = self.list.lock().clone();
        futures_util::future::join_all(all.iter().map(|worker| self.end(worker))).await;
        let all_left = async {
            loop {
                let left = self.left.notified();
                if self.list.lock().is_empty() {
                    return;
                }
                left.await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, all_left).await.is_err() {
            tracing::warn!("not all that workers told was taken in; the next daemon reads what they recorded");
        }
    }

    async fn end(&self, worker: &Arc<Worker>) {
        worker.mark_gone();
        if let Err(error) = worker.client.shutdown().await {
            tracing::debug!(worker = worker.name, %error, "it was gone already, or had to be killed");
        }
    }
}

fn remove_quietly(path: &Path) {
    if let Err(error) = fs_err::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(%error, "left behind");
    }
}
