//! The owner's side: starts workers, finds running ones, drives them.
//!
//! A [`Client`] is one connection; its requests overlap. It ends when the worker closes it, which is the worker's end:
//! then the exits that the worker recorded and could not tell come as events, and [`Event::Gone`] last. Dropping all
//! clones of a client closes the connection and leaves the worker running.

mod attachment;
mod further;
mod link;
mod process;
mod spawn;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sprat_sandbox::{Exit, Stop, Usage, User};
use tokio::sync::mpsc;

pub use attachment::Attachment;

use crate::wire::{
    AttachRequest, ListPage, ListRequest, Named, Op, PauseRequest, PeerRequest, Refusal, ResizeRequest, StopRequest,
    code,
};
use crate::{GuestId, GuestState, GuestStatus, NetworkChange, StartRequest, WorkerOptions};
use link::{ANSWER, Link, START};

/// How to start a worker process: the program `sprat` and its hidden verb.
#[derive(Debug, Clone)]
pub struct SpawnCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments before the options' JSON.
    pub args: Vec<String>,
    /// File that takes the worker's stderr.
    pub stderr: PathBuf,
}

/// What a worker tells without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A guest ended.
    Exited {
        /// Which.
        id: GuestId,
        /// How.
        exit: Exit,
        /// When, in nanoseconds since 1970.
        at_ns: i64,
        /// What it used in all.
        usage: Usage,
    },
    /// A guest wants to start a program of its files and waits for [`Client::supply`].
    Wanted {
        /// Names the question.
        ticket: u64,
        /// The guest in whose container it is to run.
        id: GuestId,
        /// Absolute path in the container, without links.
        path: String,
        /// Whom it will run as.
        user: User,
    },
    /// The worker is gone: its guests are lost. The last event.
    Gone,
}

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The worker is gone.
    #[error("worker {0} is gone")]
    Gone(String),
    /// The worker did not come up.
    #[error("worker {name} did not start: {reason}")]
    Spawn {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It may well run, but does not answer: it is held, or the machine is too busy, or this process can't reach it. Its
    /// guests are not lost; ask again later.
    #[error("worker {name} does not answer: {reason}; its containers are left as they are")]
    Silent {
        /// Its name.
        name: String,
        /// What was tried and failed.
        reason: String,
    },
    /// It has no place left.
    #[error("worker {0} has no place left")]
    Full(String),
    /// The program needs what workers do not offer.
    #[error("the program needs what Sprat does not offer: {0}")]
    Unsupported(String),
    /// The guest has ended.
    #[error("{0}")]
    Ended(String),
    /// It refused the request.
    #[error("{message}")]
    Refused {
        /// A stable code.
        code: String,
        /// What happened.
        message: String,
    },
}

impl ClientError {
    fn refused(worker: &str, refusal: Refusal) -> Self {
        match &*refusal.code {
            code::FULL => Self::Full(worker.to_owned()),
            code::UNSUPPORTED => Self::Unsupported(refusal.message),
            code::ENDED => Self::Ended(refusal.message),
            _ => Self::Refused { code: refusal.code.into_owned(), message: refusal.message },
        }
    }
}

/// A connection to one worker. Cheap to clone. Requests may overlap.
#[derive(Debug, Clone)]
pub struct Client {
    link: Arc<Link>,
}

impl Client {
    /// Starts a worker as a session of its own and connects. Events go to `events`.
    ///
    /// # Errors
    /// It does not come up within 10 s.
    pub async fn spawn(
        command: &SpawnCommand,
        options: &WorkerOptions,
        events: mpsc::UnboundedSender<(String, Event)>,
    ) -> Result<Self, ClientError> {
        spawn::spawn(command, options).await?;
        Self::connect(&options.name, &options.socket, events).await
    }

    /// Connects to a running worker by its socket. Events are sent with the worker's name. The newest connection gets
    /// the events; what happened before is in [`Client::list`].
    ///
    /// # Errors
    /// Nobody listens there ([`ClientError::Gone`]), or who listens does not answer within 10 s
    /// ([`ClientError::Silent`]).
    pub async fn connect(
        name: &str,
        socket: &Path,
        events: mpsc::UnboundedSender<(String, Event)>,
    ) -> Result<Self, ClientError> {
        Ok(Self { link: Link::connect(name, socket, events).await? })
    }

    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.link.name()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.link.welcome().pid
    }

    /// What the kernel could not give it: `landlock`, `seccomp` …; shown in `info`.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.link.welcome().warnings.clone()
    }

    /// An answer did not come in time, and nothing came since: the worker is held, or hangs. It may go on at any time.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.link.is_silent()
    }

    /// Starts a guest. An attachment made by [`Client::attach`] before sees all its output. `sockets` are what stands for
    /// the published ports of the request's spec, in their order: listening TCP sockets and bound UDP ones. At most
    /// [`MAX_SOCKETS`] of them.
    ///
    /// # Errors
    /// See [`ClientError`]; nothing is left then. A worker that does not answer within 20 s is told to end the guest,
    /// should it start it later.
    pub async fn start(&self, request: &StartRequest, sockets: Vec<OwnedFd>) -> Result<(), ClientError> {
        self.link.will_exit_anew(&request.id);
        let asked = self.link.request_with(Op::Start, request, sockets);
        let started = self.link.within(START, Op::Start, asked).await;
        if matches!(started, Err(ClientError::Silent { .. })) {
            self.link.post(Op::Stop, StopRequest { id: request.id.clone(), why: Stop::Kill });
        }
        started
    }

    /// Changes the networks of guests that run.
    ///
    /// # Errors
    /// No such guest, or the worker is gone or does not answer within 10 s.
    pub async fn network(&self, change: &NetworkChange) -> Result<(), ClientError> {
        self.link.request_soon(Op::Network, change).await
    }

    /// Joins this worker to another of this name by one end of a pair of stream sockets, whose other end the other worker
    /// is given. What members of the same networks send each other goes through it. A newer one takes the place of an
    /// older one, whose connections are cut.
    ///
    /// # Errors
    /// The worker is gone or does not answer within 10 s.
    pub async fn peer(&self, worker: &str, socket: OwnedFd) -> Result<(), ClientError> {
        let peer = PeerRequest { worker: worker.to_owned() };
        self.link.within(ANSWER, Op::Peer, self.link.request_with(Op::Peer, peer, vec![socket])).await
    }

    /// Attaches to a guest that runs, or that will be started under this id (docker attaches before it starts).
    ///
    /// # Errors
    /// The worker is gone or does not answer within 10 s, or the guest has ended.
    pub async fn attach(&self, id: &str, stdin: bool) -> Result<Attachment, ClientError> {
        attachment::attach(&self.link, &AttachRequest { id: id.to_owned(), stdin }).await
    }

    /// Asks a guest to end. One that ended already is left as it is.
    ///
    /// # Errors
    /// No such guest, or the worker is gone or does not answer within 10 s.
    pub async fn stop(&self, id: &str, why: Stop) -> Result<(), ClientError> {
        self.link.request_soon(Op::Stop, StopRequest { id: id.to_owned(), why }).await
    }

    /// Holds a guest, or lets it go on.
    ///
    /// # Errors
    /// No such guest, it ended, or the worker is gone or does not answer within 10 s.
    pub async fn pause(&self, id: &str, paused: bool) -> Result<(), ClientError> {
        self.link.request_soon(Op::Pause, PauseRequest { id: id.to_owned(), paused }).await
    }

    /// Sets the size of a guest's terminal (columns, rows).
    ///
    /// # Errors
    /// No such guest, no terminal, or the worker is gone or does not answer within 10 s.
    pub async fn resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), ClientError> {
        self.link.request_soon(Op::Resize, ResizeRequest { id: id.to_owned(), columns, rows }).await
    }

    /// All guests in the order of their ids, ended ones included until they are forgotten.
    ///
    /// # Errors
    /// The worker is gone, or does not answer within 10 s.
    pub async fn list(&self) -> Result<Vec<GuestStatus>, ClientError> {
        let mut guests: Vec<GuestStatus> = Vec::new();
        loop {
            let after = guests.last().map(|guest| guest.id.clone());
            let mut page: ListPage = self.link.request_soon(Op::List, ListRequest { after }).await?;
            let stuck = page.guests.is_empty();
            guests.append(&mut page.guests);
            if !page.more || stuck {
                break;
            }
        }
        let ended = guests.iter().filter(|guest| matches!(guest.state, GuestState::Exited { .. }));
        self.link.exits_known(ended.map(|guest| guest.id.clone()));
        Ok(guests)
    }

    /// One guest's use.
    ///
    /// # Errors
    /// No such guest, or the worker is gone or does not answer within 10 s.
    pub async fn usage(&self, id: &str) -> Result<Usage, ClientError> {
        self.link.request_soon(Op::Usage, Named { id: id.to_owned() }).await
    }

    /// The owner has recorded this guest's exit durably; the worker may drop it. The attachments of a guest that never
    /// was started end.
    ///
    /// # Errors
    /// It still runs, or the worker is gone or does not answer within 10 s.
    pub async fn forget(&self, id: &str) -> Result<(), ClientError> {
        self.link.request_soon::<()>(Op::Forget, Named { id: id.to_owned() }).await?;
        self.link.exit_forgotten(id);
        Ok(())
    }

    /// Exits that are known and not forgotten.
    #[cfg(test)]
    pub(crate) fn exits_remembered(&self) -> usize {
        self.link.exits_remembered()
    }

    /// Ends the worker; guests still running are killed, and their exits are told before this returns. One that does
    /// not end is killed by the kernel: guests of it are lost then. In any case [`Event::Gone`] follows.
    ///
    /// # Errors
    /// It is gone already, or had to be killed, or is part of this process and does not answer within 10 s.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        // Nothing is to be hoped for from one that is silent already.
        let patience = if self.is_silent() { Duration::ZERO } else { ANSWER };
        let asked = self.link.request_within(patience, Op::Shutdown, ()).await;
        let Some(process) = self.link.process() else { return asked };
        let held = matches!(asked, Err(ClientError::Silent { .. }));
        if !held && (process.ended().await || asked.is_err()) {
            return asked;
        }
        process.kill();
        process.ended().await;
        asked
    }

    /// Ends the worker's process at once, whatever it does; its guests are lost. [`Event::Gone`] follows.
    pub fn kill(&self) {
        if let Some(process) = self.link.process() {
            process.kill();
        }
    }

    /// Exits that a worker recorded and nobody forgot, read from its journal; for workers that are gone.
    /// (id, exit, nanoseconds since 1970)
    #[must_use]
    pub fn journal(path: &Path) -> Vec<(GuestId, Exit, i64)> {
        crate::journal::read(path).into_iter().map(|(id, (exit, at_ns))| (id, exit, at_ns)).collect()
    }
}
