//! Further programs in a container, and its processes.

use serde::{Deserialize, Serialize};

use crate::lenient::null_default;

/// Asks for a further program in a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecCreateRequest {
    /// Its user.
    #[serde(deserialize_with = "null_default")]
    pub user: String,
    /// With all rights of the host.
    #[serde(deserialize_with = "null_default")]
    pub privileged: bool,
    /// With a terminal.
    #[serde(deserialize_with = "null_default")]
    pub tty: bool,
    /// Height and width of the terminal.
    pub console_size: Option<[u16; 2]>,
    /// It reads what the client sends.
    #[serde(deserialize_with = "null_default")]
    pub attach_stdin: bool,
    /// The client wants its errors.
    #[serde(deserialize_with = "null_default")]
    pub attach_stderr: bool,
    /// The client wants its output.
    #[serde(deserialize_with = "null_default")]
    pub attach_stdout: bool,
    /// Keys with which the client leaves.
    #[serde(deserialize_with = "null_default")]
    pub detach_keys: String,
    /// `NAME=value`.
    #[serde(deserialize_with = "null_default")]
    pub env: Vec<String>,
    /// Its working folder.
    #[serde(deserialize_with = "null_default")]
    pub working_dir: String,
    /// The program and its arguments.
    #[serde(deserialize_with = "null_default")]
    pub cmd: Vec<String>,
}

/// Asks for its start.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecStartRequest {
    /// Nobody waits for its output.
    #[serde(deserialize_with = "null_default")]
    pub detach: bool,
    /// With a terminal, as asked for before.
    #[serde(deserialize_with = "null_default")]
    pub tty: bool,
    /// Height and width of the terminal.
    pub console_size: Option<[u16; 2]>,
}

/// A further program as it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecInspect {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// It runs.
    pub running: bool,
    /// How it ended.
    pub exit_code: Option<i64>,
    /// What runs.
    pub process_config: ProcessConfig,
    /// It reads what the client sends.
    pub open_stdin: bool,
    /// The client wants its errors.
    pub open_stderr: bool,
    /// The client wants its output.
    pub open_stdout: bool,
    /// It may be forgotten.
    pub can_remove: bool,
    /// The container's id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Keys with which the client leaves.
    pub detach_keys: String,
    /// Its number among the container's processes.
    pub pid: u32,
}

/// What runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessConfig {
    /// With a terminal.
    pub tty: bool,
    /// The program.
    pub entrypoint: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// With all rights of the host; never.
    pub privileged: bool,
    /// Its user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
}

/// The processes of a container, as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TopResponse {
    /// One line a process.
    pub processes: Vec<Vec<String>>,
    /// The columns' titles.
    pub titles: Vec<String>,
}

/// What came of an update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateResponse {
    /// What was accepted but has no effect.
    #[serde(deserialize_with = "null_default")]
    pub warnings: Vec<String>,
}
