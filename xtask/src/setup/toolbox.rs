//! The toolbox's program, which tests run shells and commands from.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::root;

/// Builds `toolbox.wasm` and gives its path. For tests it is compiled without the long optimisation over all its crates that
/// an image deserves.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = root().join("images/toolbox");
    let target = crate::target().join("toolbox");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--target", "wasm32-wasip1", "--target-dir"]).arg(&target);
    cargo.arg("--manifest-path").arg(folder.join("Cargo.toml"));
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    crate::run(&mut cargo)?;
    Ok(target.join("wasm32-wasip1/release/toolbox.wasm"))
}
