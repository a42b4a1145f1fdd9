//! Health checks: a program of the container, run again and again, says whether it is well.
//!
//! A container with a check has one task while it runs and is not held; one without has none. The last results lie beside the
//! container's files, so that the next daemon goes on from them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sprat_image::{Healthcheck, ImageConfig};
use tokio::task::AbortHandle;

use crate::core::Core;
use crate::execs::ExecRecord;
use crate::record::Record;
use crate::state::State;
use crate::{ContainerSpec, EngineError, ExecSpec};

/// Times and counts that a check does not name, docker's.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;
/// Results kept.
const MAX_RESULTS: usize = 5;
/// Bytes of a check's output that are kept.
const MAX_OUTPUT: usize = 4096;
/// Exit status of a check that did not end by itself.
const NOT_ENDED: i32 = -1;
/// How long a check that is killed may take to end.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// What runs a check that is one text, if the image names no shell.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// File of a container's folder with its last results.
const FILE: &str = "health.json";

/// Whether a container is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last five results, oldest first.
    pub log: VecDeque<HealthResult>,
}

/// The verdict on a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    /// No check passed yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks in a row failed as its retries.
    Unhealthy,
}

impl HealthStatus {
    /// Docker's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResult {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// 0 is well; −1 if it did not end by itself.
    pub exit_code: i32,
    /// What it wrote, its first 4,096 bytes.
    pub output: String,
}

impl Default for Health {
    fn default() -> Self {
        Self { status: HealthStatus::Starting, failing_streak: 0, log: VecDeque::new() }
    }
}

/// A container's health and the task that looks after it.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    pub(crate) health: Health,
    task: Option<AbortHandle>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// A check in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    argv: Vec<String>,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: u32,
}

/// The check in effect: the request's over the image's, field by field, as docker has it. `None` if there is none.
fn check(spec: &ContainerSpec, image: &ImageConfig) -> Option<Check> {
    let none = Healthcheck::default();
    let own = spec.healthcheck.as_ref().unwrap_or(&none);
    let theirs = image.healthcheck.as_ref().unwrap_or(&none);
    let test = if own.test.is_empty() { &theirs.test } else { &own.test };
    let (kind, words) = test.split_first()?;
    let argv = match (kind.as_str(), words) {
        ("CMD", words) if !words.is_empty() => words.to_vec(),
        ("CMD-SHELL", [text, ..]) => {
            let usual = || SHELL.iter().map(|&word| word.to_owned()).collect();
            let mut argv: Vec<String> = image.shell.clone().filter(|shell| !shell.is_empty()).unwrap_or_else(usual);
            argv.push(text.clone());
            argv
        }
        _ => return None,
    };
    let time = |own: i64, theirs: i64, usual: Duration| {
        let nanoseconds = if own == 0 { theirs } else { own };
        u64::try_from(nanoseconds).ok().filter(|time| *time > 0).map_or(usual, Duration::from_nanos)
    };
    let retries = if own.retries == 0 { theirs.retries } else { own.retries };
    Some(Check {
        argv,
        interval: time(own.interval, theirs.interval, INTERVAL),
        timeout: time(own.timeout, theirs.timeout, TIMEOUT),
        start_period: time(own.start_period, theirs.start_period, Duration::ZERO),
        start_interval: time(own.start_interval, theirs.start_interval, START_INTERVAL),
        retries: u32::try_from(retries).ok().filter(|retries| *retries > 0).unwrap_or(RETRIES),
    })
}

impl Health {
    /// Takes a result. `early`: within the start period, in which failures do not count. The new verdict, if it is another.
    fn take(&mut self, result: HealthResult, retries: u32, early: bool) -> Option<HealthStatus> {
        let before = self.status;
        if result.exit_code == 0 {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if !(early && before == HealthStatus::Starting) {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        if self.log.len() >= MAX_RESULTS {
            self.log.pop_front();
        }
        self.log.push_back(result);
        (self.status != before).then_some(self.status)
    }
}

impl Core {
    /// Looks after a container's health from now on, if it has a check. `anew`: a run begins.
    pub(crate) fn watch_health(self: &Arc<Self>, record: &Arc<Record>, anew: bool) {
        let Some(check) = check(&record.spec, &record.facts.data.config) else { return };
        let known = if anew { None } else { read(&self.folder(record.id).join(FILE)) };
        let mut life = record.life();
        let run = life.row.run;
        let monitor = life.health.get_or_insert_default();
        if let Some(known) = known.filter(|_| monitor.health == Health::default()) {
            monitor.health = known;
        }
        if anew {
            monitor.health.status = HealthStatus::Starting;
            monitor.health.failing_streak = 0;
        }
        let task = tokio::spawn(follow(Arc::clone(self), Arc::clone(record), run, check));
        if let Some(old) = monitor.task.replace(task.abort_handle()) {
            old.abort();
        }
    }

    /// Looks after it no more: it ended, or is held.
    pub(crate) fn unwatch_health(record: &Record) {
        if let Some(monitor) = &mut record.life().health
            && let Some(task) = monitor.task.take()
        {
            task.abort();
        }
    }

    async fn probe(self: &Arc<Self>, record: &Arc<Record>, check: &Check) -> HealthResult {
        let start = Timestamp::now();
        let spec = ExecSpec { argv: check.argv.clone(), stdout: true, stderr: true, ..ExecSpec::default() };
        let exec = self.exec_create(record, spec).and_then(|exec| self.execs.find(&exec.id));
        let (exit_code, output) = match exec {
            Err(error) => (NOT_ENDED, error.to_string()),
            Ok(exec) => self.run_check(&exec, check.timeout).await,
        };
        HealthResult { start, end: Timestamp::now(), exit_code, output }
    }

    async fn run_check(self: &Arc<Self>, exec: &Arc<ExecRecord>, timeout: Duration) -> (i32, String) {
        let run = async {
            let attachment = self.exec_start(Arc::clone(exec), false, None).await?;
            let mut kept = Vec::new();
            if let Some(mut attachment) = attachment {
                while let Some((_, bytes)) = attachment.output.recv().await {
                    let room = MAX_OUTPUT.saturating_sub(kept.len());
                    kept.extend(bytes.iter().take(room));
                }
            }
            Ok::<_, EngineError>((i32::from(exec.wait().await), String::from_utf8_lossy(&kept).into_owned()))
        };
        match tokio::time::timeout(timeout, run).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => (NOT_ENDED, error.to_string()),
            Err(_) => {
                self.exec_stop(exec).await;
                // One that does not end is its worker's trouble; the next check must not wait for it.
                let _ = tokio::time::timeout(KILL_PATIENCE, exec.wait()).await;
                (NOT_ENDED, format!("Health check exceeded timeout ({}s)", timeout.as_secs_f64()))
            }
        }
    }

    /// Takes a result of a run. False: that run is over.
    async fn note_health(&self, record: &Record, run: u64, result: HealthResult, check: &Check) -> bool {
        let (changed, health) = {
            let mut life = record.life();
            let current = life.row.run == run && matches!(life.row.state, State::Running | State::Stopping);
            let started = life.row.started;
            let Some(monitor) = life.health.as_mut().filter(|_| current) else { return false };
            let early = started.is_some_and(|at| within(at, check.start_period));
            let changed = monitor.health.take(result, check.retries, early);
            (changed, monitor.health.clone())
        };
        let path = self.folder(record.id).join(FILE);
        let written = tokio::task::spawn_blocking(move || write(&path, &health)).await;
        if let Ok(Err(error)) = written {
            tracing::debug!(container = %record.id, %error, "its health could not be kept");
        }
        // Told when the next daemon would know it too.
        if let Some(status) = changed {
            self.tell(record, &format!("health_status: {}", status.as_str()), &[]);
        }
        true
    }
}

/// Less than `period` has passed since.
fn within(at: Timestamp, period: Duration) -> bool {
    Duration::try_from(Timestamp::now().duration_since(at)).is_ok_and(|passed| passed < period)
}

/// Checks a container's health until its run ends.
async fn follow(core: Arc<Core>, record: Arc<Record>, run: u64, check: Check) {
    loop {
        let early = {
            let life = record.life();
            let starting = life.health.as_ref().is_some_and(|it| it.health.status == HealthStatus::Starting);
            starting && life.row.started.is_some_and(|at| within(at, check.start_period))
        };
        let wait = if early { check.start_interval } else { check.interval };
        tokio::select! {
            () = core.ending.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let result = core.probe(&record, &check).await;
        if !core.note_health(&record, run, result, &check).await {
            return;
        }
    }
}

fn read(path: &Path) -> Option<Health> {
    serde_json::from_slice(&fs_err::read(path).ok()?).ok()
}

/// Not synced: what a power cut loses, the next check tells again.
fn write(path: &Path, health: &Health) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs_err::write(&temporary, serde_json::to_vec(health)?)?;
    fs_err::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(exit_code: i32) -> HealthResult {
        let at = Timestamp::UNIX_EPOCH;
        HealthResult { start: at, end: at, exit_code, output: String::new() }
    }

    #[test]
    fn failures_count_after_the_start_period_and_until_one_passes() {
        let mut health = Health::default();
        assert_eq!(health.take(result(1), 2, true), None);
        assert_eq!((health.failing_streak, health.status), (0, HealthStatus::Starting));
        assert_eq!(health.take(result(1), 2, false), None);
        assert_eq!(health.take(result(1), 2, false), Some(HealthStatus::Unhealthy));
        assert_eq!(health.take(result(0), 2, false), Some(HealthStatus::Healthy));
        assert_eq!(health.failing_streak, 0);
        // Once it was healthy, the start period is over.
        assert_eq!(health.take(result(1), 1, true), Some(HealthStatus::Unhealthy));
        assert_eq!(health.log.len(), MAX_RESULTS);
    }

    #[test]
    fn the_requests_check_goes_over_the_images_field_by_field() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let theirs = Healthcheck { test: words("CMD-SHELL well"), interval: 5_000_000_000, ..Healthcheck::default() };
        let mut image = ImageConfig { healthcheck: Some(theirs), ..ImageConfig::default() };
        let mut spec = ContainerSpec::default();
        let of_image = check(&spec, &image).unwrap();
        assert_eq!(
            (of_image.argv, of_image.interval, of_image.retries),
            (words("/bin/sh -c well"), INTERVAL / 6, RETRIES)
        );
        image.shell = Some(words("/shell -x"));
        spec.healthcheck = Some(Healthcheck { retries: 1, ..Healthcheck::default() });
        let merged = check(&spec, &image).unwrap();
        assert_eq!((merged.argv, merged.retries), (words("/shell -x well"), 1));
        spec.healthcheck = Some(Healthcheck { test: words("CMD /probe a"), ..Healthcheck::default() });
        assert_eq!(check(&spec, &image).unwrap().argv, words("/probe a"));
        spec.healthcheck = Some(Healthcheck { test: words("NONE"), ..Healthcheck::default() });
        assert_eq!(check(&spec, &image), None);
        assert_eq!(check(&ContainerSpec::default(), &ImageConfig::default()), None);
    }
}
