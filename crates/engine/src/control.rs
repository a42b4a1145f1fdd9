//! Control of running containers: stop, kill, restart, pause, resize, attach, wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sprat_sandbox::{Stop, Usage};
use sprat_worker::{Attachment, ClientError};

use crate::core::Core;
use crate::placement::Worker;
use crate::record::Record;
use crate::signal::Signal;
use crate::state::{Action, Input, Refusal, State};
use crate::{AttachOptions, EngineError, EventKind, StopOptions, WaitCondition};

/// Seconds between the stop signal and KILL when nobody names any.
const STOP_TIMEOUT_S: u32 = 10;
/// Workers that an attachment is tried with, before its container's start.
const ATTACH_TRIES: u32 = 3;
/// How long a killed guest may take to end before its worker is given up on.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

impl Core {
    /// Stops a container: a signal, then KILL after the timeout.
    pub(crate) async fn stop(self: Arc<Self>, record: Arc<Record>, options: StopOptions) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        self.stop_locked(&record, &options).await
    }

    async fn stop_locked(self: &Arc<Self>, record: &Arc<Record>, options: &StopOptions) -> Result<(), EngineError> {
        let own = || Duration::from_secs(u64::from(record.spec.stop_timeout_s.unwrap_or(STOP_TIMEOUT_S)));
        let signal = Signal::parse(options.signal.as_ref().unwrap_or(&record.settled.stop_signal))?;
        let exit = record.life().wait(WaitCondition::NextExit);
        if !self.ask(record, Input::Stop, signal, signal.as_stop()).await? {
            return Ok(());
        }
        if tokio::time::timeout(options.timeout.unwrap_or_else(own), exit).await.is_err() {
            self.force(record).await?;
        }
        self.tell(record, "stop", &[]);
        Ok(())
    }

    /// Kills a container and waits for its end.
    async fn force(self: &Arc<Self>, record: &Arc<Record>) -> Result<(), EngineError> {
        let exit = record.life().wait(WaitCondition::NotRunning);
        match self.ask(record, Input::Kill, Signal::KILL, Stop::Kill).await {
            Ok(_) => {}
            Err(EngineError::State { .. } | EngineError::NotModified) => return Ok(()),
            Err(error) => return Err(error),
        }
        match tokio::time::timeout(KILL_PATIENCE, exit).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let message =
                    format!("container {} did not end within {} s of KILL", record.id, KILL_PATIENCE.as_secs());
                Err(EngineError::State { message })
            }
        }
    }

    /// Steps the state machine and passes the request to the worker. False: there was no guest to ask.
    async fn ask(
        self: &Arc<Self>,
        record: &Arc<Record>,
        input: Input,
        signal: Signal,
        stop: Stop,
    ) -> Result<bool, EngineError> {
        let actions = {
            let mut life = record.life();
            check_answering(&life)?;
            let (state, actions) = life.row.state.step(input).map_err(|refusal| kill_refused(record, refusal))?;
            life.row.state = state;
            if input != Input::Signal {
                life.row.by_hand = !self.is_stopping();
            }
            if actions.contains(&Action::CancelRestart)
                && let Some(timer) = life.timer.take()
            {
                timer.abort();
            }
            actions
        };
        self.persist(record);
        if actions.contains(&Action::CancelRestart) {
            record.life().wake_exited();
            return Ok(false);
        }
        self.tell(record, "kill", &[("signal", signal.number().to_string())]);
        let (worker, guest) = self.guest(record)?;
        let asked = worker.client.stop(&guest, stop).await;
        if matches!(asked, Err(ClientError::Silent { .. })) && input != Input::Signal && worker.is_for_one() {
            // It was to end, and nobody else is in there.
            tracing::warn!(container = %record.id, worker = worker.name, "its worker does not answer and is killed");
            worker.client.kill();
            return Ok(true);
        }
        tolerate(&worker, asked)?;
        if actions.contains(&Action::Resume) {
            tolerate(&worker, worker.client.pause(&guest, false).await)?;
        }
        Ok(true)
    }

    /// Sends a signal.
    pub(crate) async fn kill(self: Arc<Self>, record: Arc<Record>, signal: String) -> Result<(), EngineError> {
        let text = if signal.is_empty() { "KILL" } else { &signal };
        let signal = Signal::parse(text)?;
        let _op = record.op.lock().await;
        let fatal = signal == Signal::KILL || Some(signal) == Signal::parse(&record.settled.stop_signal).ok();
        let input = if fatal { Input::Kill } else { Input::Signal };
        if let Some(stop) = signal.effect() {
            return self.ask(&record, input, signal, stop).await.map(drop);
        }
        record.life().row.state.step(Input::Signal).map_err(|refusal| kill_refused(&record, refusal))?;
        tracing::warn!(container = %record.id, signal = text, "guests have no signals: only KILL, TERM and INT have an effect");
        self.tell(&record, "kill", &[("signal", signal.number().to_string())]);
        Ok(())
    }

    /// Stops and starts a container.
    pub(crate) async fn restart(self: Arc<Self>, record: Arc<Record>, options: StopOptions) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        match self.stop_locked(&record, &options).await {
            Ok(()) | Err(EngineError::NotModified) => {}
            Err(error) => return Err(error),
        }
        self.start_locked(&record, Input::Start).await?;
        self.tell(&record, "restart", &[]);
        Ok(())
    }

    /// Holds a container, or lets it go on.
    pub(crate) async fn pause(self: Arc<Self>, record: Arc<Record>, paused: bool) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        let input = if paused { Input::Pause } else { Input::Unpause };
        record.life().row.state.step(input).map_err(|refusal| record.refused(refusal))?;
        let (worker, guest) = self.guest(&record)?;
        worker.client.pause(&guest, paused).await.map_err(|error| unanswered(&record, error))?;
        {
            // It may have ended meanwhile.
            let mut life = record.life();
            life.row.state = life.row.state.step(input).map_err(|refusal| record.refused(refusal))?.0;
        }
        self.persist(&record);
        if paused {
            Self::unwatch_health(&record);
        } else {
            self.watch_health(&record, false);
        }
        self.tell(&record, if paused { "pause" } else { "unpause" }, &[]);
        Ok(())
    }

    /// The worker and the guest of a container that runs.
    pub(crate) fn guest(&self, record: &Record) -> Result<(Arc<Worker>, String), EngineError> {
        let life = record.life();
        check_answering(&life)?;
        let worker = life.place.as_ref().filter(|_| life.row.state.is_live()).map(|place| Arc::clone(place.worker()));
        let run = life.row.run;
        drop(life);
        worker.map(|worker| (worker, record.guest_id(run))).ok_or_else(|| record.refused(Refusal::NotRunning))
    }

    /// A running container's files were changed from here: its guest must not go on from what it knew.
    pub(crate) async fn files_changed(&self, record: &Record) {
        let Ok((worker, guest)) = self.guest(record) else { return };
        if let Err(error) = worker.client.refresh(&guest).await {
            tracing::debug!(container = %record.id, %error, "its guest was not told of changed files");
        }
    }

    /// Kills a container if it runs, so that it can be removed. Its operation lock is held.
    pub(crate) async fn kill_for_removal(self: &Arc<Self>, record: &Arc<Record>) -> Result<(), EngineError> {
        let state = record.life().row.state;
        if state.is_live() || state == State::Restarting {
            self.force(record).await?;
        }
        Ok(())
    }

    /// Begins to wait at once.
    pub(crate) fn wait(record: &Record, condition: WaitCondition) -> BoxFuture<'static, (i64, Option<String>)> {
        let receiver = record.life().wait(condition);
        async move { receiver.await.unwrap_or((-1, Some("the daemon is ending".to_owned()))) }.boxed()
    }

    /// Attaches to a container that runs or will be started; the worker of its next run is chosen now.
    pub(crate) async fn attach(
        self: Arc<Self>,
        record: Arc<Record>,
        options: AttachOptions,
    ) -> Result<Attachment, EngineError> {
        let stdin = options.stdin && record.spec.open_stdin;
        let running = match self.guest(&record) {
            Ok((worker, guest)) => match worker.client.attach(&guest, stdin).await {
                // As if the client had come a moment later.
                Err(ClientError::Ended(_)) => {
                    self.exit_of(&record, &guest).await;
                    None
                }
                attached => Some(attached),
            },
            Err(_) => None,
        };
        let attached = match running {
            Some(attached) => attached,
            None => {
                // Until it is attached nobody else may start it: an attachment that came after a failed start would wait
                // for ever.
                let _op = record.op.lock().await;
                self.attach_before(&record, stdin).await?
            }
        };
        let attachment = attached.map_err(|error| unanswered(&record, error))?;
        let attributes = self.event_attributes(&record);
        let life = record.life();
        // Told under the lock, and not of what is being removed: nothing follows a removal.
        if !matches!(life.row.state, State::Removing | State::Gone) {
            self.bus.tell(EventKind::Container, "attach", record.id.to_string(), attributes);
        }
        drop(life);
        Ok(attachment)
    }

    /// Waits until the exit of a run is known here, which its worker told already: it is on the way.
    async fn exit_of(&self, record: &Record, ended: &str) {
        // Listening before the look: an exit after it is not missed.
        let exit = record.life().wait(WaitCondition::NextExit);
        if self.guest(record).is_ok_and(|(_, guest)| guest == ended) {
            // Without an answer the daemon ends.
            let _ = exit.await;
        }
    }

    /// Attaches to the next run, in a worker that answers. The operation lock is held.
    async fn attach_before(
        self: &Arc<Self>,
        record: &Arc<Record>,
        stdin: bool,
    ) -> Result<Result<Attachment, ClientError>, EngineError> {
        let mut tries = ATTACH_TRIES;
        loop {
            tries -= 1;
            let (worker, guest) = self.reserve(record).await?;
            let attached = worker.client.attach(&guest, stdin).await;
            let lost = matches!(attached, Err(ClientError::Silent { .. } | ClientError::Gone(_)));
            if !lost || tries == 0 || record.life().row.state.is_live() {
                return Ok(attached);
            }
            // A place in there is worth nothing.
            record.life().place = None;
        }
    }

    /// The guest that runs, or a place for the next run. The operation lock is held.
    async fn reserve(self: &Arc<Self>, record: &Arc<Record>) -> Result<(Arc<Worker>, String), EngineError> {
        if let Ok(running) = self.guest(record) {
            return Ok(running);
        }
        let next = {
            let life = record.life();
            // Its run goes on: there is no next one to wait for.
            check_answering(&life)?;
            match life.row.state {
                State::Restarting => return Err(record_refused(record, life, Refusal::Restarting)),
                State::Removing | State::Dead | State::Gone => {
                    return Err(record_refused(record, life, Refusal::Removed));
                }
                _ => life.row.run + 1,
            }
        };
        let reserved = record.life().place.take().filter(|place| place.is_alive() && place.answers());
        let place = match reserved {
            Some(place) => place,
            None => self.find_place(record).await?,
        };
        let worker = Arc::clone(place.worker());
        record.life().place = Some(place);
        Ok((worker, record.guest_id(next)))
    }

    /// Sets the terminal's size, also of a container that is not started yet.
    pub(crate) async fn resize(&self, record: &Record, columns: u16, rows: u16) -> Result<(), EngineError> {
        record.life().size = Some((columns, rows));
        let (worker, guest) = match self.guest(record) {
            Ok(running) => running,
            // Clients size the terminal before they start.
            Err(_) if record.life().row.state == State::Created => return Ok(()),
            Err(error) => return Err(error),
        };
        tolerate(&worker, worker.client.resize(&guest, columns, rows).await)
    }

    /// What a container uses; nothing when it doesn't run.
    pub(crate) async fn usage(&self, record: &Record) -> Result<Usage, EngineError> {
        match self.guest(record) {
            Ok((worker, guest)) => Ok(worker.client.usage(&guest).await.unwrap_or_default()),
            Err(_) => Ok(Usage::default()),
        }
    }
}

/// Refuses what needs the worker of a run whose worker did not answer when this daemon looked for it.
fn check_answering(life: &crate::record::Life) -> Result<(), EngineError> {
    match &life.row.worker {
        Some(worker)
            if life.place.is_none() && life.row.state.is_live() && !matches!(life.row.state, State::Starting(_)) =>
        {
            Err(EngineError::Worker(format!(
                "worker {worker} that runs this container does not answer; it is asked again every few seconds: try \
                 again later, or end the worker's process, and its containers with it"
            )))
        }
        _ => Ok(()),
    }
}

fn record_refused(
    record: &Record,
    life: parking_lot::MutexGuard<'_, crate::record::Life>,
    refusal: Refusal,
) -> EngineError {
    // The text may need the name, which is behind the same lock.
    drop(life);
    record.refused(refusal)
}

fn kill_refused(record: &Record, refusal: Refusal) -> EngineError {
    match refusal {
        Refusal::NotRunning => EngineError::State { message: format!("Container {} is not running", record.id) },
        other => record.refused(other),
    }
}

/// Why a worker did not do what was asked: the container may have ended just now.
fn unanswered(record: &Record, error: ClientError) -> EngineError {
    match error {
        // A worker that is gone ended all of its containers; their exits are on the way.
        ClientError::Ended(_) | ClientError::Gone(_) => record.refused(Refusal::NotRunning),
        other => EngineError::Worker(other.to_string()),
    }
}

/// A guest or worker that is gone already has ended: its exit is on the way.
pub(crate) fn tolerate(worker: &Worker, result: Result<(), ClientError>) -> Result<(), EngineError> {
    match result {
        Err(error @ ClientError::Silent { .. }) => Err(EngineError::Worker(format!(
            "{error}: try again later, or end its process {}, and its containers with it",
            worker.client.pid()
        ))),
        Ok(()) | Err(ClientError::Gone(_) | ClientError::Ended(_) | ClientError::Refused { .. }) => Ok(()),
        Err(error) => Err(EngineError::Worker(error.to_string())),
    }
}
