//! The daemon: serves the doors over one engine.
//!
//! Doors parse requests, call the engine and render answers; they don't import each other and hold no state of
//! containers. [`run`] is the whole life of the process: trace, bind, open the engine, serve, drain. Containers live in
//! workers and go on when the daemon ends.

mod accept;
mod address;
mod config;
mod connection;
mod docker;
mod error;
mod head_read;
mod listen;
mod pidfile;
mod run;

pub use config::{DaemonConfig, Host, HostError};
pub use error::DaemonError;
pub use run::{READY_LINE, run};
