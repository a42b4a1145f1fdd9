//! `cargo xtask test`: everything that has to hold before a change lands.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{setup, tidy};

/// House rules, formatting, lints and all tests; with a filter only the tests that match it.
pub(crate) fn run(filter: &[&str]) -> Result<()> {
    if filter.is_empty() {
        tidy::run()?;
        crate::run(&mut cargo(&["fmt", "--all", "--check"]))?;
        crate::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
    }
    tests(filter)
}

fn tests(filter: &[&str]) -> Result<()> {
    let tools = setup::run_quietly()?;
    // The tests of the whole drive the program as a user would: it has to be there before them.
    crate::run(&mut cargo(&["build", "--package", "sprat-cli"]))?;
    let nextest =
        Command::new("cargo").args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let mut command = Command::new("cargo");
    if nextest.is_ok_and(|status| status.success()) {
        command.args(["nextest", "run", "--workspace", "--no-tests=fail"]).args(filter);
    } else {
        command.args(["test", "--workspace"]).args(filter);
    }
    tools.clients.tell(&mut command);
    if let Some(toolbox) = &tools.toolbox {
        command.env("TOOLBOX_WASM", toolbox);
    }
    let tested = crate::run(&mut command);
    // The toolbox's shell is a guest's, in a workspace of its own; natively it is compared with dash.
    let shell = crate::run(
        cargo(&["test", "--quiet", "--manifest-path", "images/toolbox/shell/Cargo.toml", "--"]).args(filter),
    );
    // Runners hide what passing tests print, so skipped ones are told here.
    setup::tell_missing(&tools);
    tested.and(shell)
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args);
    command
}
