//! `sprat.toml`: how a folder is compiled when it is no Cargo project, or not only.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::CliError;

/// Name of the file.
const NAME: &str = "sprat.toml";

/// A `sprat.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// How to compile.
    pub build: Build,
}

/// Its `[build]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    /// The command: a line for `sh -c`, or a list of words run as they are.
    pub command: Words,
    /// The `.wasm` files it makes, relative to the folder.
    pub output: Outputs,
}

/// A line for the shell, or words.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    /// A line for `sh -c`.
    Line(String),
    /// Words.
    List(Vec<String>),
}

/// One path or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Outputs {
    /// One.
    One(PathBuf),
    /// Several.
    Many(Vec<PathBuf>),
}

impl Outputs {
    /// All of them.
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// The folder's `sprat.toml`, if it has one.
pub(super) fn read(folder: &Path) -> Result<Option<Manifest>, CliError> {
    let path = folder.join(NAME);
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let manifest = toml::from_str(&text).map_err(|e| {
        CliError::new(format!("{} is not understood", path.display()))
            .why(e.message())
            .fix("write [build] with command = \"…\" and output = \"program.wasm\"")
    })?;
    Ok(Some(manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors() {
        assert!(toml::from_str::<Manifest>("[build]\ncommand = \"make\"\noutput = \"a.wasm\"\n").is_ok());
        assert!(toml::from_str::<Manifest>("[build]\ncommand = [\"make\"]\noutput = [\"a.wasm\"]\n").is_ok());
        assert!(toml::from_str::<Manifest>("[build]\ncommand = \"make\"\noutputs = \"a.wasm\"\n").is_err());
    }
}
