//! [`PidFile`]: tells others the daemon's process id; gone at its end.

use std::path::{Path, PathBuf};

use crate::DaemonError;

/// A written pidfile. Dropping it removes the file if it is still ours.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process's id.
    pub(crate) fn write(path: &Path) -> Result<Self, DaemonError> {
        fs_err::write(path, format!("{}\n", std::process::id())).map_err(DaemonError::io("write the pidfile"))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let ours = fs_err::read_to_string(&self.0).is_ok_and(|text| text.trim() == std::process::id().to_string());
        if ours && let Err(error) = fs_err::remove_file(&self.0) {
            tracing::warn!(%error, "the pidfile could not be removed");
        }
    }
}
