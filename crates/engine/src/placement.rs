//! Placement: which worker runs which container.
//!
//! Containers of the default class share workers; one with bind mounts goes to a worker confined to exactly those; one with
//! `--isolation process` gets a worker of its own. A shared worker is started before the last one is full, and one is kept
//! warm. A worker's row is stored before its process is started, so no process can be forgotten.

mod ending;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sprat_worker::{Client, ClientError, Confinement, Event as WorkerEvent, SpawnCommand, WorkerOptions};
use tokio::sync::{Notify, mpsc};

use crate::store::SharedStore;
use crate::{EngineConfig, EngineError};

/// Largest linear memory of one guest in bytes: all that a 32-bit memory can have.
const MAX_GUEST_MEMORY: u64 = 4 << 30;
/// Places of a worker for one set of bind mounts.
const MOUNT_SLOTS: u32 = 64;
/// A worker without guests and without an owner ends after this many seconds.
const ORPHAN_EXIT_S: u32 = 60;

/// For whom a worker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WorkerKind {
    /// All containers of the default class without bind mounts.
    Shared,
    /// Containers with exactly these bind mounts.
    Mounts { read: Vec<PathBuf>, write: Vec<PathBuf> },
    /// One container with `--isolation process`.
    Own {
        id: String,
        read: Vec<PathBuf>,
        write: Vec<PathBuf>,
        /// It may make sockets: its container has egress, or the host's network.
        #[serde(default)]
        network: bool,
    },
    /// One RUN step of a build, which writes to this folder.
    Step { upper: PathBuf },
}

impl WorkerKind {
    const fn slots(&self, shared: u32) -> u32 {
        match self {
            Self::Shared => shared,
            Self::Mounts { .. } => {
                if shared < MOUNT_SLOTS {
                    shared
                } else {
                    MOUNT_SLOTS
                }
            }
            Self::Own { .. } | Self::Step { .. } => 1,
        }
    }
}

/// What is stored of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkerData {
    pub(crate) kind: WorkerKind,
    pub(crate) slots: u32,
    pub(crate) socket: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) log: PathBuf,
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) data: WorkerData,
    load: AtomicU32,
    gone: AtomicBool,
}

impl Worker {
    /// Nobody is placed there any more. Told by who found out first: a request that failed, or the worker's last event.
    pub(crate) fn mark_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    fn is_alive(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }

    /// Somebody may be placed there: it is not known to be gone, and it answers.
    fn is_open(&self) -> bool {
        self.is_alive() && !self.client.is_silent()
    }

    /// It runs one guest alone, so it can be ended for it.
    pub(crate) const fn is_for_one(&self) -> bool {
        matches!(self.data.kind, WorkerKind::Own { .. } | WorkerKind::Step { .. })
    }
}

/// A place in a worker. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    worker: Arc<Worker>,
    vacated: mpsc::UnboundedSender<Arc<Worker>>,
}

impl Place {
    /// Its worker.
    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Its worker is not known to be gone.
    pub(crate) fn is_alive(&self) -> bool {
        self.worker.is_alive()
    }

    /// Its worker answers.
    pub(crate) fn answers(&self) -> bool {
        !self.worker.client.is_silent()
    }

    /// Its worker's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.worker.client.pid()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let last = self.worker.load.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && self.worker.data.kind != WorkerKind::Shared {
            // Without a receiver the engine is ending; the worker ends by itself then.
            let _ = self.vacated.send(Arc::clone(&self.worker));
        }
    }
}

/// All workers.
#[derive(Debug)]
pub(crate) struct Workers {
    config: EngineConfig,
    key: PathBuf,
    store: SharedStore,
    events: mpsc::UnboundedSender<(String, WorkerEvent)>,
    vacated: mpsc::UnboundedSender<Arc<Worker>>,
    list: Mutex<Vec<Arc<Worker>>>,
    /// Held while a shared worker is started for somebody who waits for it.
    spawning: tokio::sync::Mutex<()>,
    warming: AtomicBool,
    /// No worker is started any more.
    closed: AtomicBool,
    /// Told when a worker was taken off the list.
    left: Notify,
}

impl Workers {
    pub(crate) fn new(
        config: EngineConfig,
        key: PathBuf,
        store: SharedStore,
        events: mpsc::UnboundedSender<(String, WorkerEvent)>,
        vacated: mpsc::UnboundedSender<Arc<Worker>>,
    ) -> Self {
        Self {
            config,
            key,
            store,
            events,
            vacated,
            list: Mutex::default(),
            spawning: tokio::sync::Mutex::default(),
            warming: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    /// All workers, with the number of places taken.
    pub(crate) fn all(&self) -> Vec<(Arc<Worker>, u32)> {
        self.list.lock().iter().map(|worker| (Arc::clone(worker), worker.load.load(Ordering::Acquire))).collect()
    }

    /// The worker with this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Worker>> {
        self.list.lock().iter().find(|worker| worker.name == name).cloned()
    }

    /// Takes a place in a worker of this kind; starts one if there is none.
    ///
    /// # Errors
    /// All places are taken, or the worker does not come up.
    pub(crate) async fn place(self: &Arc<Self>, kind: &WorkerKind) -> Result<Place, EngineError> {
        self.place_near(kind, None).await
    }

    /// The same, in the worker of this name if it is of this kind and has room.
    pub(crate) async fn place_near(
        self: &Arc<Self>,
        kind: &WorkerKind,
        near: Option<&str>,
    ) -> Result<Place, EngineError> {
        if let Some(place) = self.take(kind, near) {
            return Ok(place);
        }
        let _turn = self.spawning.lock().await;
        if let Some(place) = self.take(kind, near) {
            return Ok(place);
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(EngineError::Ending);
        }
        if *kind == WorkerKind::Shared && self.shared() >= self.config.max_workers as usize {
            let places = u64::from(self.config.max_workers) * u64::from(self.config.worker_slots);
            return Err(EngineError::Full { places });
        }
        // On a task of its own: a caller that goes away must not leave a process that nobody knows. Its place is given
        // back then, and with it the worker.
        let (this, kind) = (Arc::clone(self), kind.clone());
        let spawned = tokio::spawn(async move {
            let worker = this.spawn(&kind).await?;
            let place = this.occupy(&worker);
            this.list.lock().push(worker);
            Ok(place)
        });
        spawned.await.map_err(|error| EngineError::Worker(format!("an internal task failed: {error}")))?
    }

    /// The place of a guest that was found running in a worker.
    pub(crate) fn occupy(&self, worker: &Arc<Worker>) -> Place {
        worker.load.fetch_add(1, Ordering::AcqRel);
        Place { worker: Arc::clone(worker), vacated: self.vacated.clone() }
    }

    fn take(self: &Arc<Self>, kind: &WorkerKind, near: Option<&str>) -> Option<Place> {
        let list = self.list.lock();
        let free = |worker: &Arc<Worker>| worker.data.slots.saturating_sub(worker.load.load(Ordering::Acquire));
        let candidates = list.iter().filter(|worker| worker.data.kind == *kind && worker.is_open());
        let beside = candidates.clone().find(|worker| Some(worker.name.as_str()) == near && free(worker) > 0);
        let most_free = candidates.clone().max_by_key(|worker| free(worker)).filter(|worker| free(worker) > 0);
        let worker = beside.or(most_free)?;
        let left: u32 = candidates.map(free).sum();
        worker.load.fetch_add(1, Ordering::AcqRel);
        let place = Place { worker: Arc::clone(worker), vacated: self.vacated.clone() };
        drop(list);
        if *kind == WorkerKind::Shared && left <= self.config.worker_slots / 8 + 1 {
            self.warm();
        }
        Some(place)
    }

    fn shared(&self) -> usize {
        let list = self.list.lock();
        list.iter().filter(|worker| worker.data.kind == WorkerKind::Shared && worker.is_open()).count()
    }

    /// Starts another shared worker in the background, unless there are enough.
    pub(crate) fn warm(self: &Arc<Self>) {
        if self.shared() >= self.config.max_workers as usize || self.warming.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let turn = this.spawning.lock().await;
            if this.shared() < this.config.max_workers as usize && !this.closed.load(Ordering::Acquire) {
                match this.spawn(&WorkerKind::Shared).await {
                    Ok(worker) => this.list.lock().push(worker),
                    Err(error) => tracing::warn!(%error, "no warm worker"),
                }
            }
            drop(turn);
            this.warming.store(false, Ordering::Release);
        });
    }

    async fn spawn(&self, kind: &WorkerKind) -> Result<Arc<Worker>, EngineError> {
        let name = format!("w{:08x}", rand::random::<u32>());
        let folder = self.config.root.join("workers");
        let data = WorkerData {
            kind: kind.clone(),
            slots: kind.slots(self.config.worker_slots),
            socket: self.config.run.join(format!("{name}.sock")),
            journal: folder.join(format!("{name}.journal")),
            log: folder.join(format!("{name}.log")),
        };
        let text = serde_json::to_string(&data).map_err(|error| EngineError::Worker(error.to_string()))?;
        self.store.put_worker(&name, &text)?;
        let command = SpawnCommand {
            program: self.config.worker.clone(),
            args: self.config.worker_args.clone(),
            stderr: data.log.clone(),
        };
        let options = WorkerOptions {
            name: name.clone(),
            socket: data.socket.clone(),
            journal: data.journal.clone(),
            slots: data.slots,
            max_memory: MAX_GUEST_MEMORY,
            key: self.key.clone(),
            shared: !matches!(kind, WorkerKind::Own { .. }),
            confinement: self.confinement(kind),
            idle_exit_s: ORPHAN_EXIT_S,
        };
        match Client::spawn(&command, &options, self.events.clone()).await {
            Ok(client) => {
                tracing::debug!(worker = name, pid = client.pid(), ?kind, "worker started");
                Ok(Arc::new(Worker { name, client, data, load: AtomicU32::new(0), gone: AtomicBool::new(false) }))
            }
            Err(error) => {
                self.erase(&name, &data);
                Err(EngineError::Worker(error.to_string()))
            }
        }
    }

    fn confinement(&self, kind: &WorkerKind) -> Confinement {
        let root = &self.config.root;
        let mut read = vec![root.join("images"), root.join("code"), self.key.clone()];
        let mut write = Vec::new();
        match kind {
            WorkerKind::Shared => write.extend([root.join("containers"), root.join("volumes")]),
            WorkerKind::Mounts { read: also_read, write: also_write } => {
                write.extend([root.join("containers"), root.join("volumes")]);
                read.extend_from_slice(also_read);
                write.extend_from_slice(also_write);
            }
            WorkerKind::Own { read: also_read, write: also_write, .. } => {
                read.extend_from_slice(also_read);
                write.extend_from_slice(also_write);
            }
            WorkerKind::Step { upper } => write.push(upper.clone()),
        }
        let network = match kind {
            // Its containers are many, and the worker holds each to its own rules.
            WorkerKind::Shared | WorkerKind::Mounts { .. } => true,
            WorkerKind::Own { network, .. } => *network,
            WorkerKind::Step { .. } => false,
        };
        Confinement { read, write, memory_bytes: 0, network }
    }

    /// Connects to a worker that an earlier daemon started.
    ///
    /// # Errors
    /// It is gone, or silent.
    pub(crate) async fn connect(&self, name: &str, data: WorkerData) -> Result<Arc<Worker>, ClientError> {
        let client = Client::connect(name, &data.socket, self.events.clone()).await?;
        let worker = Arc::new(Worker {
            name: name.to_owned(),
            client,
            data,
            load: AtomicU32::new(0),
            gone: AtomicBool::new(false),
        });
        self.list.lock().push(Arc::clone(&worker));
        Ok(worker)
    }
}
