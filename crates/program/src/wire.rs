//! [`Wire`]: a [`ProgramError`] as plain data, to pass it from the compiler's process and to all who wait for one job.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ProgramError;

/// The same as [`ProgramError`], variant by variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub(crate) enum Wire {
    NotWasm { found: String },
    Precompiled,
    Invalid { offset: u64, reason: String },
    InvalidText { message: String },
    TooLarge { size: u64, limit: u64 },
    Unsupported { what: String },
    MissingImports { names: Vec<String> },
    Compile { reason: String },
    Seal { path: PathBuf, reason: String },
    Key { path: PathBuf, reason: String },
    Io { action: String, errno: Option<i32>, message: String },
}

impl Wire {
    /// The same as data.
    pub(crate) fn of(error: &ProgramError) -> Self {
        match error {
            ProgramError::NotWasm { found } => Self::NotWasm { found: found.clone() },
            ProgramError::Precompiled => Self::Precompiled,
            ProgramError::Invalid { offset, reason } => Self::Invalid { offset: *offset, reason: reason.clone() },
            ProgramError::InvalidText(message) => Self::InvalidText { message: message.clone() },
            ProgramError::TooLarge { size, limit } => Self::TooLarge { size: *size, limit: *limit },
            ProgramError::Unsupported(what) => Self::Unsupported { what: what.clone() },
            ProgramError::MissingImports(names) => Self::MissingImports { names: names.clone() },
            ProgramError::Compile(reason) => Self::Compile { reason: reason.clone() },
            ProgramError::Seal { path, reason } => Self::Seal { path: path.clone(), reason: reason.clone() },
            ProgramError::Key { path, reason } => Self::Key { path: path.clone(), reason: reason.clone() },
            ProgramError::Io { action, source } => {
                Self::Io { action: action.clone(), errno: source.raw_os_error(), message: source.to_string() }
            }
        }
    }
}

impl From<Wire> for ProgramError {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::NotWasm { found } => Self::NotWasm { found },
            Wire::Precompiled => Self::Precompiled,
            Wire::Invalid { offset, reason } => Self::Invalid { offset, reason },
            Wire::InvalidText { message } => Self::InvalidText(message),
            Wire::TooLarge { size, limit } => Self::TooLarge { size, limit },
            Wire::Unsupported { what } => Self::Unsupported(what),
            Wire::MissingImports { names } => Self::MissingImports(names),
            Wire::Compile { reason } => Self::Compile(reason),
            Wire::Seal { path, reason } => Self::Seal { path, reason },
            Wire::Key { path, reason } => Self::Key { path, reason },
            Wire::Io { action, errno, message } => Self::Io {
                action,
                source: errno.map_or_else(|| std::io::Error::other(message), std::io::Error::from_raw_os_error),
            },
        }
    }
}
