//! The project's chores: `cargo xtask test | bench | tidy | setup | fuzz`.

mod bench;
mod fuzz;
mod setup;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup [--all]  install what the tests need (compilers for the examples, docker's CLI, a registry, skopeo);
                 what can't be installed is named, and the tests that need it are skipped; with --all it is an error
  tidy           check the house rules: edges between rooms, sizes of files, words
  test [FILTER]  setup, tidy, formatting, lints, then all tests (or those whose name has FILTER)
  bench [NAME]   measure, and print the tables of docs/benchmarks.md
  fuzz [TARGET] [SECONDS]
                 run the fuzz targets, from their seeds and what was found before; needs cargo-fuzz and a C++ compiler";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => setup::run(false),
        ["setup", "--all"] => setup::run(true),
        ["tidy"] => tidy::run(),
        ["test", filter @ ..] => test::run(filter),
        ["bench", names @ ..] => bench::run(names),
        ["fuzz", words @ ..] => fuzz::run(words),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command to its end, in the workspace's folder.
fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status = command.current_dir(root()).status().with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
