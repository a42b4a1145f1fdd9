//! `cargo xtask bench`: figures measured side by side in one run, on the release build.
//!
//! Machines are shared and noisy: what is compared runs in turns, and medians are shown.

mod api;
mod clients;
mod crowd;
mod dockerd;
mod http;
mod instantiate;
mod kernels;
mod processes;
mod services;
mod stats;
mod table;

use std::process::Command;

use anyhow::{Result, bail};

use table::Table;

/// A group of figures.
type Group = (&'static str, fn(&mut Table) -> Result<()>);

const GROUPS: [Group; 8] = [
    ("processes", processes::measure),
    ("api", api::measure),
    ("crowd", crowd::measure),
    ("clients", clients::measure),
    ("services", services::measure),
    ("http", http::measure),
    ("instantiate", instantiate::measure),
    ("kernels", kernels::measure),
];

/// Measures all groups, or those named, and prints the table.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !GROUPS.iter().any(|(known, _)| known == *name)) {
        let known: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
        bail!("no group {unknown:?}; there are {}", known.join(", "));
    }
    crate::run(Command::new("cargo").args(["build", "--release", "--package", "sprat-cli"]))?;
    let binary = crate::target().join("release/sprat");
    set_binary(&binary);
    let mut table = Table::default();
    for (name, measure) in GROUPS {
        if names.is_empty() || names.contains(&name) {
            eprintln!("measuring {name} …");
            if let Err(error) = measure(&mut table) {
                // What was measured before is worth more than an early end.
                table.note(format!("group {name}"), format!("broke off: {error:#}"));
            }
        }
    }
    print!("{table}");
    Ok(())
}

#[expect(unsafe_code, reason = "the tests' harness is told by a variable which binary to drive")]
fn set_binary(binary: &std::path::Path) {
    // SAFETY: called once, before any other thread exists.
    unsafe { std::env::set_var("SPRAT_BINARY", binary) };
}
