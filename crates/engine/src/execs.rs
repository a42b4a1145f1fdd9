//! [`Execs`]: further programs of containers, from their creation to a while after their end.
//!
//! They live in memory alone: a further program goes on when the daemon ends, but the next daemon knows it no more than as
//! a process of its container. No task and no descriptor belongs to one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::placement::Worker;
use crate::{ContainerId, EngineError, Exec, ExecSpec};

/// How long one that ended can still be asked for its exit status.
const KEEP: Duration = Duration::from_secs(300);
/// Most that ended and can still be asked for.
const MAX_ENDED: usize = 4_096;
/// Most of one container that have not ended.
pub(crate) const MAX_OPEN: usize = 1_024;
/// What the worker's names for them begin with.
const PREFIX: &str = "exec-";

/// All further programs.
#[derive(Debug, Default)]
pub(crate) struct Execs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    all: HashMap<String, Arc<ExecRecord>>,
    /// Those that have not ended, by container.
    open: HashMap<ContainerId, Vec<String>>,
    ended: VecDeque<(Instant, String)>,
}

/// One further program.
#[derive(Debug)]
pub(crate) struct ExecRecord {
    pub(crate) id: String,
    pub(crate) container: ContainerId,
    pub(crate) spec: Arc<ExecSpec>,
    life: Mutex<ExecLife>,
    ended: tokio::sync::Notify,
}

/// What changes about it.
#[derive(Debug, Default)]
pub(crate) struct ExecLife {
    pub(crate) stage: Stage,
    pub(crate) size: Option<(u16, u16)>,
}

/// Where it stands.
#[derive(Debug, Default)]
pub(crate) enum Stage {
    /// It was asked for.
    #[default]
    Created,
    /// A worker was asked for it.
    Starting,
    /// It runs.
    Running { worker: Arc<Worker>, pid: u32 },
    /// It ended.
    Ended(u8),
}

impl ExecRecord {
    /// What changes. Never hold it across an await.
    pub(crate) fn life(&self) -> MutexGuard<'_, ExecLife> {
        self.life.lock()
    }

    /// The worker's name for it.
    pub(crate) fn guest_id(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }

    /// As callers see it.
    pub(crate) fn snapshot(&self) -> Exec {
        let life = self.life();
        let (running, exit_code, pid) = match life.stage {
            Stage::Created => (false, None, 0),
            Stage::Starting => (true, None, 0),
            Stage::Running { pid, .. } => (true, None, pid),
            Stage::Ended(code) => (false, Some(code), 0),
        };
        Exec { id: self.id.clone(), container: self.container, spec: Arc::clone(&self.spec), running, exit_code, pid }
    }

    /// Waits for its end.
    pub(crate) async fn wait(&self) -> u8 {
        loop {
            // Listening before the look: an end after it is not missed.
            let ended = self.ended.notified();
            if let Stage::Ended(code) = self.life().stage {
                return code;
            }
            ended.await;
        }
    }
}

impl Execs {
    /// Notes a new one.
    ///
    /// # Errors
    /// The container has too many.
    pub(crate) fn add(&self, container: ContainerId, spec: ExecSpec) -> Result<Arc<ExecRecord>, EngineError> {
        let mut table = self.0.lock();
        table.sweep(Instant::now());
        let open = table.open.entry(container).or_default();
        if open.len() >= MAX_OPEN {
            return Err(EngineError::State {
                message: format!(
                    "container {container} has {MAX_OPEN} execs that were not started or still run: end some"
                ),
            });
        }
        let id = ContainerId::random().to_string();
        open.push(id.clone());
        let life = ExecLife { stage: Stage::Created, size: spec.size };
        let record = ExecRecord {
            id: id.clone(),
            container,
            spec: Arc::new(spec),
            life: Mutex::new(life),
            ended: tokio::sync::Notify::new(),
        };
        let record = Arc::new(record);
        table.all.insert(id, Arc::clone(&record));
        Ok(record)
    }

    /// The one with this id.
    ///
    /// # Errors
    /// There is none, or not any more.
    pub(crate) fn find(&self, id: &str) -> Result<Arc<ExecRecord>, EngineError> {
        self.0.lock().all.get(id).cloned().ok_or_else(|| EngineError::NoSuchExec(id.to_owned()))
    }

    /// The one that a worker names so.
    pub(crate) fn of_guest(&self, guest: &str) -> Option<Arc<ExecRecord>> {
        self.0.lock().all.get(guest.strip_prefix(PREFIX)?).cloned()
    }

    /// True for the worker's names of further programs, of earlier daemons too.
    pub(crate) fn is_exec(guest: &str) -> bool {
        guest.starts_with(PREFIX)
    }

    /// Ids of a container's that have not ended.
    pub(crate) fn open(&self, container: ContainerId) -> Vec<String> {
        self.0.lock().open.get(&container).cloned().unwrap_or_default()
    }

    /// One ended. False: it had ended already.
    pub(crate) fn ended(&self, record: &ExecRecord, code: u8) -> bool {
        {
            let mut life = record.life();
            if matches!(life.stage, Stage::Ended(_)) {
                return false;
            }
            life.stage = Stage::Ended(code);
        }
        record.ended.notify_waiters();
        let mut table = self.0.lock();
        table.close(record);
        let now = Instant::now();
        table.ended.push_back((now, record.id.clone()));
        table.sweep(now);
        true
    }

    /// The container ended: those that were not started are gone, the others are given back to be ended.
    pub(crate) fn take_of(&self, container: ContainerId) -> Vec<Arc<ExecRecord>> {
        let mut table = self.0.lock();
        let ids = table.open.remove(&container).unwrap_or_default();
        let mut running = Vec::new();
        for id in ids {
            let Some(record) = table.all.get(&id).cloned() else { continue };
            if matches!(record.life().stage, Stage::Created) {
                table.all.remove(&id);
            } else {
                running.push(record);
            }
        }
        running
    }
}

impl Table {
    fn close(&mut self, record: &ExecRecord) {
        if let Some(open) = self.open.get_mut(&record.container) {
            open.retain(|id| *id != record.id);
            if open.is_empty() {
                self.open.remove(&record.container);
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        while let Some((at, _)) = self.ended.front() {
            if self.ended.len() <= MAX_ENDED && now.duration_since(*at) < KEEP {
                return;
            }
            if let Some((_, id)) = self.ended.pop_front() {
                self.all.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ExecSpec {
        ExecSpec { argv: vec!["true".to_owned()], ..ExecSpec::default() }
    }

    #[tokio::test]
    async fn an_end_is_told_once_and_kept_for_a_while() {
        let (execs, container) = (Execs::default(), ContainerId::random());
        let record = execs.add(container, spec()).unwrap();
        assert_eq!(execs.open(container), std::slice::from_ref(&record.id));
        let waiting = tokio::spawn({
            let record = Arc::clone(&record);
            async move { record.wait().await }
        });
        tokio::task::yield_now().await;
        assert!(execs.ended(&record, 7));
        assert!(!execs.ended(&record, 8));
        assert_eq!(waiting.await.unwrap(), 7);
        assert!(execs.open(container).is_empty());
        assert_eq!(execs.find(&record.id).unwrap().snapshot().exit_code, Some(7));
    }

    #[test]
    fn what_ended_is_bounded_in_number_and_what_is_open_per_container() {
        let (execs, container) = (Execs::default(), ContainerId::random());
        for _ in 0..MAX_ENDED + 10 {
            let record = execs.add(container, spec()).unwrap();
            execs.ended(&record, 0);
        }
        assert_eq!(execs.0.lock().all.len(), MAX_ENDED);
        for _ in 0..MAX_OPEN {
            execs.add(container, spec()).unwrap();
        }
        assert!(execs.add(container, spec()).unwrap_err().to_string().contains("1024"));
        assert!(execs.take_of(container).is_empty());
        assert_eq!(execs.0.lock().all.len(), MAX_ENDED);
    }
}
