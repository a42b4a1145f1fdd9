//! Configs and secrets that are a variable or a text: written to files that only the user can read, and mounted. They lie in
//! `$XDG_STATE_HOME/sprat-compose/PROJECT` (or `~/.local/state/…`) until `down`.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use sprat_compose::Project;

use crate::error::CliError;

fn folder(project: &str) -> Result<PathBuf, CliError> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
    state.map(|state| state.join("sprat-compose").join(project)).ok_or_else(|| {
        CliError::new("there is no place for configs and secrets").why("HOME is not set").fix("set HOME")
    })
}

/// Writes them, and says where each lies.
pub(super) fn write(project: &Project) -> Result<BTreeMap<String, String>, CliError> {
    let contents = sprat_compose::plan::written_files(project)?;
    let mut files = BTreeMap::new();
    if contents.is_empty() {
        return Ok(files);
    }
    let folder = folder(&project.name)?;
    for (name, text) in contents {
        let path = folder.join(&name);
        let failed = |e: std::io::Error| CliError::new(format!("cannot write {}", path.display())).why(e);
        let parent = path.parent().unwrap_or(&folder);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        files.insert(name, path.to_string_lossy().into_owned());
    }
    Ok(files)
}

/// Removes them.
pub(super) fn remove(project: &str) -> Result<(), CliError> {
    match std::fs::remove_dir_all(folder(project)?) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::new("cannot remove the project's configs and secrets").why(e))
        }
        _ => Ok(()),
    }
}
