//! `sprat context`: writes a context of docker's that leads to this daemon.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::client::Host;
use crate::error::{CliError, Outcome};
use crate::settings::Settings;

/// Names that docker's contexts can't have.
const RESERVED: &str = "default";

/// `sprat context`
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    /// Make docker's command line use it from now on
    #[arg(long)]
    pub r#use: bool,
    /// Name of the context
    #[arg(default_value = "sprat")]
    pub name: String,
}

/// `sprat context`
pub(crate) fn run(settings: &Settings, args: ContextArgs) -> Outcome {
    check(&args.name)?;
    let folder = crate::credentials::folder()?;
    write(&folder, &args.name, &settings.host)?;
    if args.r#use {
        crate::credentials::set_current_context(&args.name)?;
        outln!("Docker's context is now {:?}, at {}", args.name, settings.host);
    } else {
        outln!(
            "Docker's context {:?} leads to {}; use it with `docker context use {}`",
            args.name,
            settings.host,
            args.name
        );
    }
    Ok(0)
}

/// Docker's rule for names.
fn check(name: &str) -> Result<(), CliError> {
    let valid = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c));
    if valid && name != RESERVED {
        return Ok(());
    }
    Err(CliError::new(format!("context name {name:?} is invalid"))
        .why("a name has letters, digits and _.+- only, at least two of them, and is not \"default\"")
        .fix("choose another, or leave it out for \"sprat\""))
}

/// Where docker's command line keeps the context of a name.
fn place(folder: &Path, name: &str) -> PathBuf {
    folder.join("contexts/meta").join(hex::encode(Sha256::digest(name.as_bytes()))).join("meta.json")
}

/// Writes the context in one step.
fn write(folder: &Path, name: &str, host: &Host) -> Result<(), CliError> {
    let context = json!({
        "Name": name,
        "Metadata": { "Description": "Sprat: wasm containers" },
        "Endpoints": { "docker": { "Host": host.to_string(), "SkipTLSVerify": false } },
    });
    crate::credentials::replace(&place(folder, name), context.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_lies_where_docker_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "sprat", &Host::Unix("/run/sprat.sock".into())).unwrap();
        let digest = hex::encode(Sha256::digest(b"sprat"));
        let text = std::fs::read(folder.path().join("contexts/meta").join(digest).join("meta.json")).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value.pointer("/Endpoints/docker/Host").unwrap(), "unix:///run/sprat.sock");
        assert_eq!(value["Name"], "sprat");
    }

    #[test]
    fn names_follow_dockers_rule() {
        for name in ["sprat", "a.b", "s1"] {
            check(name).unwrap();
        }
        for name in ["default", "", "s", "-a", "a b", "a/b", "ä1"] {
            check(name).unwrap_err();
        }
    }
}
