//! Runs the build command of a `sprat.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::manifest::{Manifest, Words};
use crate::error::CliError;
use crate::render::progress::Activity;

/// Flags that make C and C++ guests fast and cheap to interrupt; a build command may use them.
const C_FLAGS: &str = "-O3 -msimd128 -mllvm -force-vector-interleave=4";

/// Runs the command in the folder and gives the programs it made.
pub(super) fn run(folder: &Path, manifest: &Manifest, activity: &Activity) -> Result<Vec<PathBuf>, CliError> {
    let (shown, mut command) = match &manifest.build.command {
        Words::Line(line) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", line]);
            (line.clone(), shell)
        }
        Words::List(words) => {
            let (program, args) = words
                .split_first()
                .ok_or_else(|| CliError::new("the build command of sprat.toml is empty").fix("name a command"))?;
            let mut command = Command::new(program);
            command.args(args);
            (words.join(" "), command)
        }
    };
    activity.say(&format!("Building: {shown}"));
    let output =
        command.current_dir(folder).env("SPRAT_CFLAGS", C_FLAGS).stdin(Stdio::null()).output().map_err(|e| {
            CliError::new(format!("cannot run the build command {shown:?}")).why(e).fix("is the tool installed?")
        })?;
    if !output.status.success() {
        activity.stop();
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(CliError::new(format!("the build command {shown:?} failed"))
            .why(output.status)
            .fix("see its output above"));
    }
    let programs: Vec<_> = manifest.build.output.paths().iter().map(|path| folder.join(path)).collect();
    match programs.iter().find(|path| !path.is_file()) {
        None => Ok(programs),
        Some(path) => Err(CliError::new(format!("the build command made no {}", path.display()))
            .fix("correct `output` in sprat.toml, or the command")),
    }
}
