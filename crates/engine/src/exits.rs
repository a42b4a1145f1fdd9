//! Exits: recorded durably, told, answered with the restart policy or the removal.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sprat_sandbox::Exit;
use sprat_worker::Event as WorkerEvent;
use tokio::sync::mpsc;

use crate::core::Core;
use crate::placement::{Place, Worker};
use crate::record::{Record, RunEnd, parse_guest_id};
use crate::state::{Action, Input};
use crate::{EventKind, ExitInfo, RemoveOptions, restart};

/// Status of a container whose worker was lost.
const LOST: u8 = 137;

/// Takes what workers tell, until the engine ends.
pub(crate) async fn follow_workers(core: Arc<Core>, mut events: mpsc::UnboundedReceiver<(String, WorkerEvent)>) {
    loop {
        let next = tokio::select! {
            () = core.ending.cancelled() => return,
            next = events.recv() => next,
        };
        let Some((worker, event)) = next else { return };
        match event {
            WorkerEvent::Exited { id, exit, at_ns, .. } => core.exited(&worker, &id, &exit, at_ns),
            WorkerEvent::Wanted { ticket, id, path, user } => {
                // On a task of its own, as it may have to be compiled. A worker has a limit of processes that may ask.
                tokio::spawn(Arc::clone(&core).wanted(worker, ticket, id, path, user));
            }
            WorkerEvent::Gone => core.worker_gone(&worker),
        }
    }
}

/// Ends workers that nobody needs any more, until the engine ends.
pub(crate) async fn follow_vacated(core: Arc<Core>, mut vacated: mpsc::UnboundedReceiver<Arc<Worker>>) {
    loop {
        tokio::select! {
            () = core.ending.cancelled() => return,
            worker = vacated.recv() => match worker {
                Some(worker) => core.workers.retire(worker),
                None => return,
            },
        }
    }
}

/// Whether a guest is the present run of a container, in the worker that has it now.
fn is_run(record: &Record, run: u64, worker: &str) -> bool {
    let life = record.life();
    life.row.run == run && life.row.worker.as_deref() == Some(worker)
}

/// An exit in the engine's words.
pub(crate) fn exit_info(exit: &Exit, at_ns: i64) -> ExitInfo {
    let message = match exit {
        Exit::Code(_) | Exit::Signalled(_) => String::new(),
        Exit::TimedOut => "it ran past its wall-clock limit".to_owned(),
        Exit::Trap(text) | Exit::OutOfMemory(text) | Exit::Failed(text) => text.clone(),
    };
    ExitInfo {
        code: exit.status(),
        oom_killed: matches!(exit, Exit::OutOfMemory(_)),
        at: crate::store::time(at_ns).unwrap_or_else(Timestamp::now),
        message,
        lost: false,
    }
}

impl Core {
    /// A worker says that a guest ended.
    pub(crate) fn exited(self: &Arc<Self>, worker: &str, guest: &str, exit: &Exit, at_ns: i64) {
        if self.steps.ended(guest, exit) {
            // Its worker was for it alone and ends with it.
            return;
        }
        if self.exec_exited(worker, guest, exit) {
            return;
        }
        let known = parse_guest_id(guest).and_then(|(id, run)| Some((self.containers.by_id(&id)?, run)));
        match known {
            Some((record, run)) if is_run(&record, run, worker) => {
                if self.ended(&record, exit_info(exit, at_ns)) {
                    self.forget(worker, guest);
                }
            }
            // Of an earlier run, of another worker's try, or of a removed container: nobody waits for it.
            _ => self.forget(worker, guest),
        }
    }

    pub(crate) fn forget(&self, worker: &str, guest: &str) {
        let Some(worker) = self.workers.find(worker) else { return };
        let guest = guest.to_owned();
        tokio::spawn(async move { forget(&worker, &guest).await });
    }

    /// A run ended. True: it is recorded durably.
    pub(crate) fn ended(self: &Arc<Self>, record: &Arc<Record>, info: ExitInfo) -> bool {
        let mut attributes = self.event_attributes(record);
        let (actions, ports) = {
            let mut life = record.life();
            let again =
                restart::wanted(record.terms().spec.restart, info.code, life.row.restarts) && !self.is_stopping();
            let Ok((state, actions)) = life.row.state.step(Input::Exited { again }) else { return true };
            if actions.contains(&Action::ParkExit) {
                life.parked = Some(Box::new(RunEnd { info }));
                return true;
            }
            if !actions.contains(&Action::RecordExit) {
                return true;
            }
            life.row.state = state;
            life.row.worker = None;
            life.row.error = if info.lost { info.message.clone() } else { String::new() };
            life.row.exit = Some(info.clone());
            life.row.ports = Vec::new();
            life.place = None;
            // Told under the lock: who removes it because it ended tells that after it.
            if info.oom_killed {
                self.bus.tell(EventKind::Container, "oom", record.id.to_string(), attributes.clone());
            }
            attributes.insert("exitCode".to_owned(), info.code.to_string());
            self.bus.tell(EventKind::Container, "die", record.id.to_string(), attributes);
            (actions, life.ports.take())
        };
        drop(ports);
        Self::unwatch_health(record);
        self.execs_end(record);
        let durable = self.persist(record);
        self.part(record, true);
        record.life().wake_exited();
        self.after(record, actions);
        durable
    }

    /// What follows an exit or a failed start.
    pub(crate) fn after(self: &Arc<Self>, record: &Arc<Record>, actions: &[Action]) {
        if actions.contains(&Action::ScheduleRestart) {
            self.schedule_restart(record);
        }
        if actions.contains(&Action::AutoRemove) && (record.spec.auto_remove || self.is_to_reap(record)) {
            let (core, record) = (Arc::clone(self), Arc::clone(record));
            tokio::spawn(async move {
                if !core.reap(&record).await || !record.spec.auto_remove {
                    return;
                }
                let options = RemoveOptions { force: false, volumes: true };
                if let Err(error) = core.remove(Arc::clone(&record), options).await {
                    tracing::debug!(container = %record.id, %error, "not removed after its exit");
                }
            });
        }
    }

    pub(crate) fn schedule_restart(self: &Arc<Self>, record: &Arc<Record>) {
        let mut life = record.life();
        let ran = match (life.row.started, &life.row.exit) {
            (Some(started), Some(exit)) => Duration::try_from(exit.at.duration_since(started)).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        life.backoff = restart::wait(life.backoff, ran);
        let wait = life.backoff;
        let (core, later) = (Arc::clone(self), Arc::clone(record));
        let timer = tokio::spawn(async move {
            tokio::select! {
                () = core.ending.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            // On a task of its own: dropping the timer must not break a start off.
            tokio::spawn(async move { core.restart_due(&later).await });
        });
        if let Some(old) = life.timer.replace(timer.abort_handle()) {
            old.abort();
        }
    }

    pub(crate) async fn restart_due(self: &Arc<Self>, record: &Arc<Record>) {
        let _op = record.op.lock().await;
        if self.is_stopping() || self.ending.is_cancelled() {
            return;
        }
        if let Err(error) = self.start_locked(record, Input::RestartDue).await {
            tracing::warn!(container = %record.id, %error, "its restart failed");
        }
    }

    /// A worker is gone: each of its containers ends with it.
    pub(crate) fn worker_gone(self: &Arc<Self>, name: &str) {
        // Also of one that was ended because nobody needed it.
        self.reach.lost(name);
        let Some(worker) = self.workers.find(name) else { return };
        worker.mark_gone();
        if !self.is_stopping() {
            tracing::error!(worker = name, pid = worker.client.pid(), "worker lost");
        }
        self.steps.lost(name);
        for record in self.containers.all() {
            let hers = {
                let life = record.life();
                let here = life.row.worker.as_deref() == Some(name);
                // The exit of a start under way is parked: its starter may have its answer already.
                here && life.row.state.is_live() && life.parked.is_none()
            };
            if hers {
                self.ended(&record, lost(name));
            }
        }
        self.workers.erase(name, &worker.data);
        // Last: who ends the engine waits for it.
        self.workers.lost(name);
        if !self.is_stopping() {
            self.workers.warm();
        }
    }
}

/// A worker need not know a guest any more: its exit is recorded, or it will not be started.
pub(crate) async fn forget(worker: &Worker, guest: &str) {
    if let Err(error) = worker.client.forget(guest).await {
        tracing::debug!(worker = worker.name, guest, %error, "not forgotten");
    }
}

/// Ends the attachments that wait for a guest which will not be started in this place, and gives the place back.
pub(crate) fn vacate(place: Place, guest: String) {
    tokio::spawn(async move { forget(place.worker(), &guest).await });
}

/// The exit of a container whose worker is gone.
pub(crate) fn lost(worker: &str) -> ExitInfo {
    ExitInfo {
        code: LOST,
        oom_killed: false,
        at: Timestamp::now(),
        message: format!("worker {worker} that ran this container is gone"),
        lost: true,
    }
}
