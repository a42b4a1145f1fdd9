//! Installs what the tests and examples need: from Debian's packages, PyPI and npm, into the system or below `target/`.

mod clients;
mod toolbox;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

pub(crate) use clients::Clients;

/// Programs that tests drive, and Debian's package of each.
const PROGRAMS: [(&str, &str); 4] =
    [("docker", "docker.io"), ("docker-registry", "docker-registry"), ("openssl", "openssl"), ("skopeo", "skopeo")];

/// WASI targets of the guests.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// What was found or installed.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// Clients that judge Docker's API.
    pub clients: Clients,
    /// The toolbox's program.
    pub toolbox: Option<PathBuf>,
    /// What could not be had, and why; the tests that need it skip.
    pub missing: Vec<String>,
}

/// Sets up what can be. Only the Rust targets are needed by all tests; whatever else is missing is named.
pub(crate) fn run_quietly() -> Result<Tools> {
    targets()?;
    let mut tools = Tools::default();
    let mut packages: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| !installed(program)).map(|(_, package)| *package).collect();
    if !has_venv() {
        packages.extend(["python3", "python3-venv"]);
    }
    let refusal = match packages.as_slice() {
        [] => None,
        packages => packages_install(packages).err(),
    };
    for (program, package) in PROGRAMS.iter().filter(|(program, _)| !installed(program)) {
        let why = refusal.as_ref().map_or_else(|| "its package has no such program".to_owned(), |e| format!("{e:#}"));
        tools.missing.push(format!("{program} (Debian's {package}): {why}"));
    }
    tools.clients = Clients::install();
    tools.missing.append(&mut tools.clients.missing);
    match toolbox::build() {
        Ok(program) => tools.toolbox = Some(program),
        Err(error) => tools.missing.push(format!("the toolbox (images/toolbox): {error:#}")),
    }
    Ok(tools)
}

/// Says what is missing, and so what was not tested.
pub(crate) fn tell_missing(tools: &Tools) {
    for missing in &tools.missing {
        eprintln!("xtask: MISSING, the tests that need it are skipped: {missing}");
    }
}

/// `cargo xtask setup`; `all` makes a failure of anything that is missing.
pub(crate) fn run(all: bool) -> Result<()> {
    let tools = run_quietly()?;
    for (program, package) in PROGRAMS.iter().filter(|(program, _)| installed(program)) {
        eprintln!("{program} (Debian's {package}): found");
    }
    tell_missing(&tools);
    if all && !tools.missing.is_empty() {
        bail!("{} of the tests' tools are missing, and --all asks for all of them", tools.missing.len());
    }
    Ok(())
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

/// Python can make environments of its own (Debian has that in a package apart).
fn has_venv() -> bool {
    has_modules(Path::new("python3"), "venv, ensurepip")
}

fn has_modules(python: &Path, modules: &str) -> bool {
    let check = Command::new(python).args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
    check.is_ok_and(|status| status.success())
}
