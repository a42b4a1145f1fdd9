//! Compiles a Cargo project for WASI.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::CliError;
use crate::render::progress::Activity;

/// The target when the project names none.
const DEFAULT_TARGET: &str = "wasm32-wasip2";

/// Vector code, and loops unrolled so far that interruption checks cost little (see `docs/benchmarks.md`).
const RUSTFLAGS: &str =
    r#"["-Ctarget-feature=+simd128", "-Cllvm-args=-force-vector-interleave=8 -unroll-threshold=4000"]"#;

/// Builds the project in release and gives its programs.
pub(super) fn build(folder: &Path, activity: &Activity) -> Result<Vec<PathBuf>, CliError> {
    let target = target(folder);
    install_target(folder, &target, activity)?;
    activity.say(&format!("Compiling {} for {target}", folder.display()));
    let mut child = Command::new("cargo")
        .args(["build", "--release", "--message-format=json-render-diagnostics", "--target", &target])
        .args(["--config", &format!("target.{target}.rustflags={RUSTFLAGS}")])
        .args(["--color", if activity.is_terminal() { "always" } else { "never" }])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| {
            CliError::new("cannot run cargo")
                .why(e)
                .fix("install Rust with rustup, or compile the program yourself and name the .wasm")
        })?;
    let notes = child.stderr.take().map(collect);
    let mut programs = Vec::new();
    let mut crates = 0_u32;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("/reason") != "compiler-artifact" {
            continue;
        }
        crates += 1;
        activity.say(&format!("Compiling {} for {target} ({crates} crates)", text("/target/name")));
        let executable = PathBuf::from(text("/executable"));
        if is_wasm(&executable) {
            programs.push(executable);
        }
        programs.extend(library(&message, folder));
    }
    let status = child.wait()?;
    let notes = notes.and_then(|thread| thread.join().ok()).unwrap_or_default();
    if !status.success() {
        activity.stop();
        err!("{notes}");
        return Err(CliError::new(format!("cargo could not build {}", folder.display()))
            .why(status)
            .fix("see its output above"));
    }
    if programs.is_empty() {
        return Err(CliError::new(format!("the Cargo project {} has no program", folder.display()))
            .fix("give it a src/main.rs, a [[bin]] target, or, for an HTTP service, a library of crate-type cdylib"));
    }
    Ok(programs)
}

fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm")
}

/// The component that a library of the project became: a program without a `main` is one, an HTTP service for example.
fn library(message: &Value, folder: &Path) -> Option<PathBuf> {
    let kinds = message.pointer("/target/crate_types").and_then(Value::as_array)?;
    let manifest = Path::new(message.pointer("/manifest_path").and_then(Value::as_str)?);
    let own = folder.canonicalize().is_ok_and(|folder| manifest.starts_with(folder));
    let files = message.pointer("/filenames").and_then(Value::as_array)?;
    let mut files = files.iter().filter_map(Value::as_str).map(PathBuf::from);
    if own && kinds.iter().any(|kind| kind == "cdylib") { files.find(|file| is_wasm(file)) } else { None }
}

/// Reads a pipe to its end beside us, so that neither side waits for the other.
fn collect(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe only shortens what is shown.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The project's own `build.target`, if it is a WASI one.
fn target(folder: &Path) -> String {
    let config = fs_err::read_to_string(folder.join(".cargo/config.toml")).unwrap_or_default();
    let config: toml::Table = config.parse().unwrap_or_default();
    let named = config.get("build").and_then(|build| build.get("target")).and_then(toml::Value::as_str);
    named.filter(|t| t.starts_with("wasm32-")).unwrap_or(DEFAULT_TARGET).to_owned()
}

/// Adds the target's standard library by rustup if it is missing.
fn install_target(folder: &Path, target: &str, activity: &Activity) -> Result<(), CliError> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(folder).output();
    let Ok(sysroot) = sysroot else { return Ok(()) };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(target).join("lib").is_dir() {
        return Ok(());
    }
    activity.say(&format!("Adding the Rust target {target}"));
    let fix = format!("run `rustup target add {target}`");
    let output = Command::new("rustup")
        .args(["target", "add", target])
        .current_dir(folder)
        .output()
        .map_err(|e| CliError::new(format!("the Rust target {target} is not installed")).why(e).fix(&fix))?;
    if output.status.success() {
        return Ok(());
    }
    Err(CliError::new(format!("the Rust target {target} could not be added"))
        .why(String::from_utf8_lossy(&output.stderr).trim())
        .fix(fix))
}
