//! [`System`]: what the shell asks of whatever runs it. Files are the standard library's; programs are not.

use std::fs::File;
use std::io;
use std::path::Path;

/// A program to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program's file: absolute, or relative to `folder`. It is not searched for.
    pub path: &'a Path,
    /// Its arguments, the name first.
    pub args: &'a [Vec<u8>],
    /// Its whole environment, as `NAME=value`.
    pub env: &'a [Vec<u8>],
    /// Its working folder.
    pub folder: &'a Path,
    /// Standard input, output and error; shared, not given away.
    pub streams: [Option<&'a File>; 3],
}

/// Why a program did not start.
#[derive(Debug)]
pub enum LaunchError {
    /// There is no such file.
    Missing,
    /// It may not be run.
    Denied,
    /// It is a file but not a program: a script, perhaps.
    NotAProgram,
    /// Anything else.
    Other(io::Error),
}

/// Starts programs, waits for them and connects them.
pub trait System: std::fmt::Debug {
    /// A pipe: the end to read from, and the end to write to. It holds at least 4 KiB.
    ///
    /// # Errors
    /// Too many open files.
    fn pipe(&self) -> io::Result<(File, File)>;

    /// One of this process's own three standard streams, if it is open.
    fn standard_stream(&self, number: u32) -> Option<File>;

    /// Starts a program and gives its process id.
    ///
    /// # Errors
    /// It did not start.
    fn spawn(&self, launch: &Launch<'_>) -> Result<u32, LaunchError>;

    /// Waits for a child, or for any; `None` if `hang` is false and none has ended. The status is 128+n for a signal.
    ///
    /// # Errors
    /// There is no such child.
    fn wait(&self, child: Option<u32>, hang: bool) -> io::Result<Option<(u32, i32)>>;

    /// Sends a signal; 0 only asks whether there is such a process.
    ///
    /// # Errors
    /// There is no such process, or no such signal.
    fn kill(&self, process: u32, signal: u32) -> io::Result<()>;

    /// This process's id, and its parent's.
    fn identity(&self) -> (u32, u32);

    /// The shell's own program, to run scripts and parts of pipelines.
    fn shell(&self) -> std::path::PathBuf;

    /// Whether a file's mode lets it be run, as far as modes are known here.
    fn is_executable(&self, path: &Path) -> bool;

    /// Whether paths that do not exist as such can be started by their base name: a toolbox that brings the commands.
    fn builtin_program(&self, _name: &str) -> Option<std::path::PathBuf> {
        None
    }
}
