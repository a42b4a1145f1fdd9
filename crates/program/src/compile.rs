//! Compiling, in a limited child process: the compiler meets hostile input, so it never runs in daemon or worker.

use std::path::PathBuf;

use crate::ProgramError;

/// How to start the child: the program `sprat` and its hidden verb. The child calls [`compile_child`].
#[derive(Debug, Clone)]
pub struct CompilerCommand {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments before those this room adds.
    pub args: Vec<String>,
}

/// The child's whole job, called by `main` for the hidden verb: limits itself (rlimits), compiles, writes, ends.
/// `args` are those this room added to the command.
///
/// # Errors
/// What is wrong with the binary; the child prints it as JSON for the parent and exits with 1.
pub fn compile_child(_args: &[String]) -> Result<(), ProgramError> {
    todo!("program helper")
}
