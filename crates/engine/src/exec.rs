//! Further programs in a running container, as callers ask for and see them.

use crate::{ContainerId, EngineError};

/// Asks for a further program in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// `NAME=value` over the container's.
    pub env: Vec<String>,
    /// Replaces the container's.
    pub working_dir: Option<String>,
    /// Replaces the container's: `user`, `uid`, `user:group` or `uid:gid`.
    pub user: Option<String>,
    /// Standard streams are a terminal.
    pub tty: bool,
    /// Standard input is what the attachment sends.
    pub open_stdin: bool,
    /// The caller wants standard output.
    pub stdout: bool,
    /// The caller wants standard error.
    pub stderr: bool,
    /// Keys with which the caller leaves, as it named them; empty for docker's.
    pub detach_keys: String,
    /// Size of the terminal (columns, rows).
    pub size: Option<(u16, u16)>,
}

/// A further program as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// Its id.
    pub id: String,
    /// Its container.
    pub container: ContainerId,
    /// What was asked for.
    pub spec: std::sync::Arc<ExecSpec>,
    /// It runs.
    pub running: bool,
    /// How it ended; also 126 or 127 when it could not be started.
    pub exit_code: Option<u8>,
    /// Its number among the container's processes while it runs, else 0.
    pub pid: u32,
}

/// One process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number in the container.
    pub pid: u32,
    /// The number of the one that started it; 0 for those started from outside.
    pub parent: u32,
    /// User id.
    pub uid: u32,
    /// Its streams are a terminal.
    pub tty: bool,
    /// Its program and arguments.
    pub argv: Vec<String>,
    /// When it started, in nanoseconds since 1970.
    pub started_ns: i64,
    /// Time on a CPU in microseconds.
    pub cpu_us: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
}

impl ExecSpec {
    /// Refuses what can be told without the container.
    ///
    /// # Errors
    /// A value is malformed.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let invalid = |text: &str| Err(EngineError::Invalid(text.to_owned()));
        if self.argv.is_empty() {
            return invalid("No exec command specified");
        }
        if self.argv.iter().chain(&self.env).any(|text| text.contains('\0')) {
            return invalid("invalid argument or variable: it contains a zero byte");
        }
        if let Some(entry) = self.env.iter().find(|entry| entry.is_empty() || entry.starts_with('=')) {
            return Err(EngineError::Invalid(format!("invalid environment variable: {entry}")));
        }
        match self.working_dir.as_deref().filter(|folder| !folder.is_empty() && !folder.starts_with('/')) {
            Some(folder) => Err(EngineError::Invalid(format!(
                "the working directory '{folder}' is invalid, it needs to be an absolute path"
            ))),
            None => Ok(()),
        }
    }

    /// The command as docker's events name it: the program, a space, the arguments.
    pub(crate) fn command(&self) -> String {
        let (program, arguments) = self.argv.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
        format!("{program} {}", arguments.join(" "))
    }
}
