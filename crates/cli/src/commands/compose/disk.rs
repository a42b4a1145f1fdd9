//! The caller's files and variables, for the `compose` room.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use sprat_compose::{Choice, Files, MAX_FILE, Project, Request};

use crate::error::CliError;

/// Files of the machine, and standard input as `-`, which can be asked for more than once.
#[derive(Debug, Default)]
struct Disk {
    input: OnceCell<Vec<u8>>,
}

impl Files for Disk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        if path.as_os_str() == "-" {
            if let Some(read) = self.input.get() {
                return Ok(read.clone());
            }
            let read = limited(std::io::stdin().lock())?;
            return Ok(self.input.get_or_init(|| read).clone());
        }
        limited(std::fs::File::open(path)?)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

fn limited(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

/// Reads the project; its warnings go to standard error.
pub(super) fn load(choice: &Choice) -> Result<Project, CliError> {
    let disk = Disk::default();
    let request = sprat_compose::locate(choice, &std::env::current_dir()?, &environment(), &disk)?;
    let project = sprat_compose::load(&request, &disk)?;
    for warning in &project.warnings {
        errln!("warning: {warning}");
    }
    Ok(project)
}

/// What is known of the project if there need not be a Compose file.
pub(super) fn request(choice: &Choice) -> Result<Request, CliError> {
    Ok(sprat_compose::variables(choice, &std::env::current_dir()?, &environment(), &Disk::default())?)
}
