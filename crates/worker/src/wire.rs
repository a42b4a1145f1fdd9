//! The messages: requests with a sequence number, answers with the same, events without one.
//!
//! A request names its operation; a peer that does not know the name refuses it by a code and reads on. Unknown fields are
//! skipped, so that fields can be added without a new [`PROTOCOL`].

use std::borrow::Cow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sprat_sandbox::{Exit, ProcessStatus, ProgramSpec, Stop, Unresolved, Usage, Wanted};

use crate::{GuestId, GuestStatus};

/// The protocol's number; it grows when an old peer could misunderstand a message.
pub(crate) const PROTOCOL: u32 = 1;

/// Longest guest id in bytes.
pub(crate) const ID_BYTES: usize = 128;

/// Longest text of a trap that a message or the journal keeps, in bytes.
pub(crate) const TRAP_BYTES: usize = 16 << 10;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Hello,
    Start,
    Attach,
    Stop,
    Pause,
    Resize,
    List,
    Usage,
    Forget,
    Shutdown,
    Exec,
    Processes,
    Supply,
}

impl Op {
    const ALL: [Self; 13] = [
        Self::Hello,
        Self::Start,
        Self::Attach,
        Self::Stop,
        Self::Pause,
        Self::Resize,
        Self::List,
        Self::Usage,
        Self::Forget,
        Self::Shutdown,
        Self::Exec,
        Self::Processes,
        Self::Supply,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Start => "start",
            Self::Attach => "attach",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resize => "resize",
            Self::List => "list",
            Self::Usage => "usage",
            Self::Forget => "forget",
            Self::Shutdown => "shutdown",
            Self::Exec => "exec",
            Self::Processes => "processes",
            Self::Supply => "supply",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// The part of a request that every peer understands.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestHead<'a> {
    pub(crate) seq: u64,
    #[serde(borrow)]
    pub(crate) op: Cow<'a, str>,
}

/// The part of a request that its operation defines.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestBody<T> {
    pub(crate) body: T,
}

/// A request as it is written.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a, T> {
    pub(crate) seq: u64,
    pub(crate) op: &'a str,
    pub(crate) body: T,
}

/// Introduces a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The client's [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// The client's version.
    pub(crate) version: String,
    /// It wants the events. The newest owner gets them.
    pub(crate) owner: bool,
}

/// Introduces a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// The worker's [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// The worker's version.
    pub(crate) version: String,
    /// Its name.
    pub(crate) name: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// What the kernel could not give it.
    pub(crate) warnings: Vec<String>,
    /// Where it records exits.
    pub(crate) journal: PathBuf,
}

/// Names a guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: GuestId,
}

/// Asks for an attachment; the connection carries chunks after the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AttachRequest {
    pub(crate) id: GuestId,
    pub(crate) stdin: bool,
}

/// Asks a guest to end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StopRequest {
    pub(crate) id: GuestId,
    pub(crate) why: Stop,
}

/// Holds a guest or lets it go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PauseRequest {
    pub(crate) id: GuestId,
    pub(crate) paused: bool,
}

/// Sets a terminal's size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResizeRequest {
    pub(crate) id: GuestId,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Asks for the guests behind an id, in the ids' order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListRequest {
    pub(crate) after: Option<GuestId>,
}

/// Some of the guests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListPage {
    pub(crate) guests: Vec<GuestStatus>,
    /// There are more behind the last one.
    pub(crate) more: bool,
}

/// A guest ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exited {
    pub(crate) id: GuestId,
    pub(crate) exit: Exit,
    pub(crate) at_ns: i64,
    pub(crate) usage: Usage,
}

/// A process was started in a guest's container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Executed {
    pub(crate) pid: u32,
}

/// The processes of a guest's container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessList {
    pub(crate) processes: Vec<ProcessStatus>,
}

/// A guest wants to start a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedProgram {
    pub(crate) ticket: u64,
    pub(crate) id: GuestId,
    #[serde(flatten)]
    pub(crate) wanted: Wanted,
}

/// Answers a guest that wants to start a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SupplyRequest {
    pub(crate) ticket: u64,
    pub(crate) answer: Result<ProgramSpec, Unresolved>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Stable; see [`code`].
    pub(crate) code: Cow<'static, str>,
    /// What happened and what to do.
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }
}

/// The codes of refusals.
pub(crate) mod code {
    pub(crate) const PROTOCOL: &str = "protocol";
    pub(crate) const UNKNOWN_REQUEST: &str = "unknown-request";
    pub(crate) const MALFORMED: &str = "malformed";
    pub(crate) const TOO_LARGE: &str = "too-large";
    pub(crate) const BUSY: &str = "busy";
    pub(crate) const INVALID_ID: &str = "invalid-id";
    pub(crate) const ID_TAKEN: &str = "id-taken";
    pub(crate) const NO_SUCH_GUEST: &str = "no-such-guest";
    pub(crate) const STILL_RUNNING: &str = "still-running";
    pub(crate) const ENDED: &str = "ended";
    pub(crate) const ENDING: &str = "worker-ending";
    pub(crate) const SUPERSEDED: &str = "superseded";
    pub(crate) const NO_TERMINAL: &str = "no-terminal";
    pub(crate) const TERMINAL: &str = "terminal";
    pub(crate) const FULL: &str = "full";
    pub(crate) const PROGRAM: &str = "program";
    pub(crate) const UNSUPPORTED: &str = "unsupported-program";
    pub(crate) const MOUNT: &str = "mount";
    pub(crate) const WORKING_DIR: &str = "working-dir";
    pub(crate) const TREE: &str = "tree";
    pub(crate) const NOT_A_COMMAND: &str = "not-a-command";
    pub(crate) const NOT_STARTED: &str = "not-started";
    pub(crate) const PROCESSES: &str = "too-many-processes";
    pub(crate) const NO_SUCH_TICKET: &str = "no-such-ticket";
}

/// An answer or an event as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Payload<T> {
    /// The answer to a request that was done.
    Ok(T),
    /// The answer to a request that was refused.
    Err(Refusal),
    /// A guest ended.
    Exited(T),
    /// A guest wants to start a program.
    Wanted(T),
}

/// A message of the worker as it is written. Events have `seq` 0.
#[derive(Debug, Serialize)]
pub(crate) struct Outgoing<T> {
    pub(crate) seq: u64,
    #[serde(flatten)]
    pub(crate) payload: Payload<T>,
}

/// The part of a worker's message that says to whom it goes.
#[derive(Debug, Deserialize)]
pub(crate) struct IncomingHead {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) err: Option<Refusal>,
    #[serde(default)]
    pub(crate) exited: Option<Exited>,
    #[serde(default)]
    pub(crate) wanted: Option<WantedProgram>,
}

/// To whom a message goes whose rest is not understood.
#[derive(Debug, Deserialize)]
pub(crate) struct AnswerTo {
    pub(crate) seq: u64,
}

/// The answer that a request's caller knows the type of.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) ok: T,
}
