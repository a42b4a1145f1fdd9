//! Runs the build command of a `sprat.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::manifest::{Manifest, Words};
use crate::error::CliError;
use crate::render::progress::Activity;

/// Flags that make C and C++ guests fast and cheap to interrupt; a build command may use them.
const C_FLAGS: &str = "-O3 -msimd128 -mllvm -force-vector-interleave=8 -mllvm -unroll-threshold=4000";

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
        err!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(CliError::new(format!("the build command {shown:?} failed"))
            .why(output.status)
            .fix(advice(&String::from_utf8_lossy(&output.stderr))));
    }
    let programs: Vec<_> = manifest.build.output.paths().iter().map(|path| folder.join(path)).collect();
    match programs.iter().find(|path| !path.is_file()) {
        None => Ok(programs),
        Some(path) => Err(CliError::new(format!("the build command made no {}", path.display()))
            .fix("correct `output` in sprat.toml, or the command")),
    }
}

/// What to do about a failed command: the compilers of the examples come from PyPI, and are the first thing to be missing.
fn advice(stderr: &str) -> &'static str {
    if stderr.contains("No module named ziglang") || stderr.contains("No module named 'ziglang'") {
        "pip install ziglang (in a virtual environment: PYTHON=venv/bin/python names its Python)"
    } else if stderr.contains("not found") {
        "install the tool that is not found, or correct `command` in sprat.toml"
    } else {
        "see its output above"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_compiler_is_told_with_where_it_comes_from() {
        assert!(advice("/usr/bin/python3: No module named ziglang\n").starts_with("pip install ziglang"));
        assert!(advice("sh: 1: python3: not found\n").contains("install the tool"));
        assert_eq!(advice("error: expected ';'"), "see its output above");
    }
}
