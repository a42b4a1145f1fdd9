//! The compiler's process: [`compile_child`].
//!
//! The compiler meets hostile input, so it never runs in daemon or worker. The child has limits, no key and no
//! environment; it reads wasm from its standard input and writes code to the one file it was named. Its parent seals.

use std::io::{Read, Write};
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::engine::EngineOptions;
use crate::wire::Wire;
use crate::{MAX_SIZE, ProgramError, Variant, engine};

/// Bytes of address space of the compiler.
pub(crate) const MAX_MEMORY: u64 = 4 << 30;
/// Seconds of CPU time, of all its threads together.
pub(crate) const MAX_CPU_SECONDS: u64 = 300;
/// Bytes of compiled code.
pub(crate) const MAX_CODE: u64 = 2 << 30;
/// Between the signal that names the CPU limit and the one that can't be caught, in seconds.
const CPU_GRACE_SECONDS: u64 = 5;

/// The child's whole job, called by `main` for the hidden verb: limits itself (rlimits), compiles, writes, ends.
/// `args` are those this room added to the command.
///
/// # Errors
/// What is wrong with the binary. It was printed as JSON on standard output for the parent; `main` exits with 1.
pub fn compile_child(args: &[String]) -> Result<(), ProgramError> {
    run(args).inspect_err(report)
}

fn run(args: &[String]) -> Result<(), ProgramError> {
    limit_this_process().map_err(|source| ProgramError::io("limit the compiler", source))?;
    let [variant, output] = args else {
        return Err(ProgramError::Compile("the compiler takes a variant and a file".to_owned()));
    };
    let variant =
        Variant::named(variant).ok_or_else(|| ProgramError::Compile(format!("there is no variant {variant}")))?;
    let wasm = read_input()?;
    let engine = engine(variant, EngineOptions::COMPILER)?;
    let code = if wasmparser::Parser::is_component(&wasm) {
        engine.precompile_component(&wasm)
    } else if wasmparser::Parser::is_core_wasm(&wasm) {
        engine.precompile_module(&wasm)
    } else {
        return Err(ProgramError::NotWasm { found: crate::foreign::name(&wasm) });
    };
    let code = code.map_err(|error| ProgramError::Compile(format!("{error:#}")))?;
    write(Path::new(output), &code).map_err(|source| ProgramError::io("write the compiled code", source))
}

fn read_input() -> Result<Vec<u8>, ProgramError> {
    let mut wasm = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_SIZE + 1)
        .read_to_end(&mut wasm)
        .map_err(|source| ProgramError::io("read the wasm binary", source))?;
    let size = wasm.len() as u64;
    if size > MAX_SIZE { Err(ProgramError::TooLarge { size, limit: MAX_SIZE }) } else { Ok(wasm) }
}

fn write(output: &Path, code: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(output)?;
    file.write_all(code)
}

/// If the parent is gone nobody needs the report.
fn report(error: &ProgramError) {
    if let Ok(json) = serde_json::to_string(&Wire::of(error)) {
        let _ = writeln!(std::io::stdout().lock(), "{json}");
    }
}

fn limit_this_process() -> std::io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::As, MAX_MEMORY, MAX_MEMORY)?;
    limit(Resource::Fsize, MAX_CODE, MAX_CODE)?;
    limit(Resource::Cpu, MAX_CPU_SECONDS, MAX_CPU_SECONDS + CPU_GRACE_SECONDS)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> std::io::Result<()> {
    let before = getrlimit(resource);
    let lower = |limit: u64, before: Option<u64>| Some(before.map_or(limit, |before| before.min(limit)));
    let maximum = lower(hard, before.maximum);
    Ok(setrlimit(resource, Rlimit { current: lower(soft, before.current), maximum })?)
}
