//! Start: from a container to a running guest.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use sprat_program::ProgramError;
use sprat_sandbox::{FilesSpec, Mount, MountSource, ProgramSpec, Spec};
use sprat_worker::{ClientError, LogOptions, StartRequest};

use crate::core::Core;
use crate::gate::{self, Candidate, Permit};
use crate::networks::Joined;
use crate::placement::{Place, WorkerKind};
use crate::ports::BoundPorts;
use crate::record::{ProgramRef, Record};
use crate::state::{Action, Before, Input, State};
use crate::{
    EngineError, EventKind, ExitInfo, Isolation, LogDriver, MountKind, create, exits, log_notes, restart, settle,
};

/// Tries to find a worker that takes the guest: workers may die or fill up meanwhile.
const PLACE_TRIES: u32 = 3;

impl Core {
    /// Starts a container by hand.
    pub(crate) async fn start(self: Arc<Self>, record: Arc<Record>) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        self.start_locked(&record, Input::Start).await
    }

    /// Starts a container whose operation lock is held, by hand or by its policy.
    pub(crate) async fn start_locked(self: &Arc<Self>, record: &Arc<Record>, input: Input) -> Result<(), EngineError> {
        if self.is_stopping() {
            return Err(EngineError::Ending);
        }
        {
            let mut life = record.life();
            let (state, actions) = life.row.state.step(input).map_err(|refusal| start_refused(record, refusal))?;
            life.row.state = state;
            if !actions.contains(&Action::Launch) {
                return Ok(());
            }
            life.row.run += 1;
            life.row.worker = None;
            if input == Input::Start {
                life.row.by_hand = false;
                life.row.restarts = 0;
                life.backoff = std::time::Duration::ZERO;
            } else {
                life.row.restarts += 1;
            }
            life.parked = None;
        }
        match self.launch(record).await {
            Ok(()) => {
                self.started(record);
                Ok(())
            }
            Err(error) => {
                self.start_failed(record, &error);
                Err(error)
            }
        }
    }

    async fn launch(self: &Arc<Self>, record: &Arc<Record>) -> Result<(), EngineError> {
        let (program, artifact) = self.first_program(record).await?;
        let permit = gate::check(&Candidate { program: &artifact.description.sha256, image: &record.facts.data.id })?;
        for mount in &record.spec.mounts {
            if let MountKind::Bind { source, create } = &mount.kind {
                create::check_source(source, *create)?;
                // It may be a link that means something else by now.
                create::refuse_own_state(&self.config.root, source)?;
            }
        }
        // Only a container with an address of its own has ports to publish, as in docker.
        let publishes = !matches!(record.spec.network.as_str(), "host" | "none");
        let ports = BoundPorts::bind(if publishes { &record.spec.ports } else { &[] })?;
        if !ports.ports.is_empty() {
            let mut life = record.life();
            life.row.ports.clone_from(&ports.ports);
            life.ports = Some(Box::new(ports));
        }
        let description = &artifact.description;
        let program_spec = ProgramSpec {
            code: artifact.path.clone(),
            variant: artifact.variant,
            encoding: description.encoding,
            kind: description.kind,
            wasi: description.wasi,
        };
        let run = record.life().row.run;
        let joined = self.join(record)?;
        let request = self.request(record, run, program_spec, &program, joined);
        self.send(record, request, permit).await?;
        self.tell_joined(record);
        Ok(())
    }

    /// Finds a place and asks its worker. The run is stored before the worker hears of it.
    async fn send(
        self: &Arc<Self>,
        record: &Arc<Record>,
        mut request: StartRequest,
        _permit: Permit,
    ) -> Result<(), EngineError> {
        let mut last = EngineError::NotStarted("no worker took it".to_owned());
        for _ in 0..PLACE_TRIES {
            let reserved = record.life().place.take().filter(Place::is_alive);
            // Who attached there would hear nothing from another one.
            let attached = reserved.is_some();
            let place = match reserved {
                Some(place) if !place.answers() => return Err(silent(place, &request.id)),
                Some(place) => place,
                None => self.find_place(record).await?,
            };
            let worker = Arc::clone(place.worker());
            {
                let mut life = record.life();
                life.row.worker = Some(worker.name.clone());
                life.place = Some(place);
                self.store.put_life(record.id, &life.row)?;
            }
            self.introduce_all(record, &worker).await;
            let sockets = record.life().ports.as_ref().map_or(Ok(Vec::new()), |ports| ports.copies())?;
            match worker.client.start(&request, sockets).await {
                Ok(()) => return Ok(()),
                Err(error @ ClientError::Silent { .. }) if !attached => {
                    tracing::warn!(%error, "the start goes to another one");
                    if leave(record, &request.id) {
                        return Ok(());
                    }
                    // Another run: should the silent one start this one after all, it is nobody's.
                    let mut life = record.life();
                    life.row.run += 1;
                    request.id = record.guest_id(life.row.run);
                    last = EngineError::NotStarted(error.to_string());
                }
                Err(error @ (ClientError::Gone(_) | ClientError::Full(_))) => {
                    if matches!(error, ClientError::Gone(_)) {
                        worker.mark_gone();
                    }
                    if leave(record, &request.id) {
                        return Ok(());
                    }
                    last = EngineError::NotStarted(error.to_string());
                }
                Err(ClientError::Unsupported(what)) => {
                    let path = request.spec.args.first().cloned().unwrap_or_default();
                    return Err(EngineError::Program { path, source: ProgramError::Unsupported(what) });
                }
                Err(error) => return Err(EngineError::NotStarted(error.to_string())),
            }
        }
        Err(last)
    }

    /// The worker runs it.
    pub(crate) fn started(self: &Arc<Self>, record: &Arc<Record>) {
        let attributes = self.event_attributes(record);
        let parked = {
            let mut life = record.life();
            let Ok((state, actions)) = life.row.state.step(Input::Started) else { return };
            if actions.is_empty() {
                return;
            }
            life.row.state = state;
            life.row.started = Some(Timestamp::now());
            life.row.error.clear();
            // Told under the lock: its end may be on the way, and is told after it.
            self.bus.tell(EventKind::Container, "start", record.id.to_string(), attributes);
            life.parked.take()
        };
        self.persist(record);
        self.watch_health(record, true);
        if let Some(end) = parked {
            self.ended(record, end.info);
        }
    }

    fn start_failed(self: &Arc<Self>, record: &Arc<Record>, error: &EngineError) {
        let mut life = record.life();
        let again =
            restart::wanted(record.terms().spec.restart, error.exit_status(), life.row.restarts) && !self.is_stopping();
        let was_restarting = life.row.state == State::Starting(Before::Restarting);
        let Ok((state, actions)) = life.row.state.step(Input::StartFailed { again }) else { return };
        life.row.state = state;
        life.row.worker = None;
        life.row.error = error.to_string();
        let (place, guest) = (life.place.take(), record.guest_id(life.row.run));
        life.ports = None;
        life.row.ports = Vec::new();
        life.parked = None;
        life.row.exit = Some(ExitInfo {
            code: error.exit_status(),
            oom_killed: false,
            at: Timestamp::now(),
            message: error.to_string(),
            lost: false,
        });
        drop(life);
        if let Some(place) = place {
            exits::vacate(place, guest);
        }
        self.persist(record);
        self.part(record, false);
        if state == State::Exited && was_restarting {
            // Those who waited through the restarts: no further run ends.
            record.life().wake_exited();
        }
        self.after(record, actions);
    }

    /// A place for a container's next run: near the others of its networks, where there is room.
    pub(crate) async fn find_place(self: &Arc<Self>, record: &Record) -> Result<Place, EngineError> {
        let endpoints = Self::endpoints(record);
        let home = self.networks.home(endpoints.keys().map(String::as_str));
        let place = self.workers.place_near(&self.kind(record), home.as_deref()).await?;
        let own = record.settled.isolation == Isolation::Process;
        if !own && home.as_deref() != Some(&place.worker().name) {
            self.networks.set_home(endpoints.keys().map(String::as_str), &place.worker().name);
        }
        Ok(place)
    }

    /// Which kind of worker a container needs.
    pub(crate) fn kind(&self, record: &Record) -> WorkerKind {
        let binds = || record.settled.mounts.iter().filter(|mount| mount.kind == "bind");
        let sources = |writable: bool| {
            let mut paths: Vec<PathBuf> =
                binds().filter(|mount| mount.writable == writable).map(|mount| mount.source.clone()).collect();
            paths.sort();
            paths.dedup();
            paths
        };
        let (read, mut write) = (sources(false), sources(true));
        match record.settled.isolation {
            Isolation::Process => {
                write.push(self.folder(record.id));
                let volumes = record.settled.mounts.iter().filter(|mount| mount.kind == "volume");
                write.extend(volumes.map(|mount| mount.source.clone()));
                let host = Self::endpoints(record).contains_key("host");
                let open = self.egress(&record.spec).is_ok_and(|egress| !egress.denies_all());
                WorkerKind::Own { id: record.id.to_string(), read, write, network: host || open }
            }
            Isolation::Default if binds().next().is_none() => WorkerKind::Shared,
            Isolation::Default => WorkerKind::Mounts { read, write },
        }
    }

    fn request(
        &self,
        record: &Record,
        run: u64,
        program: ProgramSpec,
        found: &ProgramRef,
        joined: Joined,
    ) -> StartRequest {
        let (spec, settled) = (&record.spec, &record.settled);
        tracing::debug!(container = %record.id, run, program = found.path, "starting");
        let log = (spec.log.driver != LogDriver::None).then(|| LogOptions {
            path: self.log_path(record.id),
            max_size: spec.log.max_size,
            max_files: spec.log.max_files,
            attributes: log_notes::attributes(record, &self.labels(record)),
        });
        StartRequest {
            id: record.guest_id(run),
            spec: Spec {
                program,
                args: settled.argv.clone(),
                env: environment(record, &settled.env, spec.tty, &settled.home),
                cwd: settled.working_dir.clone(),
                files: self.files(record, joined.files),
                user: settled.ids.clone(),
                limits: record.terms().limits,
                tty: spec.tty,
                network: joined.spec,
                service: spec.service,
            },
            log,
            open_stdin: spec.open_stdin,
            stdin_once: spec.stdin_once,
            size: record.life().size,
        }
    }

    /// What the container's guests see as `/`.
    pub(crate) fn files(&self, record: &Record, provided: Vec<(String, String)>) -> FilesSpec {
        let mount = |point: &crate::MountPoint| Mount {
            target: point.target.clone(),
            source: match point.kind.as_str() {
                "tmpfs" => {
                    let crate::TmpfsOwner { mode, uid, gid } = point.owner;
                    MountSource::OwnedMemory { bytes: point.size, mode, uid, gid }
                }
                _ => MountSource::Host(point.source.clone()),
            },
            read_only: !point.writable,
        };
        let mut mounts: Vec<Mount> = record.settled.mounts.iter().map(mount).collect();
        mounts.sort_by(|a, b| a.target.cmp(&b.target));
        FilesSpec {
            layers: record.facts.data.layers.clone(),
            upper: self.upper(record.id),
            read_only: record.spec.read_only,
            mounts,
            provided,
        }
    }
}

/// Gives up a place that is reserved in a worker that does not answer.
fn silent(place: Place, guest: &str) -> EngineError {
    let (name, pid) = (place.worker().name.clone(), place.pid());
    exits::vacate(place, guest.to_owned());
    EngineError::NotStarted(format!(
        "worker {name}, which this container was attached to, does not answer: start it again, and it gets another one; \
         or look at its process {pid}"
    ))
}

/// Gives up the place of a start that got no answer. True: its guest ran there and ended, so there is no other try.
fn leave(record: &Record, guest: &str) -> bool {
    let mut life = record.life();
    if life.parked.as_ref().is_some_and(|end| !end.info.lost) {
        return true;
    }
    // The loss of this worker is not the end of the run that another one gets.
    life.parked = None;
    life.row.worker = None;
    let place = life.place.take();
    drop(life);
    if let Some(place) = place {
        exits::vacate(place, guest.to_owned());
    }
    false
}

fn start_refused(record: &Record, refusal: crate::state::Refusal) -> EngineError {
    use crate::state::Refusal;
    let message = match refusal {
        Refusal::Paused => "cannot start a paused container, try unpause instead",
        Refusal::Removed => "container is marked for removal and cannot be started",
        _ => return record.refused(refusal),
    };
    EngineError::State { message: message.to_owned() }
}

/// The host name in effect.
pub(crate) fn hostname(record: &Record) -> String {
    record.spec.hostname.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| record.id.short())
}

/// The environment of the guest: docker's own variables, then those in effect.
pub(crate) fn environment(record: &Record, env: &[String], tty: bool, home: &str) -> Vec<(String, String)> {
    let mut own = vec![("PATH", settle::path(env).to_owned()), ("HOSTNAME", hostname(record))];
    if tty {
        own.push(("TERM", "xterm".to_owned()));
    }
    own.push(("HOME", home.to_owned()));
    let own = own.into_iter().filter(|(name, _)| settle::variable(env, name).is_none());
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let given = env.iter().filter_map(|entry| entry.split_once('='));
    own.chain(given.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}
