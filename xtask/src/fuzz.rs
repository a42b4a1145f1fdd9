//! `cargo xtask fuzz`: gives the fuzz targets their seeds and runs them.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Seconds of one target, where none are given.
const SECONDS: u32 = 180;

/// Most memory of a target in MiB: what needs more is a finding.
const MEMORY_MIB: u32 = 2048;

/// Longest input in bytes. Layers and binaries need some room; more makes every run slow.
const INPUT_BYTES: u32 = 16 << 10;

/// Runs one target or all, for so many seconds each.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let seconds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let named: Vec<&str> = words.iter().copied().filter(|word| word.parse::<u32>().is_err()).collect();
    let known = targets()?;
    if let Some(unknown) = named.iter().find(|name| !known.iter().any(|target| target == *name)) {
        bail!("there is no fuzz target {unknown}: the targets are {}", known.join(", "));
    }
    crate::run(Command::new("cargo").args(["run", "--package", "sprat-fuzz", "--example", "seeds"]))?;
    for target in known.iter().filter(|target| named.is_empty() || named.contains(&target.as_str())) {
        let mut command = cargo_fuzz();
        command.args(["run", "--sanitizer", "none", target, "--"]);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
        command.arg(format!("-max_len={INPUT_BYTES}"));
        command.args(["-timeout=10", "-print_final_stats=1"]);
        crate::run(&mut command)?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let output = cargo_fuzz().arg("list").current_dir(crate::root()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo-fuzz is missing: install it with `cargo install --locked cargo-fuzz`");
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Coverage instrumentation is not stable; this lets the pinned toolchain do it, so that no other one is needed.
fn cargo_fuzz() -> Command {
    let mut command = Command::new("cargo");
    command.arg("fuzz").env("RUSTC_BOOTSTRAP", "1");
    command
}
