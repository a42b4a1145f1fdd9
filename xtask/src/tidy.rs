//! `cargo xtask tidy`: the house rules that a machine can check.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::root;

/// Which room may use which: a new edge is a decision, made here.
const EDGES: [(&str, &[&str]); 10] = [
    ("compose", &[]),
    ("context", &[]),
    ("docker-api", &[]),
    ("image", &["context"]),
    ("program", &[]),
    ("sandbox", &["image", "program"]),
    ("worker", &["program", "sandbox"]),
    ("engine", &["image", "program", "sandbox", "worker"]),
    ("daemon", &["docker-api", "engine"]),
    // `context` packs what `build` sends; the others are the roles that the binary's `main` starts.
    ("cli", &["compose", "context", "daemon", "docker-api", "program", "worker"]),
];

/// What a room must not depend on, whatever else changes.
const NEVER: [(&str, &[&str]); 7] = [
    ("compose", &["hyper", "tokio", "reqwest", "clap"]),
    ("image", &["wasmtime", "axum", "rusqlite"]),
    ("program", &["wasmtime-wasi", "axum", "hyper"]),
    ("worker", &["oci-client", "axum", "bollard-stubs", "rusqlite"]),
    ("engine", &["axum", "hyper", "bollard-stubs", "clap"]),
    ("daemon", &["wasmtime", "rusqlite"]),
    ("cli", &["wasmtime", "rusqlite", "sprat-image", "sprat-sandbox", "sprat-engine"]),
];

/// Lines of the longest file allowed.
const LONGEST: usize = 800;

/// What loads compiled code that has no seal: `Sandbox::insert` and the `Code` that it takes. Split, so that this file does not
/// find itself. Where `Code` is only matched on (`=>`), it came from somewhere else.
const UNSEALED: [&str; 4] = [
    concat!("sandbox", ".insert("),
    concat!("Sandbox", "::insert("),
    concat!("Code", "::Module("),
    concat!("Code", "::Component("),
];

/// The room that checks seals.
const SEALS: &str = "crates/program/src";

/// Checks all rules and names every breach.
pub(crate) fn run() -> Result<()> {
    let mut breaches = Vec::new();
    for (room, allowed) in EDGES {
        edges(room, allowed, &mut breaches)?;
    }
    for path in sources()? {
        file(&path, &mut breaches)?;
    }
    if breaches.is_empty() {
        return Ok(());
    }
    bail!("house rules are broken:\n  {}", breaches.join("\n  "))
}

fn edges(room: &str, allowed: &[&str], breaches: &mut Vec<String>) -> Result<()> {
    let path = root().join("crates").join(room).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("room {room} has no Cargo.toml"))?;
    let used: BTreeSet<&str> = dependencies(&text).collect();
    for name in used.iter().filter_map(|name| name.strip_prefix("sprat-")) {
        if !allowed.contains(&name) {
            breaches.push(format!("{room} uses {name}: not among the allowed edges (xtask/src/tidy.rs)"));
        }
    }
    let never = NEVER.iter().filter(|(of, _)| *of == room).flat_map(|(_, names)| names.iter());
    for name in never.filter(|name| used.contains(**name)) {
        breaches.push(format!("{room} depends on {name}, which may never be there"));
    }
    Ok(())
}

/// Names in `[dependencies]`.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section.lines().filter_map(|line| line.split(['.', '=', ' ']).next()).filter(|name| !name.is_empty())
}

fn file(path: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let text = std::fs::read_to_string(root().join(path))?;
    let mut breach = |what: String| breaches.push(format!("{}: {what}", path.display()));
    let lines = text.lines().count();
    if lines > LONGEST {
        breach(format!("{lines} lines, more than {LONGEST}: has it more than one reason to change?"));
    }
    let tests = path.components().any(|c| ["tests", "tests.rs", "benches"].iter().any(|n| c.as_os_str() == *n));
    if !text.starts_with("//!") && !tests {
        breach("no module documentation".into());
    }
    if !tests && !path.starts_with(SEALS) {
        for line in unsealed(&text) {
            breach(format!("line {line} loads compiled code without its seal, which only tests and benchmarks may"));
        }
    }
    // Split, so that this file does not find itself.
    for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("unim", "plemented!(")] {
        if text.contains(word) {
            breach(format!("{word:?} is left"));
        }
    }
    let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if ["utils", "util", "common", "helpers", "manager", "misc"].contains(&name.as_str()) {
        breach("a file is named after what it does".into());
    }
    Ok(())
}

/// Lines outside of tests that load compiled code without its seal.
fn unsealed(text: &str) -> impl Iterator<Item = usize> {
    let outside = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    let breaks = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        UNSEALED.iter().filter_map(|word| code.split_once(word)).any(|(_, rest)| !rest.contains("=>"))
    };
    outside.filter(move |(_, line)| breaks(line)).map(|(number, _)| number + 1)
}

/// Rust files under version control or about to be.
fn sources() -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(root())
        .output()
        .context("cannot run git")?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_code_without_its_seal_is_found_and_matching_on_it_is_not() {
        let loads = ["sandbox", ".insert(&spec, code)"].concat();
        let makes = ["let code = Code", "::Module(module);"].concat();
        let matches = ["Code", "::Module(module) => prepare(module),"].concat();
        let text = format!(
            "fn a() {{\n{loads}\n{matches}\n// {loads}\n{makes}\n}}\n#[cfg(test)]\nmod tests {{\n{loads}\n}}\n"
        );
        assert_eq!(unsealed(&text).collect::<Vec<_>>(), [2, 5]);
    }
}
