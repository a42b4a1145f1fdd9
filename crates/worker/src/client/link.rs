//! [`Link`]: the connection behind a client.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sprat_sandbox::{Usage, Wanted};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::process::WorkerProcess;
use super::{ClientError, Event};
use crate::frame::{self, Oversized};
use crate::outbox::{Outbox, read_some};
use crate::wire::{
    Answer, AnswerTo, Exited, Hello, IncomingHead, MAX_SOCKETS, Op, PROTOCOL, Refusal, Request, WantedProgram, Welcome,
    code,
};
use crate::{GuestId, journal};

/// How long a worker may take for what it answers at once.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// How long a worker that did not answer the last question may take for the next one.
const SILENT: Duration = Duration::from_secs(1);

/// How long a worker may take to start a guest: the code is there already, but the machine may be busy.
pub(super) const START: Duration = Duration::from_secs(20);

type Events = mpsc::UnboundedSender<(String, Event)>;

/// The connection behind a client. Closed when dropped.
#[derive(Debug)]
pub(super) struct Link {
    socket: PathBuf,
    next: AtomicU64,
    process: Option<Arc<WorkerProcess>>,
    shared: Arc<Shared>,
}

/// What the task that reads shares with the callers.
#[derive(Debug)]
struct Shared {
    name: String,
    outbox: Outbox,
    welcome: OnceLock<Welcome>,
    calls: Mutex<Calls>,
    /// An answer did not come in time, and nothing came since.
    silent: AtomicBool,
}

#[derive(Debug, Default)]
struct Calls {
    /// The worker is gone, or nobody uses the link any more.
    closed: bool,
    /// Nobody uses the link any more.
    abandoned: bool,
    waiting: HashMap<u64, oneshot::Sender<Result<Bytes, Refusal>>>,
    /// Guests whose exit the owner knows; what else the journal has is told when the worker is gone.
    known: HashSet<GuestId>,
}

impl Link {
    pub(super) async fn connect(name: &str, socket: &Path, events: Events) -> Result<Arc<Self>, ClientError> {
        let stream = connect(name, socket).await?;
        let process = WorkerProcess::of(&stream).map(Arc::new);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            outbox: Outbox::new(stream),
            welcome: OnceLock::new(),
            calls: Mutex::default(),
            silent: AtomicBool::new(false),
        });
        let link = Arc::new(Self {
            socket: socket.to_owned(),
            next: AtomicU64::new(1),
            process: process.clone(),
            shared: Arc::clone(&shared),
        });
        tokio::spawn(read(shared, process, events, socket.to_owned()));
        let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned(), owner: true };
        let welcome: Welcome = link.request_soon(Op::Hello, hello).await?;
        // Set once, here.
        let _ = link.shared.welcome.set(welcome);
        Ok(link)
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.name
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// An answer did not come in time, and nothing came since.
    pub(super) fn is_silent(&self) -> bool {
        self.shared.silent.load(Ordering::Acquire)
    }

    /// The worker's process; nothing if it is this one.
    pub(super) fn process(&self) -> Option<&WorkerProcess> {
        self.process.as_deref()
    }

    pub(super) fn welcome(&self) -> &Welcome {
        static NONE: Welcome = Welcome {
            protocol: 0,
            version: String::new(),
            name: String::new(),
            pid: 0,
            warnings: Vec::new(),
            journal: PathBuf::new(),
        };
        self.shared.welcome.get().unwrap_or(&NONE)
    }

    /// A guest is started under this id: an exit that is known is an older one's.
    pub(super) fn will_exit_anew(&self, id: &str) {
        self.shared.calls.lock().known.remove(id);
    }

    /// The owner was told of these exits.
    pub(super) fn exits_known(&self, ids: impl Iterator<Item = GuestId>) {
        self.shared.calls.lock().known.extend(ids);
    }

    /// The worker dropped this exit from its journal, so nobody can be told of it again.
    pub(super) fn exit_forgotten(&self, id: &str) {
        self.shared.calls.lock().known.remove(id);
    }

    #[cfg(test)]
    pub(super) fn exits_remembered(&self) -> usize {
        self.shared.calls.lock().known.len()
    }

    /// Asks for what a worker answers at once.
    pub(super) async fn request_soon<T: DeserializeOwned>(
        &self,
        op: Op,
        body: impl Serialize,
    ) -> Result<T, ClientError> {
        self.within(ANSWER, op, self.request(op, body)).await
    }

    /// Asks for what may take this long.
    pub(super) async fn request_within<T: DeserializeOwned>(
        &self,
        patience: Duration,
        op: Op,
        body: impl Serialize,
    ) -> Result<T, ClientError> {
        self.within(patience, op, self.request(op, body)).await
    }

    /// Waits for an answer, for at most `patience`; one that does not come makes the worker a silent one. Callers of a
    /// silent one wait a moment only: when it goes on it does what it was asked meanwhile, and is heard of again.
    pub(super) async fn within<T>(
        &self,
        patience: Duration,
        op: Op,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let patience = if self.is_silent() { patience.min(SILENT) } else { patience };
        tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| {
            self.shared.silent.store(true, Ordering::Release);
            let reason = format!("no answer to {} within {} s", op.name(), patience.as_secs());
            Err(ClientError::Silent { name: self.name().to_owned(), reason })
        })
    }

    /// Asks for what nobody waits for. It is done after all that was asked before, even by a worker that is held now.
    pub(super) fn post(&self, op: Op, body: impl Serialize) {
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        if let Ok(message) = message(seq, op, body) {
            self.shared.outbox.send(&message, &[]);
        }
    }

    async fn request<T: DeserializeOwned>(&self, op: Op, body: impl Serialize) -> Result<T, ClientError> {
        self.request_with(op, body, Vec::new()).await
    }

    /// Asks for what may take its time, handing sockets over.
    pub(super) async fn request_with<T: DeserializeOwned>(
        &self,
        op: Op,
        body: impl Serialize,
        sockets: Vec<OwnedFd>,
    ) -> Result<T, ClientError> {
        let name = self.name();
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        if sockets.len() > MAX_SOCKETS {
            let message = format!("{} sockets; a worker takes at most {MAX_SOCKETS} at once", sockets.len());
            return Err(ClientError::Refused { code: code::SOCKETS.to_owned(), message });
        }
        let message = message_with(seq, op, sockets.len(), body)?;
        let (answer, answered) = oneshot::channel();
        {
            let mut calls = self.shared.calls.lock();
            if calls.closed {
                return Err(ClientError::Gone(name.to_owned()));
            }
            calls.waiting.insert(seq, answer);
        }
        let _waiting = Waiting { shared: &self.shared, seq };
        self.shared.outbox.send_with(&message, sockets);
        // The reader drops all answers when the worker is gone.
        let answer = answered.await.map_err(|_| ClientError::Gone(name.to_owned()))?;
        let bytes = answer.map_err(|refusal| ClientError::refused(name, refusal))?;
        parse_answer(&bytes)
    }
}

/// A call that waits for its answer; it does so no more when this is dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    seq: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.calls.lock().waiting.remove(&self.seq);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut calls = self.shared.calls.lock();
        calls.abandoned = true;
        drop(calls);
        self.shared.outbox.cut();
    }
}

/// Connects to a worker's socket. What a worker that is gone left there is removed. Whoever can't be reached for any
/// other reason than that nobody is there may be there.
pub(super) async fn connect(name: &str, socket: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            // It may be removed already.
            let _ = fs_err::remove_file(socket);
            ClientError::Gone(name.to_owned())
        }
        io::ErrorKind::NotFound => ClientError::Gone(name.to_owned()),
        _ => {
            let reason = format!("cannot connect to {}: {error}", socket.display());
            ClientError::Silent { name: name.to_owned(), reason }
        }
    })
}

/// A request as it is sent.
pub(super) fn message(seq: u64, op: Op, body: impl Serialize) -> Result<Vec<u8>, ClientError> {
    message_with(seq, op, 0, body)
}

/// A request with which sockets go.
fn message_with(seq: u64, op: Op, sockets: usize, body: impl Serialize) -> Result<Vec<u8>, ClientError> {
    frame::message(&Request { seq, op: op.name(), sockets, body }).map_err(|Oversized(bytes)| ClientError::Refused {
        code: code::TOO_LARGE.to_owned(),
        message: format!(
            "the request {} has {bytes} bytes; a worker takes at most {}",
            op.name(),
            frame::MESSAGE_BYTES
        ),
    })
}

/// What a request was answered with.
pub(super) fn parse_answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    let answer: Result<Answer<T>, _> = serde_json::from_slice(bytes);
    answer.map(|answer| answer.ok).map_err(|error| {
        let Refusal { code, message } = unreadable(&error);
        ClientError::Refused { code: code.into_owned(), message }
    })
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    let message = format!("the worker's answer can't be read: {error}; it may be of another version");
    Refusal::new(code::PROTOCOL, message)
}

/// Reads until the worker or the client is gone.
async fn read(shared: Arc<Shared>, process: Option<Arc<WorkerProcess>>, events: Events, socket: PathBuf) {
    let end = tokio::select! {
        end = read_messages(&shared, &events) => end,
        () = shared.outbox.run(|| ()) => End::Closed,
    };
    let (abandoned, known) = {
        let mut calls = shared.calls.lock();
        calls.closed = true;
        calls.waiting.clear();
        (calls.abandoned, std::mem::take(&mut calls.known))
    };
    if abandoned {
        return;
    }
    if let Some(process) = process {
        if end == End::Broken {
            process.kill();
        }
        process.ended().await;
    }
    if let Some(welcome) = shared.welcome.get() {
        tell_recorded(&shared.name, &welcome.journal, &known, &events).await;
    }
    // What a killed worker could not remove; a new one has its own.
    let _ = connect(&shared.name, &socket).await;
    let _ = events.send((shared.name.clone(), Event::Gone));
}

/// Why a link is read no more.
#[derive(PartialEq, Eq)]
enum End {
    Closed,
    /// The worker breaks the protocol.
    Broken,
}

async fn read_messages(shared: &Shared, events: &Events) -> End {
    let mut read = BytesMut::new();
    loop {
        match frame::next_message(&mut read) {
            Ok(Some(message)) => shared.take(message, events),
            Ok(None) => {
                if !read_some(shared.outbox.stream(), &mut read).await {
                    return End::Closed;
                }
            }
            Err(Oversized(_)) => return End::Broken,
        }
    }
}

impl Shared {
    fn take(&self, message: Bytes, events: &Events) {
        self.silent.store(false, Ordering::Release);
        let head = match serde_json::from_slice::<IncomingHead>(&message) {
            Ok(head) => head,
            Err(error) => return self.take_unread(&message, &error),
        };
        if let Some(Exited { id, exit, at_ns, usage }) = head.exited {
            self.calls.lock().known.insert(id.clone());
            // Nobody may listen any more.
            let _ = events.send((self.name.clone(), Event::Exited { id, exit, at_ns, usage }));
            return;
        }
        if let Some(WantedProgram { ticket, id, wanted: Wanted { path, user } }) = head.wanted {
            let _ = events.send((self.name.clone(), Event::Wanted { ticket, id, path, user }));
            return;
        }
        let Some(call) = self.calls.lock().waiting.remove(&head.seq) else { return };
        // The caller may have given up.
        let _ = call.send(head.err.map_or(Ok(message), Err));
    }

    /// A message of a worker of another version: who waits for it must not wait for ever.
    fn take_unread(&self, message: &[u8], error: &serde_json::Error) {
        tracing::warn!(worker = self.name, %error, "a message of it is not understood; it may be of another version");
        let Ok(AnswerTo { seq }) = serde_json::from_slice(message) else { return };
        let Some(call) = self.calls.lock().waiting.remove(&seq) else { return };
        // The caller may have given up.
        let _ = call.send(Err(unreadable(error)));
    }
}

/// Tells the exits that a worker recorded, and could not tell before it went.
async fn tell_recorded(name: &str, path: &Path, known: &HashSet<GuestId>, events: &Events) {
    let path = path.to_owned();
    let recorded = tokio::task::spawn_blocking(move || journal::read(&path)).await.unwrap_or_default();
    for (id, (exit, at_ns)) in recorded {
        if !known.contains(&id) {
            let event = Event::Exited { id, exit, at_ns, usage: Usage::default() };
            let _ = events.send((name.to_owned(), event));
        }
    }
}
