//! Source folders: compiled here, as the calling user, and packed as a build context.

mod cargo;
mod command;
mod context;
mod input;
mod manifest;

use std::path::{Path, PathBuf};

pub(crate) use context::Context;
pub(crate) use input::dockerfile_from_input;

use crate::error::CliError;
use crate::render::progress::Activity;

/// What a path argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A `.wasm` or `.wat` file.
    Program(PathBuf),
    /// A folder with a Dockerfile, a `sprat.toml` or a Cargo project.
    Folder(PathBuf),
}

impl Source {
    /// What `text` names, if it names a path rather than an image: a `.wasm` or `.wat` file, or a folder written with a
    /// `/` or as `.`, because `hello` alone is an image's name.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let path = Path::new(text);
        let program = matches!(path.extension().and_then(|e| e.to_str()), Some("wasm" | "wat"));
        if program && path.is_file() {
            return Some(Self::Program(path.into()));
        }
        let written_as_path = text.contains('/') || text == "." || text == "..";
        (written_as_path && path.is_dir()).then(|| Self::Folder(path.into()))
    }

    /// Compiles what there is to compile and packs the build context.
    pub(crate) fn prepare(&self, dockerfile: Option<&Path>, activity: &Activity) -> Result<Context, CliError> {
        match self {
            Self::Program(path) => context::of_program(path),
            Self::Folder(folder) => {
                let programs = compile(folder, dockerfile.is_some(), activity)?;
                context::of_folder(folder, programs, dockerfile)
            }
        }
    }
}

/// Whether there is something of this name here that was not meant as a path, because `hello` alone is an image's name;
/// and what to do about it.
pub(crate) fn meant_as_path(text: &str) -> Option<String> {
    let path = Path::new(text);
    if text.contains('/') || !path.exists() {
        return None;
    }
    Some(if path.is_dir() {
        format!("there is a folder {text} here: write ./{text}")
    } else {
        format!("there is a file {text} here, but a program's name ends in .wasm or .wat: rename it, and name it so")
    })
}

/// Letters of a path that its image is named after; a repository has at most 255.
const LONGEST_NAME: usize = 128;

/// A path's last part as the name of an image.
fn repository(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // Separators may not stand side by side (OCI distribution, "Pulling manifests").
    let mut repository = String::new();
    for c in name.chars().take(LONGEST_NAME).map(|c| if allowed(c) { c } else { '-' }) {
        if c.is_ascii_alphanumeric() || repository.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            repository.push(c);
        }
    }
    let repository = repository.trim_end_matches(['.', '_', '-']);
    if repository.is_empty() { "program".into() } else { repository.to_owned() }
}

/// Compiles a folder's programs; a folder with nothing but a Dockerfile, or one from elsewhere, has none.
fn compile(folder: &Path, dockerfile: bool, activity: &Activity) -> Result<Vec<PathBuf>, CliError> {
    if let Some(manifest) = manifest::read(folder)? {
        return command::run(folder, &manifest, activity);
    }
    if folder.join("Cargo.toml").is_file() {
        return cargo::build(folder, activity);
    }
    if dockerfile || folder.join("Dockerfile").is_file() {
        return Ok(Vec::new());
    }
    Err(CliError::new(format!("{} is no source folder", folder.display()))
        .why("it has no Dockerfile, no Cargo.toml and no sprat.toml")
        .fix("name a folder with one of them, a .wasm or .wat file, or an image"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_names_of_images() {
        for (path, name) in
            [("a/Hello", "hello"), ("x y__z", "x-y_z"), ("..-", "program"), ("Ünï", "n"), ("a.b", "a.b")]
        {
            assert_eq!(repository(Path::new(path)), name, "{path}");
        }
    }
}
