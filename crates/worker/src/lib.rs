//! The worker: the process that hosts guests, and the client its owner uses to drive it.
//!
//! A worker is its own session and outlives the daemon. It answers on a private Unix socket, writes the log files of its
//! guests, records their exits durably, and confines itself before the first guest. It knows no image, no registry and
//! no word of Docker's: a guest is an opaque id and a [`sprat_sandbox::Spec`].

mod client;
mod confine;
mod entry;
#[cfg(test)]
mod fake;
mod frame;
mod host;
mod input;
mod journal;
mod log;
mod outbox;
mod protocol;
mod server;
mod stdio;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod wire;

pub use client::{Attachment, Client, ClientError, Event, SpawnCommand};
pub use confine::Confinement;
pub use log::{LogLine, LogOptions};
pub use protocol::{ExecRequest, GuestId, GuestState, GuestStatus, StartRequest, WorkerOptions};
pub use server::{ServeError, serve};
