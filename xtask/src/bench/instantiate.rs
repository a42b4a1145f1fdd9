//! A fresh instance inside the worker, from the sandbox room's own benchmark.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::table::Table;

/// Benchmark and bound in microseconds.
const FIGURES: [(&str, &str, f64); 3] =
    [("core", "core module", 1.0), ("0.1", "WASI 0.1", 1.6), ("0.2", "WASI 0.2", 4.5)];

pub(super) fn measure(table: &mut Table) -> Result<()> {
    crate::run(
        Command::new("cargo")
            .args(["bench", "--package", "sprat-sandbox", "--bench", "instantiate"])
            .stdout(Stdio::null()),
    )?;
    for (name, kind, bound) in FIGURES {
        let us = median_us(&format!("instantiate_{name}"))?;
        table.at_most(
            format!("fresh instance inside the worker (store and instance): {kind}, median"),
            us,
            bound,
            "µs",
        );
    }
    Ok(())
}

/// The median that criterion measured, in microseconds.
pub(super) fn median_us(name: &str) -> Result<f64> {
    let path = crate::target().join("criterion").join(name).join("new/estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    let ns = estimates.pointer("/median/point_estimate").and_then(Value::as_f64).context("a median")?;
    Ok(ns / 1e3)
}
