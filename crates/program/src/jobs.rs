//! [`Jobs`]: compilations under way, each shared by all who want its result.
//!
//! A job belongs to a task of its own: it goes on when those who wait are gone, and leaves the table when it ends, also
//! by panic.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::wire::Wire;
use crate::{Artifact, CompileProgress, ProgramError, Variant};

type Outcome = Option<Result<Artifact, Wire>>;
type Name = (String, Variant);

#[derive(Debug, Default)]
pub(crate) struct Jobs(Arc<Mutex<HashMap<Name, Job>>>);

#[derive(Debug)]
struct Job {
    outcome: watch::Receiver<Outcome>,
    size: u64,
    /// When compiling began; none while cached code is being checked.
    began: Option<Instant>,
}

/// The end of a job that does the work.
#[derive(Debug)]
pub(crate) struct Worker {
    name: Name,
    outcome: watch::Sender<Outcome>,
    table: Arc<Mutex<HashMap<Name, Job>>>,
}

/// The end of a job that waits.
#[derive(Debug)]
pub(crate) struct Waiter(watch::Receiver<Outcome>);

impl Jobs {
    /// Joins the job of this name. The first one gets the work, too.
    pub(crate) fn join(&self, sha256: &str, variant: Variant, size: u64) -> (Waiter, Option<Worker>) {
        let name = (sha256.to_owned(), variant);
        let mut table = self.0.lock();
        if let Some(job) = table.get(&name) {
            return (Waiter(job.outcome.clone()), None);
        }
        let (sender, receiver) = watch::channel(None);
        table.insert(name.clone(), Job { outcome: receiver.clone(), size, began: None });
        (Waiter(receiver), Some(Worker { name, outcome: sender, table: Arc::clone(&self.0) }))
    }

    pub(crate) fn progress(&self) -> Vec<CompileProgress> {
        let table = self.0.lock();
        let mut jobs: Vec<CompileProgress> = table
            .iter()
            .filter_map(|((sha256, _), job)| {
                let elapsed = job.began?.elapsed().as_millis();
                let elapsed_ms = u64::try_from(elapsed).unwrap_or(u64::MAX);
                Some(CompileProgress { sha256: sha256.clone(), size: job.size, elapsed_ms })
            })
            .collect();
        jobs.sort_by(|a, b| b.elapsed_ms.cmp(&a.elapsed_ms).then_with(|| a.sha256.cmp(&b.sha256)));
        jobs
    }
}

impl Worker {
    /// From now on it counts as a compilation.
    pub(crate) fn begin(&self) {
        if let Some(job) = self.table.lock().get_mut(&self.name) {
            job.began = Some(Instant::now());
        }
    }

    pub(crate) fn finish(self, result: Result<Artifact, ProgramError>) {
        let result = result.map_err(|error| Wire::of(&error));
        self.outcome.send_replace(Some(result));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.table.lock().remove(&self.name);
    }
}

impl Waiter {
    pub(crate) async fn wait(mut self) -> Result<Artifact, ProgramError> {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Ok(artifact))) => Ok(artifact.clone()),
            Ok(Some(Err(wire))) => Err(wire.clone().into()),
            Ok(None) | Err(_) => Err(ProgramError::Compile("the compilation was broken off".to_owned())),
        }
    }
}
