//! Installs what the tests and examples need: from Debian's packages and PyPI, into the system or below `target/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::target;

/// Programs that tests drive, and Debian's package of each.
const PROGRAMS: [(&str, &str); 3] =
    [("docker", "docker.io"), ("docker-registry", "docker-registry"), ("skopeo", "skopeo")];

/// WASI targets of the guests.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// What was found or installed.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Python with the compilers of the C and C++ examples.
    pub python: PathBuf,
}

/// Sets everything up; a program that can't be installed is named, and the tests that need it say so.
pub(crate) fn run_quietly() -> Result<Tools> {
    targets()?;
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !installed(program)).collect();
    if !missing.is_empty() {
        let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
        if let Err(error) = packages_install(&packages) {
            eprintln!("xtask: cannot install {} ({error:#}); tests that need them are skipped", packages.join(", "));
        }
    }
    Ok(Tools { python: python()? })
}

/// `cargo xtask setup`
pub(crate) fn run() -> Result<Tools> {
    let tools = run_quietly()?;
    for (program, package) in PROGRAMS {
        let state = if installed(program) { "found" } else { "missing" };
        eprintln!("{program} (Debian's {package}): {state}");
    }
    eprintln!("python with ziglang: {}", tools.python.display());
    Ok(tools)
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).any(|folder| folder.join(program).is_file())
}

/// Installs Debian packages, without their recommendations and without starting services.
fn packages_install(packages: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "--no-install-recommends"]).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    apt.env("RUNLEVEL", "1").stdout(Stdio::null());
    crate::run(Command::new("apt-get").args(["update", "-q"]).stdout(Stdio::null()))?;
    crate::run(&mut apt)
}

/// Adds the WASI targets to the workspace's toolchain, if rustup did not do so by itself.
fn targets() -> Result<()> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("cannot run rustc")?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim()).join("lib/rustlib");
    let missing: Vec<_> = TARGETS.iter().filter(|t| !libraries.join(t).join("lib").is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    crate::run(Command::new("rustup").args(["target", "add"]).args(missing))
}

/// A Python that has the `ziglang` package: the caller's own, or one below `target/`.
fn python() -> Result<PathBuf> {
    let has_zig = |python: &Path| {
        let check = Command::new(python).args(["-c", "import ziglang"]).stderr(Stdio::null()).status();
        check.is_ok_and(|status| status.success())
    };
    let own = PathBuf::from("python3");
    if has_zig(&own) {
        return Ok(own);
    }
    let folder = target().join("venv");
    let python = folder.join("bin/python");
    if !has_zig(&python) {
        crate::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("python3 with venv is needed for the C examples")?;
        crate::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "ziglang"]))?;
    }
    Ok(python)
}
