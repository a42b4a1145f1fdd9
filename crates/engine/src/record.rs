//! [`Record`]: one container in memory.
//!
//! What never changes lies open; what changes ([`Life`]) is behind a short lock that is never held across an await.
//! Operations that must not overlap (start, stop, remove, rename …) hold `op` for as long as they take. No task and no
//! descriptor belongs to a container that merely exists.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use sprat_image::Digest;
use sprat_sandbox::Limits;
use sprat_sandbox::User;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::facts::ImageFacts;
use crate::health::Monitor;
use crate::networks::Endpoints;
use crate::placement::Place;
use crate::ports::BoundPorts;
use crate::state::{Refusal, State};
use crate::tombstones::Outcome;
use crate::{
    ContainerId, ContainerSpec, ContainerState, EngineError, ExitInfo, Isolation, MountPoint, PortSpec, Status,
    WaitCondition,
};

/// One container in memory.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: ContainerId,
    pub(crate) created: Timestamp,
    /// What was asked for, without `door_data`.
    pub(crate) spec: Arc<ContainerSpec>,
    pub(crate) facts: Arc<ImageFacts>,
    pub(crate) settled: Settled,
    /// Held by operations that must not overlap.
    pub(crate) op: tokio::sync::Mutex<()>,
    /// What `update` changed of `spec` and of `settled`'s limits.
    terms: Mutex<Option<Terms>>,
    life: Mutex<Life>,
}

/// What is asked of a container and what limits it has, with what `update` changed.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) spec: Arc<ContainerSpec>,
    pub(crate) limits: Limits,
}

/// What is in effect: the request over the image's defaults. Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) working_dir: String,
    /// The user as named.
    pub(crate) user: String,
    /// The user as numbers.
    pub(crate) ids: User,
    /// The user's home folder.
    pub(crate) home: String,
    pub(crate) stop_signal: String,
    pub(crate) mounts: Vec<MountPoint>,
    /// Volumes that go with it.
    pub(crate) anonymous: Vec<String>,
    pub(crate) isolation: Isolation,
    pub(crate) limits: Limits,
    /// It is a reaper of Testcontainers: its program is the built-in one.
    #[serde(default)]
    pub(crate) reaper: bool,
    /// Where its program was found; `None` when it wasn't, which its start tells.
    pub(crate) program: Option<ProgramRef>,
}

/// A program by its place and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramRef {
    /// Path in the container.
    pub(crate) path: String,
    /// SHA-256 of the binary.
    pub(crate) digest: Digest,
}

/// What changes, and is kept in the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LifeRow {
    pub(crate) state: State,
    /// Number of the current or last run; 0: never started.
    pub(crate) run: u64,
    /// Worker of the current run.
    pub(crate) worker: Option<String>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) exit: Option<ExitInfo>,
    pub(crate) error: String,
    /// It was stopped by hand.
    pub(crate) by_hand: bool,
    pub(crate) restarts: u32,
    /// Ports that the current run has on the host, as bound.
    pub(crate) ports: Vec<PortSpec>,
    /// Its anonymous volumes go with it; of a removal under way.
    pub(crate) with_volumes: bool,
}

impl Default for LifeRow {
    fn default() -> Self {
        Self {
            state: State::Created,
            run: 0,
            worker: None,
            started: None,
            exit: None,
            error: String::new(),
            by_hand: false,
            restarts: 0,
            ports: Vec::new(),
            with_volumes: false,
        }
    }
}

/// What changes.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: Arc<str>,
    pub(crate) row: LifeRow,
    /// Its place in a worker: while it runs, or reserved by an attachment for its next run.
    pub(crate) place: Option<Place>,
    /// Its ports while it runs.
    pub(crate) ports: Option<Box<BoundPorts>>,
    /// Its networks, once they are other than what it asked for: it ran, or was connected or disconnected.
    pub(crate) endpoints: Option<Box<Endpoints>>,
    /// An exit that came before the answer to its start.
    pub(crate) parked: Option<Box<RunEnd>>,
    /// Size of its terminal, when it was set before the start.
    pub(crate) size: Option<(u16, u16)>,
    /// Its health, if it has a check and was started.
    pub(crate) health: Option<Box<Monitor>>,
    /// The last wait of its restart policy.
    pub(crate) backoff: Duration,
    pub(crate) timer: Option<AbortHandle>,
    waiters: Vec<Waiter>,
}

/// How a run ended, as its worker tells it.
#[derive(Debug, Clone)]
pub(crate) struct RunEnd {
    pub(crate) info: ExitInfo,
}

#[derive(Debug)]
struct Waiter {
    removed: bool,
    sender: oneshot::Sender<Outcome>,
}

impl Record {
    pub(crate) fn new(
        id: ContainerId,
        created: Timestamp,
        name: Arc<str>,
        spec: Arc<ContainerSpec>,
        facts: Arc<ImageFacts>,
        settled: Settled,
        row: LifeRow,
    ) -> Self {
        let life = Mutex::new(Life::new(name, row));
        Self { id, created, spec, facts, settled, op: tokio::sync::Mutex::new(()), terms: Mutex::new(None), life }
    }

    /// What changes. Never hold it across an await.
    pub(crate) fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock()
    }

    /// What is asked of it and what limits it has now.
    pub(crate) fn terms(&self) -> Terms {
        let changed = self.terms.lock().clone();
        changed.unwrap_or_else(|| Terms { spec: Arc::clone(&self.spec), limits: self.settled.limits.clone() })
    }

    /// Changes what is asked of it and what limits it has.
    pub(crate) fn agree(&self, spec: ContainerSpec, limits: Limits) {
        *self.terms.lock() = Some(Terms { spec: Arc::new(spec), limits });
    }

    /// Its name.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.life.lock().name)
    }

    /// The worker's name for a run of it.
    pub(crate) fn guest_id(&self, run: u64) -> String {
        format!("{}.{run}", self.id)
    }

    /// Refuses what was asked before the container was removed and has its turn only now.
    ///
    /// # Errors
    /// It is gone or about to be.
    pub(crate) fn refuse_if_removed(&self) -> Result<(), EngineError> {
        let state = self.life().row.state;
        if matches!(state, State::Removing | State::Gone) { Err(self.refused(Refusal::Removed)) } else { Ok(()) }
    }

    /// A refusal in docker's words.
    pub(crate) fn refused(&self, refusal: Refusal) -> EngineError {
        let id = self.id;
        let message = match refusal {
            Refusal::NotModified => return EngineError::NotModified,
            Refusal::Removed => return EngineError::NoSuchContainer(id.to_string()),
            Refusal::NotRunning => format!("container {id} is not running"),
            Refusal::Running => format!(
                "cannot remove container \"/{}\": container is running: stop the container before removing or force remove",
                self.name()
            ),
            Refusal::Paused => {
                format!("cannot remove container \"/{}\": container is paused and must be unpaused first", self.name())
            }
            Refusal::AlreadyPaused => format!("container {id} is already paused"),
            Refusal::NotPaused => format!("Container {id} is not paused"),
            Refusal::Restarting => format!("Container {id} is restarting, wait until the container is running"),
            Refusal::BeingRemoved => format!("removal of container {id} is already in progress"),
        };
        EngineError::State { message }
    }
}

/// The container and run that a worker's guest id means.
pub(crate) fn parse_guest_id(guest: &str) -> Option<(ContainerId, u64)> {
    let (id, run) = guest.split_once('.')?;
    Some((id.parse().ok()?, run.parse().ok()?))
}

impl Life {
    fn new(name: Arc<str>, row: LifeRow) -> Self {
        Self {
            name,
            row,
            place: None,
            ports: None,
            endpoints: None,
            parked: None,
            size: None,
            health: None,
            backoff: Duration::ZERO,
            timer: None,
            waiters: Vec::new(),
        }
    }

    /// Waits from now on; sends at once if the condition holds.
    pub(crate) fn wait(&mut self, condition: WaitCondition) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let over = match condition {
            WaitCondition::NotRunning => !self.row.state.is_live() && self.row.state != State::Restarting,
            WaitCondition::NextExit | WaitCondition::Removed => self.row.state == State::Gone,
        };
        if over {
            // The receiver is held by this function's caller.
            let (code, error) = self.outcome();
            let _ = sender.send((code, error.filter(|_| condition != WaitCondition::Removed)));
        } else {
            self.waiters.retain(|waiter| !waiter.sender.is_closed());
            self.waiters.push(Waiter { removed: condition == WaitCondition::Removed, sender });
        }
        receiver
    }

    /// Wakes those who wait for an exit.
    pub(crate) fn wake_exited(&mut self) {
        let outcome = self.outcome();
        for waiter in self.waiters.extract_if(.., |waiter| !waiter.removed) {
            // Who went away needs no answer.
            let _ = waiter.sender.send(outcome.clone());
        }
        if self.waiters.is_empty() {
            self.waiters = Vec::new();
        }
    }

    /// Wakes all who wait: it is gone.
    pub(crate) fn wake_removed(&mut self) {
        let (code, error) = self.outcome();
        for waiter in std::mem::take(&mut self.waiters) {
            // What made a start fail is told by the start. Who waits for the removal has got what it waited for, and docker's
            // command line would print an error as its own.
            let error = if waiter.removed { None } else { error.clone() };
            let _ = waiter.sender.send((code, error));
        }
    }

    /// Clients take an error for a wait that failed and give 125, so only one of a start counts: a run that was lost with
    /// its worker has a status.
    pub(crate) fn outcome(&self) -> Outcome {
        let exit = self.row.exit.as_ref();
        let failed = !self.row.error.is_empty() && !exit.is_some_and(|exit| exit.lost);
        (exit.map_or(0, |exit| i64::from(exit.code)), failed.then(|| self.row.error.clone()))
    }

    /// Where it stands, in docker's states.
    pub(crate) fn state(&self) -> ContainerState {
        ContainerState {
            status: self.status(),
            started: self.row.started,
            exit: self.row.exit.clone(),
            pid: if self.row.state.is_live() { self.place.as_ref().map_or(0, Place::pid) } else { 0 },
            error: self.row.error.clone(),
            health: self.health.as_ref().map(|monitor| monitor.health.clone()),
        }
    }

    /// Docker's word for the state.
    pub(crate) fn status(&self) -> Status {
        use crate::state::Before;
        match self.row.state {
            State::Created | State::Starting(Before::Created) => Status::Created,
            State::Exited | State::Starting(Before::Exited) => Status::Exited,
            State::Restarting | State::Starting(Before::Restarting) => Status::Restarting,
            State::Running | State::Stopping => Status::Running,
            State::Paused => Status::Paused,
            State::Removing | State::Gone => Status::Removing,
            State::Dead => Status::Dead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gave_up_waiting_takes_no_memory() {
        let mut life = Life::new("bass".into(), LifeRow::default());
        let mut patient = life.wait(WaitCondition::NextExit);
        for _ in 0..10_000 {
            drop(life.wait(WaitCondition::NextExit));
        }
        assert!(life.waiters.len() < 10, "{}", life.waiters.len());
        life.wake_exited();
        assert_eq!(patient.try_recv(), Ok((0, None)));
    }

    #[test]
    fn a_removal_that_was_waited_for_has_no_error_of_a_start() {
        let mut life = Life::new("bass".into(), LifeRow { error: "no program".to_owned(), ..LifeRow::default() });
        let (mut removal, mut exit) = (life.wait(WaitCondition::Removed), life.wait(WaitCondition::NextExit));
        life.wake_removed();
        assert_eq!(removal.try_recv(), Ok((0, None)));
        assert_eq!(exit.try_recv(), Ok((0, Some("no program".to_owned()))));
        life.row.state = State::Gone;
        assert_eq!(life.wait(WaitCondition::Removed).try_recv(), Ok((0, None)));
    }
}
