//! Close: with or without the containers. And volumes' doors, which need events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::core::{Core, blocking};
use crate::volumes::tree_size;
use crate::{EngineError, EventKind, StopOptions, Volume, VolumeSpec, filter};

/// How long all containers together may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

impl Core {
    /// Ends the engine.
    pub(crate) async fn close(self: &Arc<Self>, stop_containers: bool) {
        if stop_containers {
            self.stopping.store(true, Ordering::Release);
            let live = self.containers.all().into_iter().filter(|record| record.life().row.state.is_live());
            let stops = live.map(|record| Arc::clone(self).stop(record, StopOptions::default()));
            if tokio::time::timeout(STOP_DEADLINE, futures_util::future::join_all(stops)).await.is_err() {
                tracing::warn!("some containers did not stop in time and are killed");
            }
            self.workers.end_all().await;
        }
        self.ending.cancel();
        self.store.close();
        self.lock.lock().take();
    }

    /// Ends all tasks and gives the state folder up, without a word to workers: as if the process was killed.
    pub(crate) fn abandon(&self) {
        self.ending.cancel();
        self.workers.disconnect();
        self.reach.clear();
        for record in self.containers.all() {
            record.life().ports = None;
        }
        self.lock.lock().take();
    }

    pub(crate) fn create_volume(&self, spec: VolumeSpec) -> Result<Volume, EngineError> {
        let (volume, new) = self.volumes.create(spec)?;
        if new {
            self.tell_volume("create", &volume.name);
        }
        Ok(volume)
    }

    pub(crate) fn remove_volume(&self, name: &str, force: bool) -> Result<(), EngineError> {
        if self.volumes.remove(name, force)? {
            self.tell_volume("destroy", name);
        }
        Ok(())
    }

    /// Tells an event of a volume.
    pub(crate) fn tell_volume(&self, action: &str, name: &str) {
        let attributes = [("driver".to_owned(), "local".to_owned())].into();
        self.bus.tell(EventKind::Volume, action, name.to_owned(), attributes);
    }

    /// Tells that things of a kind were pruned.
    pub(crate) fn tell_prune(&self, kind: EventKind, bytes: u64) {
        self.bus.tell(kind, "prune", String::new(), [("reclaimed".to_owned(), bytes.to_string())].into());
    }

    pub(crate) async fn prune_volumes(
        self: Arc<Self>,
        all: bool,
        filters: BTreeMap<String, Vec<String>>,
    ) -> Result<(Vec<String>, u64), EngineError> {
        let wanted = filter::Prune::parse(&filters)?;
        blocking(move || {
            let (mut names, mut bytes) = (Vec::new(), 0);
            for (volume, users) in self.volumes.all() {
                let kept = !users.is_empty() || !(all || volume.anonymous);
                if kept || !wanted.matches(volume.created, &volume.labels) {
                    continue;
                }
                let size = tree_size(&volume.mountpoint);
                // Somebody may have begun to use it: then it stays.
                if self.remove_volume(&volume.name, false).is_ok() {
                    names.push(volume.name);
                    bytes += size;
                }
            }
            self.tell_prune(EventKind::Volume, bytes);
            Ok::<_, EngineError>((names, bytes))
        })
        .await
    }
}
