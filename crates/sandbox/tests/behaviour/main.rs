//! Real guests in a real sandbox: what a program is given, how it ends, and that it ends alone.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

mod concurrent;
mod density;
mod endings;
mod files;
mod limits;
mod network;
mod processes;
mod programs;
mod rig;
mod services;
mod streams;
mod toolbox;
