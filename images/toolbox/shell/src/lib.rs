//! A POSIX shell (POSIX.1-2017, XCU 2) for a world without fork.
//!
//! It starts programs through [`System`]. Subshells and command substitutions run in the shell itself, with its state put back
//! afterwards: a substitution's output is gathered in memory, and what programs write into it comes by pipes that only the
//! shell reads. Members of a pipeline that are no programs, and what is put in the background, run in child shells that are
//! sent the command and the state. So nothing ever writes to a pipe that the same process has to read.
//!
//! It deliberately has no job control, no line editing, no aliases, and none of bash's extensions. Programs get the
//! descriptors 0, 1 and 2; the others, up to 9, are the shell's own.

#![deny(unsafe_code, unreachable_pub, missing_docs, missing_debug_implementations)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arithmetic;
mod builtins;
mod expand;
mod lower;

#[cfg(unix)]
pub mod native;
mod parse;
mod pattern;
mod pipeline;
mod redirect;
mod run;
mod runner;
mod shell;
mod simple;
mod start;
mod state;
mod stream;
mod syntax;
mod system;
mod text;

pub use shell::Shell;
pub use start::main;
pub use system::{Launch, LaunchError, System};

/// PATH, if the environment has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Parses a text as a script, to nothing but whether it is one.
///
/// # Errors
/// What is wrong, in dash's words.
pub fn check(script: &str) -> Result<(), String> {
    match parse::at_end(script, 1) {
        Ok(_) => Ok(()),
        Err(parse::SyntaxError::Incomplete { why, .. } | parse::SyntaxError::Wrong { why, .. }) => Err(why),
    }
}

/// Whether a shell pattern matches a text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    pattern::Pattern::new(pattern).matches(text)
}

/// An error in the words of strerror, without the standard library's number.
pub(crate) fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
