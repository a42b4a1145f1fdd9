//! Compiles the reaper's program (`src/reaper/guest`) for WASI 0.1, with the compiler that compiles the engine.
//!
//! Where that has no such target (rust-toolchain.toml asks for it, but not every toolchain heeds it), the engine has no reaper: a
//! warning says so, and the name `testcontainers/ryuk` is one as any other.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/reaper");
    let variable = |name: &str| std::env::var_os(name).ok_or_else(|| format!("cargo sets {name}"));
    let rustc = PathBuf::from(variable("RUSTC")?);
    let program = Path::new(&variable("OUT_DIR")?).join("reaper.wasm");
    if !has_target(&rustc)? {
        println!("cargo::warning=built without the reaper for Testcontainers: run `rustup target add {TARGET}`");
        std::fs::write(program, [])?;
        return Ok(());
    }
    let mut command = Command::new(rustc);
    command.args([
        "--edition=2024",
        "--crate-name=reaper",
        "--target",
        TARGET,
        "-Copt-level=s",
        "-Clto",
        "-Cpanic=abort",
    ]);
    // The same program wherever it is built: its digest is how its containers are known.
    command.arg("-Cstrip=symbols").arg(format!("--remap-path-prefix={}=.", std::env::current_dir()?.display()));
    let status = command.arg("src/reaper/guest/main.rs").arg("-o").arg(program).status()?;
    if status.success() { Ok(()) } else { Err(format!("the reaper's program does not compile: {status}").into()) }
}

fn has_target(rustc: &Path) -> Result<bool, Box<dyn Error>> {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}
