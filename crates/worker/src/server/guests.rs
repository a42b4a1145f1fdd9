//! What requests do with guests, and what follows their end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sprat_program::ProgramError;
use sprat_sandbox::{Exit, SandboxError, Stdio, Stop};

use super::Server;
use super::programs::Asker;
use crate::entry::{Ended, Entry, Live};
use crate::host::{Host, Running};
use crate::input::InputMode;
use crate::log::LogWriter;
use crate::outbox::Outbox;
use crate::terminal::Terminal;
use crate::wire::{Exited, ID_BYTES, Refusal, ResizeRequest, TRAP_BYTES, code};
use crate::{GuestId, StartRequest};

/// How long a terminal may take to give what the guest wrote last.
const DRAIN: Duration = Duration::from_secs(1);

/// A guest that was started and is not watched yet.
pub(super) struct Started<H: Host> {
    entry: Arc<Entry<H::Guest>>,
    wall_clock: Option<Duration>,
}

/// A guest that wants a place in the table.
pub(super) struct Admission<'a> {
    pub(super) id: &'a str,
    pub(super) within: Option<GuestId>,
    /// It has a terminal, of this size in columns and rows.
    pub(super) terminal: Option<Option<(u16, u16)>>,
    pub(super) from: &'a Outbox,
}

impl<H: Host> Server<H> {
    /// Starts a guest for who is at `from`; the caller must [`Self::watch`] it.
    pub(super) async fn start(self: &Arc<Self>, request: StartRequest, from: &Outbox) -> Result<Started<H>, Refusal> {
        let StartRequest { id, spec, log, open_stdin, stdin_once, size } = request;
        check_id(&id)?;
        let (entry, live) =
            self.admit(Admission { id: &id, within: None, terminal: spec.tty.then_some(size), from })?;
        let log = log.map(|options| LogWriter::new(options, Arc::clone(&self.open_logs)));
        live.streams.configure(log, input_mode(open_stdin, stdin_once, spec.tty));
        let stdio = self.connect(&entry, &live, open_stdin);
        let wall_clock = Some(spec.limits.wall_clock_ms).filter(|ms| *ms > 0).map(Duration::from_millis);
        let resolver = Arc::new(Asker { server: Arc::downgrade(self), id });
        let started = self.host.start(spec, stdio, resolver).await;
        Ok(Started { wall_clock, ..self.settle(entry, &live, started)? })
    }

    /// Gives a guest that is about to be started its place.
    pub(super) fn admit(&self, admission: Admission<'_>) -> Result<(Arc<Entry<H::Guest>>, Live), Refusal> {
        let Admission { id, within, terminal, from } = admission;
        if self.is_ending() {
            return Err(Refusal::new(code::ENDING, "this worker is ending; start the guest on another one"));
        }
        let entry = {
            let _owner = self.owner.lock();
            if from.is_broken() {
                return Err(Refusal::new(code::SUPERSEDED, "another owner took this worker over"));
            }
            self.table.claim(id, within.as_deref(), |streams| {
                let terminal = terminal.map(open_terminal).transpose()?;
                let live = Live { streams, terminal };
                Ok(Entry::starting(id.to_owned(), within.clone(), now_ns(), live))
            })?
        };
        let live = entry.live().map_err(|Ended| gone(id))?;
        self.activity.enter();
        Ok((entry, live))
    }

    /// Notes that a guest runs, or that it could not be started; then nothing of it stays.
    pub(super) fn settle(
        &self,
        entry: Arc<Entry<H::Guest>>,
        live: &Live,
        started: Result<H::Guest, SandboxError>,
    ) -> Result<Started<H>, Refusal> {
        match started {
            Ok(guest) => {
                entry.started(guest);
                Ok(Started { entry, wall_clock: None })
            }
            Err(error) => {
                self.table.release(&entry.id);
                if let Some(terminal) = &live.terminal {
                    terminal.hang_up();
                }
                live.streams.finish();
                self.activity.leave();
                Err(refusal(&error))
            }
        }
    }

    /// Joins a guest's streams, through its terminal if it has one.
    pub(super) fn connect(self: &Arc<Self>, entry: &Arc<Entry<H::Guest>>, live: &Live, open_stdin: bool) -> Stdio {
        let Some(terminal) = &live.terminal else {
            let input = open_stdin.then(|| Arc::clone(&live.streams) as Arc<dyn sprat_sandbox::Input>);
            return Stdio { input, output: Arc::clone(&live.streams) as Arc<dyn sprat_sandbox::Output> };
        };
        let (server, entry) = (Arc::downgrade(self), Arc::downgrade(entry));
        let (carrier, streams) = (Arc::clone(terminal), Arc::clone(&live.streams));
        tokio::spawn(async move {
            let stop = |why| {
                if let (Some(server), Some(entry)) = (server.upgrade(), entry.upgrade()) {
                    server.stop_from_terminal(&entry, why);
                }
            };
            carrier.run(&streams, stop).await;
            // The end of the terminal is the end of the streams; the exit waits for it.
            streams.finish();
        });
        Stdio { input: Some(Arc::clone(terminal) as _), output: Arc::clone(terminal) as _ }
    }

    /// Sees a guest to its end, in a task of its own.
    pub(super) fn watch(self: &Arc<Self>, started: Started<H>) {
        let (server, Started { entry, wall_clock }) = (Arc::clone(self), started);
        if let Some(limit) = wall_clock
            && !self.options.shared
        {
            self.watch_clock(&entry, limit);
        }
        tokio::spawn(async move {
            if let Some(guest) = entry.guest() {
                let exit = guest.wait().await;
                drop(guest);
                server.guest_ended(&entry, exit).await;
            }
        });
    }

    /// Ends a guest that can't be interrupted at its time limit: the sandbox has no way to.
    fn watch_clock(self: &Arc<Self>, entry: &Arc<Entry<H::Guest>>, limit: Duration) {
        let (server, entry) = (Arc::clone(self), Arc::downgrade(entry));
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            if let Some(entry) = entry.upgrade() {
                server.end_with_guest(&entry, Exit::TimedOut).await;
            }
        });
    }

    /// Completes the log, records the exit, and only then tells the owner.
    pub(super) async fn guest_ended(&self, entry: &Entry<H::Guest>, exit: Exit) {
        if let Ok(live) = entry.live() {
            finish_streams(&live).await;
        }
        let (exit, at_ns) = (bounded(exit), now_ns());
        let record = |exit: &Exit| {
            if entry.within.is_none()
                && let Err(error) = self.journal.lock().exited(&entry.id, exit, at_ns)
            {
                tracing::error!(%error, guest = entry.id, "cannot record an exit");
            }
        };
        if let Some(usage) = entry.ended(exit.clone(), at_ns, record) {
            self.announce(Exited { id: entry.id.clone(), exit, at_ns, usage });
            self.table.ended(entry);
            self.activity.leave();
        }
    }

    pub(super) fn stop(self: &Arc<Self>, id: &str, why: Stop) -> Result<(), Refusal> {
        let entry = self.table.get(id)?;
        self.stop_entry(&entry, why);
        Ok(())
    }

    /// Someone typed a character that ends programs. Those that a guest started end by it; a guest that starts others is
    /// a shell, and goes on.
    fn stop_from_terminal(self: &Arc<Self>, entry: &Arc<Entry<H::Guest>>, why: Stop) {
        if !entry.guest().is_some_and(|guest| guest.interrupt_children()) {
            self.stop_entry(entry, why);
        }
    }

    /// Asks a guest to end. One that can't be interrupted takes the process with it.
    fn stop_entry(self: &Arc<Self>, entry: &Arc<Entry<H::Guest>>, why: Stop) {
        // Further processes are always interruptible.
        if entry.stop(why) == Err(Ended) || self.options.shared || entry.within.is_some() {
            return;
        }
        let (server, entry) = (Arc::clone(self), Arc::clone(entry));
        tokio::spawn(async move { server.end_with_guest(&entry, signalled(why)).await });
    }

    pub(super) fn pause(&self, id: &str, paused: bool) -> Result<(), Refusal> {
        self.table.get(id)?.pause(paused).map_err(|Ended| gone(id))
    }

    pub(super) fn resize(&self, request: &ResizeRequest) -> Result<(), Refusal> {
        let live = self.table.get(&request.id)?.live().map_err(|Ended| gone(&request.id))?;
        let Some(terminal) = live.terminal else {
            return Err(Refusal::new(code::NO_TERMINAL, format!("guest {} has no terminal", request.id)));
        };
        terminal
            .resize(request.columns, request.rows)
            .map_err(|error| Refusal::new(code::TERMINAL, format!("cannot resize the terminal: {error}")))
    }

    pub(super) fn forget(&self, id: &str) -> Result<(), Refusal> {
        if self.table.forget(id)?
            && let Err(error) = self.journal.lock().forgotten(id)
        {
            tracing::error!(%error, guest = id, "cannot record that an exit is forgotten");
        }
        Ok(())
    }
}

/// Completes the log and lets the attachments end.
async fn finish_streams(live: &Live) {
    if let Some(terminal) = &live.terminal {
        live.streams.drain();
        terminal.hang_up();
        // Past that the terminal is stuck, and what it holds is lost.
        let _ = tokio::time::timeout(DRAIN, live.streams.finished()).await;
    }
    live.streams.finish();
}

/// The exit of a guest that a request ended.
pub(super) const fn signalled(why: Stop) -> Exit {
    Exit::Signalled(match why {
        Stop::Kill => 137,
        Stop::Terminate => 143,
        Stop::Interrupt => 130,
    })
}

fn bounded(mut exit: Exit) -> Exit {
    if let Exit::Trap(text) | Exit::OutOfMemory(text) | Exit::Failed(text) = &mut exit {
        text.truncate(text.floor_char_boundary(TRAP_BYTES));
    }
    exit
}

pub(super) const fn input_mode(open: bool, once: bool, tty: bool) -> InputMode {
    match (open, once) {
        (false, _) => InputMode::Closed,
        // A terminal's input ends with ^D, not with an attachment.
        (true, true) if !tty => InputMode::Once,
        (true, _) => InputMode::Open,
    }
}

fn open_terminal(size: Option<(u16, u16)>) -> Result<Arc<Terminal>, Refusal> {
    Terminal::open(size)
        .map(Arc::new)
        .map_err(|error| Refusal::new(code::TERMINAL, format!("cannot open a pseudo-terminal: {error}")))
}

pub(super) fn check_id(id: &str) -> Result<(), Refusal> {
    if id.is_empty() || id.len() > ID_BYTES {
        let message = format!("a guest's id has 1 to {ID_BYTES} bytes, not {}", id.len());
        return Err(Refusal::new(code::INVALID_ID, message));
    }
    Ok(())
}

pub(super) fn gone(id: &str) -> Refusal {
    Refusal::new(code::ENDED, format!("guest {id} has ended"))
}

fn refusal(error: &SandboxError) -> Refusal {
    let code = match error {
        SandboxError::Full(_) => code::FULL,
        SandboxError::Program(ProgramError::Unsupported(what)) => return Refusal::new(code::UNSUPPORTED, what.clone()),
        SandboxError::Program(_) => code::PROGRAM,
        SandboxError::Mount { .. } => code::MOUNT,
        SandboxError::WorkingDir { .. } => code::WORKING_DIR,
        SandboxError::Tree(_) => code::TREE,
        SandboxError::NotACommand(_) => code::NOT_A_COMMAND,
        SandboxError::TooManyProcesses(_) => code::PROCESSES,
        SandboxError::Ended => code::ENDED,
    };
    Refusal::new(code, error.to_string())
}

pub(super) fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
