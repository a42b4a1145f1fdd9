//! Compute kernels: native against wasm in both isolation classes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use sprat_tests::Installation;

use super::stats::{geometric_mean, median};
use super::table::Table;

/// Runs of each build, in turns.
const RUNS: usize = 5;

/// Nanoseconds by kernel.
type Times = BTreeMap<String, f64>;

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let folder = crate::root().join("benches/kernels");
    let native = native(&folder)?;
    let others = others(&folder)?;
    let sprat = Installation::start();
    sprat.sprat(&["build", "-q", "-t", "kernels", folder.to_str().context("UTF-8")?]).ok();
    sprat.sprat(&["build", "-q", "-t", "others", others.to_str().context("UTF-8")?]).ok();
    let guest =
        |isolation: &str, image: &str| parse(sprat.sprat(&["run", "--rm", "--isolation", isolation, image]).ok());
    let mut samples: [Vec<Times>; 5] = Default::default();
    for _ in 0..RUNS {
        let output = Command::new(&native).stdin(Stdio::null()).output().context("the native kernels")?;
        let runs = [
            parse(&String::from_utf8_lossy(&output.stdout)),
            guest("process", "others"),
            guest("process", "kernels"),
            guest("default", "others"),
            guest("default", "kernels"),
        ];
        samples.iter_mut().zip(runs).for_each(|(all, one)| all.push(one));
    }
    let [native, process, process_built, shared, built] = samples.map(|runs| medians(&runs));
    let ratios = |of: &Times| -> Vec<f64> { native.iter().filter_map(|(name, ns)| Some(ns / of.get(name)?)).collect() };
    table.at_least(
        "kernels against native -O3, geometric mean: `--isolation process`, as built by others",
        geometric_mean(&ratios(&process)),
        0.8,
        "times",
    );
    table.at_least(
        "the same, `--isolation process`, as built by Sprat",
        geometric_mean(&ratios(&process_built)),
        0.8,
        "times",
    );
    table.at_least("the same, default class, as built by others", geometric_mean(&ratios(&shared)), 0.5, "times");
    table.at_least("the same, default class, as built by Sprat", geometric_mean(&ratios(&built)), 0.7, "times");
    for name in native.keys() {
        let one = |of: &Times| native.get(name).zip(of.get(name)).map_or(0.0, |(native, guest)| native / guest);
        let of = [&process, &process_built, &shared, &built].map(|times| format!("{:.2}", one(times)));
        table.note(format!("{name}: process, others / Sprat / default, others / Sprat"), of.join(" / "));
    }
    Ok(())
}

/// Builds the kernels for this machine, for its oldest CPUs as `-O3` alone does.
fn native(folder: &Path) -> Result<PathBuf> {
    let target = crate::target().join("kernels");
    crate::run(
        Command::new("cargo")
            .args(["build", "--release", "--quiet", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target),
    )?;
    Ok(target.join("release/kernels"))
}

/// Builds them as somebody would who knows SIMD but not Sprat.
fn others(folder: &Path) -> Result<PathBuf> {
    let target = crate::target().join("kernels");
    crate::run(
        Command::new("cargo")
            .args(["build", "--release", "--quiet", "--target", "wasm32-wasip1", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .args(["--config", "target.wasm32-wasip1.rustflags=[\"-Ctarget-feature=+simd128\"]"]),
    )?;
    Ok(target.join("wasm32-wasip1/release/kernels.wasm"))
}

/// `NAME NANOSECONDS` lines.
fn parse(text: &str) -> Times {
    let line = |line: &str| {
        let (name, ns) = line.split_once(' ')?;
        Some((name.to_owned(), ns.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn medians(runs: &[Times]) -> Times {
    let names = runs.first().into_iter().flat_map(BTreeMap::keys);
    names
        .map(|name| {
            let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(name).copied()).collect();
            (name.clone(), median(&mut values))
        })
        .collect()
}
