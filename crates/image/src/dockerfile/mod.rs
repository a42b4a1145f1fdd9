//! The Dockerfile language: text in, [`Dockerfile`] out. Pure: no file, no network, no clock.
//!
//! Every error names its line. What Docker knows and Sprat does not support is an error too, never ignored, and says
//! what to write instead. Variables stay as written here; [`expand`] replaces them when a build knows their values.
//!
//! [`apply_changes`] is the part of the language that `docker commit` and `docker import` take.

mod ast;
mod change;
mod command;
mod copy;
mod duration;
mod error;
mod expand;
mod flags;
mod lines;
mod metadata;
mod parse;
mod ports;
mod render;
#[cfg(test)]
mod tests;
mod words;

pub use ast::{ArgName, Command, Copy, Dockerfile, Heredoc, Instruction, Pair, Source, Stage, Step};
pub use change::{ChangeError, apply_change, apply_changes};
pub use error::{DockerfileError, Problem};
pub use expand::{ExpandError, MAX_EXPANDED_BYTES, MAX_NESTING, expand, expand_words};
pub use parse::{MAX_STAGES, MAX_STEPS};

pub(crate) use change::{Environment, apply, argv, environment_value, is_signal};
pub(crate) use copy::refuse_remote;
pub(crate) use expand::Growth;
pub(crate) use parse::parse_trigger;

/// Largest Dockerfile, in bytes.
pub const MAX_DOCKERFILE_BYTES: usize = 4 << 20;
/// Most lines of a Dockerfile.
pub const MAX_LINES: usize = 100_000;
/// Longest instruction with its continuation lines (but without its heredocs), in bytes.
pub const MAX_LINE_BYTES: usize = 256 << 10;

impl Dockerfile {
    /// Parses the text of a Dockerfile.
    ///
    /// # Errors
    /// The text is no Dockerfile, needs what Sprat does not support, or passes a limit.
    pub fn parse(text: &str) -> Result<Self, DockerfileError> {
        parse::parse(text)
    }
}
