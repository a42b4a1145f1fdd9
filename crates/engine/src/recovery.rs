//! Open: reads the state, finds the workers that an earlier daemon left, and carries on.
//!
//! The store says what was; the workers say what is. A run that a worker knows goes on or ends as the worker says. A run
//! whose worker is gone ended as its journal says, or was lost with it. A run whose worker is there but does not answer
//! stays as it was, and the worker is asked again later. A guest nobody knows is an orphan and is ended.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use sprat_image::Digest;
use sprat_image::registry::{Registry, RegistryOptions};
use sprat_program::{Cache, ProgramError};
use sprat_sandbox::{Exit, Stop};
use sprat_worker::{Client, ClientError, GuestState, GuestStatus};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::containers::Containers;
use crate::core::{Core, RootLock, blocking};
use crate::exits::{exit_info, follow_vacated, follow_workers, forget, lost};
use crate::facts::{FactsShelf, ImageFacts};
use crate::networks::{Networks, Reach};
use crate::placement::{Place, Worker, WorkerData, Workers};
use crate::ports::BoundPorts;
use crate::record::{Record, parse_guest_id};
use crate::state::{Input, State};
use crate::store::{ContainerRow, StateStore};
use crate::volumes::Volumes;
use crate::{ContainerId, EngineConfig, EngineError, restart};

/// How often a worker that does not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Folders below the root that workers are given, so they must be there.
const FOLDERS: [&str; 5] = ["images", "code", "containers", "volumes", "workers"];

impl Core {
    /// Opens the state and carries on.
    pub(crate) async fn open(config: EngineConfig) -> Result<Arc<Self>, EngineError> {
        check_run_folder(&config.run)?;
        crate::networks::parse_egress(&config.egress)?;
        let root = config.root.clone();
        for folder in FOLDERS.map(|name| root.join(name)).iter().chain([&config.run]) {
            fs_err::create_dir_all(folder).map_err(EngineError::io(format!("make {}", folder.display())))?;
        }
        let lock = RootLock::take(&root)?;
        let store = Arc::new(StateStore::open(&root.join("state.db"))?);
        let images = Arc::new({
            let root = root.join("images");
            blocking(move || sprat_image::Store::open(&root)).await?
        });
        let cache = Arc::new(Cache::open(&root, config.compiler.clone()).map_err(cache_failed)?);
        let registry = Arc::new(Registry::new(RegistryOptions {
            insecure: config.insecure_registries.clone(),
            certificates: config.registry_certificates.clone(),
        })?);
        let (events, worker_events) = mpsc::unbounded_channel();
        let (vacated, vacated_workers) = mpsc::unbounded_channel();
        let workers = Arc::new(Workers::new(config.clone(), cache.key_path(), Arc::clone(&store), events, vacated));
        let core = Arc::new(Self {
            installation: store.meta("installation", || ContainerId::random().to_string())?,
            volumes: Volumes::open(root.join("volumes"), Arc::clone(&store))?,
            networks: Networks::open(Arc::clone(&store))?,
            reach: Reach::open(Arc::clone(&store))?,
            store,
            containers: Containers::default(),
            tombstones: crate::tombstones::Tombstones::default(),
            shelf: FactsShelf::default(),
            images,
            registry,
            cache,
            workers,
            bus: Bus::new(),
            steps: Arc::default(),
            execs: crate::execs::Execs::default(),
            trees: Arc::default(),
            filling: tokio::sync::Mutex::default(),
            ending: CancellationToken::new(),
            stopping: AtomicBool::new(false),
            lock: Mutex::new(Some(lock)),
            config,
        });
        core.read()?;
        let found = core.find_workers().await?;
        let silent: HashMap<String, WorkerData> = found.iter().filter_map(Found::silent).collect();
        core.reconcile(found, |worker| !silent.contains_key(worker)).await;
        tokio::spawn(follow_workers(Arc::clone(&core), worker_events));
        tokio::spawn(follow_vacated(Arc::clone(&core), vacated_workers));
        for (name, data) in silent {
            tokio::spawn(Arc::clone(&core).ask_again(name, data));
        }
        core.resume();
        if !core.store.is_fresh() {
            core.sweep_containers();
            core.volumes.sweep();
        }
        core.workers.warm();
        Ok(core)
    }

    /// Reads all containers into memory.
    fn read(&self) -> Result<(), EngineError> {
        let mut images = HashMap::new();
        for data in self.store.images()? {
            let lease = self.images.lease(&data.id.to_string()).map(|(_, lease)| lease).ok();
            let id = data.id.clone();
            images.insert(id.clone(), self.shelf.get(&id, || ImageFacts::new(data, lease)).0);
        }
        for row in self.store.containers()? {
            self.revive(row, &images)?;
        }
        for (id, endpoints) in self.store.endpoints()? {
            let Some(record) = self.containers.by_id(&id) else { continue };
            for endpoint in endpoints.values() {
                self.networks.note(id, endpoint);
            }
            record.life().endpoints = Some(Box::new(endpoints));
        }
        Ok(())
    }

    fn revive(&self, row: ContainerRow, images: &HashMap<Digest, Arc<ImageFacts>>) -> Result<(), EngineError> {
        let Some(facts) = images.get(&row.image) else {
            let reason = format!("container {} names an image it does not describe", row.id);
            return Err(EngineError::Store { path: self.config.root.join("state.db"), reason });
        };
        let name: Arc<str> = row.name.into();
        self.containers.take_name(&name, row.id)?;
        for mount in row.settled.mounts.iter().filter(|mount| mount.kind == "volume") {
            self.volumes.note(&mount.name, row.id);
        }
        let record =
            Record::new(row.id, row.created, name, Arc::new(row.spec), Arc::clone(facts), row.settled, row.life);
        self.containers.add(Arc::new(record));
        Ok(())
    }

    /// Connects to the workers in the store. What those that are gone recorded comes back with them.
    async fn find_workers(&self) -> Result<Vec<Found>, EngineError> {
        let mut known = Vec::new();
        for (name, text) in self.store.workers()? {
            match serde_json::from_str::<WorkerData>(&text) {
                Ok(data) => known.push((name, data)),
                Err(_) => {
                    tracing::warn!(worker = name, "its row is not understood; it ends by itself when it is idle");
                    self.store.remove_worker(&name)?;
                }
            }
        }
        // All at once: each that does not answer costs its whole patience.
        Ok(join_all(known.into_iter().map(|(name, data)| self.find_worker(name, data))).await)
    }

    async fn find_worker(&self, name: String, data: WorkerData) -> Found {
        let found = match self.workers.connect(&name, data.clone()).await {
            Ok(worker) => worker.client.list().await.map(|guests| (worker, guests)),
            Err(error) => Err(error),
        };
        match found {
            Ok((worker, guests)) => Found::Living { worker, guests },
            Err(error) => {
                self.workers.lost(&name);
                match error {
                    ClientError::Silent { .. } => {
                        tracing::warn!(%error, "it is asked again every {} s", ASK_AGAIN.as_secs());
                        Found::Silent { name, data }
                    }
                    _ => Found::Dead { exits: Client::journal(&data.journal), name, data },
                }
            }
        }
    }

    /// Asks a worker that did not answer until it does, or is gone.
    async fn ask_again(self: Arc<Self>, name: String, data: WorkerData) {
        loop {
            tokio::select! {
                () = self.ending.cancelled() => return,
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
            let found = self.find_worker(name.clone(), data.clone()).await;
            if !matches!(found, Found::Silent { .. }) {
                tracing::info!(worker = name, "it answers again, or is gone");
                return self.reconcile(vec![found], |worker| worker == name).await;
            }
        }
    }

    /// Takes over what was found. `settled` tells of a worker's name whether it is among `found`; runs of others are left.
    async fn reconcile(self: &Arc<Self>, found: Vec<Found>, settled: impl Fn(&str) -> bool) {
        let mut dead = Vec::new();
        for worker in found {
            match worker {
                Found::Living { worker, guests } => {
                    for guest in guests {
                        self.adopt(&worker, guest).await;
                    }
                }
                Found::Dead { name, data, exits } => {
                    for (guest, exit, at_ns) in exits {
                        self.ended_unseen(&guest, &exit, at_ns);
                    }
                    dead.push((name, data));
                }
                // Nothing is known of it yet.
                Found::Silent { .. } => {}
            }
        }
        self.tell_anew();
        // Whatever is still live in the store and not in a worker was lost, or was never started.
        for record in self.containers.all() {
            let life = record.life();
            let (state, worker) = (life.row.state, life.row.worker.clone());
            let here = life.place.as_ref().is_some_and(Place::is_alive);
            drop(life);
            if !worker.as_deref().is_none_or(&settled) {
                continue;
            }
            match state {
                State::Starting(_) if !here => self.never_started(&record),
                state if state.is_live() && !here => {
                    let worker = worker.unwrap_or_else(|| "(unknown)".to_owned());
                    self.ended(&record, lost(&worker));
                }
                _ => {}
            }
        }
        for (name, data) in dead {
            self.reach.lost(&name);
            self.workers.erase(&name, &data);
        }
        for (worker, load) in self.workers.all() {
            if load == 0 && worker.data.kind != crate::placement::WorkerKind::Shared {
                self.workers.retire(worker);
            }
        }
    }

    /// A guest that a worker knows.
    async fn adopt(self: &Arc<Self>, worker: &Arc<Worker>, guest: GuestStatus) {
        if crate::execs::Execs::is_exec(&guest.id) {
            // It goes on without anybody who could ask for its end.
            if matches!(guest.state, GuestState::Exited { .. }) {
                forget(worker, &guest.id).await;
            }
            return;
        }
        let known = parse_guest_id(&guest.id).and_then(|(id, run)| Some((self.containers.by_id(&id)?, run)));
        let record = known.filter(|(record, run)| {
            let life = record.life();
            life.row.run == *run && life.row.state.is_live()
        });
        match (record, guest.state) {
            (Some((record, _)), GuestState::Running) => self.goes_on(&record, worker, false, guest.started_ns),
            (Some((record, _)), GuestState::Paused) => self.goes_on(&record, worker, true, guest.started_ns),
            (Some((record, _)), GuestState::Exited { exit, at_ns }) => {
                self.goes_on(&record, worker, false, guest.started_ns);
                if self.ended(&record, exit_info(&exit, at_ns)) {
                    forget(worker, &guest.id).await;
                }
            }
            (None, GuestState::Exited { .. }) => forget(worker, &guest.id).await,
            (None, GuestState::Running | GuestState::Paused) => {
                tracing::warn!(worker = worker.name, guest = guest.id, "an orphan is ended");
                if let Err(error) = worker.client.stop(&guest.id, Stop::Kill).await {
                    tracing::debug!(%error, "it was gone already");
                }
                // Its exit event finds no container, and it is forgotten then.
            }
        }
    }

    /// A run goes on in its worker.
    fn goes_on(self: &Arc<Self>, record: &Arc<Record>, worker: &Arc<Worker>, paused: bool, started_ns: i64) {
        let ports = BoundPorts::of_worker(record.life().row.ports.clone());
        let mut life = record.life();
        life.row.worker = Some(worker.name.clone());
        life.place = Some(self.workers.occupy(worker));
        life.ports = (!ports.ports.is_empty()).then(|| Box::new(ports));
        if matches!(life.row.state, State::Starting(_)) {
            life.row.started = crate::store::time(started_ns);
        }
        life.row.state = match (life.row.state, paused) {
            (State::Stopping, _) => State::Stopping,
            (_, true) => State::Paused,
            (_, false) => State::Running,
        };
        drop(life);
        self.found_running(record, &worker.name);
        self.persist(record);
        if !paused {
            self.watch_health(record, false);
        }
    }

    /// An exit in the journal of a worker that is gone.
    fn ended_unseen(self: &Arc<Self>, guest: &str, exit: &Exit, at_ns: i64) {
        let Some((id, run)) = parse_guest_id(guest) else { return };
        let Some(record) = self.containers.by_id(&id) else { return };
        {
            let mut life = record.life();
            if life.row.run != run || !life.row.state.is_live() {
                return;
            }
            if matches!(life.row.state, State::Starting(_)) {
                life.row.state = State::Running;
            }
        }
        self.ended(&record, exit_info(exit, at_ns));
    }

    /// The daemon was killed before a worker took it: nothing ran, so it is what it was before.
    fn never_started(self: &Arc<Self>, record: &Arc<Record>) {
        let mut life = record.life();
        if let State::Starting(before) = life.row.state {
            use crate::state::Before;
            life.row.state = match before {
                Before::Created => State::Created,
                Before::Exited => State::Exited,
                Before::Restarting => State::Restarting,
            };
            life.row.worker = None;
            life.row.ports = Vec::new();
            life.row.error = "the daemon ended before it was started".to_owned();
        }
        drop(life);
        self.persist(record);
    }

    /// Restart policies of what is down, and removals that were broken off.
    fn resume(self: &Arc<Self>) {
        for record in self.containers.all() {
            let (state, by_hand, code, count, with_volumes) = {
                let life = record.life();
                let code = life.row.exit.as_ref().map_or(0, |exit| exit.code);
                (life.row.state, life.row.by_hand, code, life.row.restarts, life.row.with_volumes)
            };
            let core = Arc::clone(self);
            if state == State::Removing {
                tokio::spawn(async move {
                    let _op = record.op.lock().await;
                    if let Err(error) = core.delete(&record, with_volumes).await {
                        tracing::warn!(container = %record.id, %error, "its removal failed again");
                    }
                });
            } else if state == State::Restarting {
                self.schedule_restart(&record);
            } else if state == State::Exited && (record.spec.auto_remove || self.is_to_reap(&record)) {
                self.after(&record, &[crate::state::Action::AutoRemove]);
            } else if state == State::Exited
                && restart::wanted_at_open(record.terms().spec.restart, by_hand, code, count)
            {
                tokio::spawn(async move {
                    let _op = record.op.lock().await;
                    if let Err(error) = core.start_locked(&record, Input::Start).await {
                        tracing::warn!(container = %record.id, %error, "its restart policy could not start it");
                    }
                });
            }
        }
    }
}

/// A worker of an earlier daemon.
enum Found {
    Living {
        worker: Arc<Worker>,
        guests: Vec<GuestStatus>,
    },
    Dead {
        name: String,
        data: WorkerData,
        exits: Vec<(String, Exit, i64)>,
    },
    /// It may well run, but does not answer.
    Silent {
        name: String,
        data: WorkerData,
    },
}

impl Found {
    fn silent(&self) -> Option<(String, WorkerData)> {
        if let Self::Silent { name, data } = self { Some((name.clone(), data.clone())) } else { None }
    }
}

fn cache_failed(error: ProgramError) -> EngineError {
    match error {
        ProgramError::Io { action, source } => EngineError::Io { action, source },
        other => EngineError::Worker(other.to_string()),
    }
}

/// Whether a path is short enough for a Unix socket of a worker.
pub(crate) fn check_run_folder(run: &Path) -> Result<(), EngineError> {
    /// Bytes of a Unix socket's path, the closing zero excluded, less the worker's file name.
    const LONGEST: usize = 107 - "/w00000000.sock".len();
    if run.as_os_str().len() > LONGEST {
        let text = format!("the run folder {} is too long for a socket: at most {LONGEST} bytes", run.display());
        return Err(EngineError::Invalid(text));
    }
    Ok(())
}
