//! What a wasm binary is, found without compiling it.

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};
use wasmparser::WasmFeatures;

use crate::foreign::{self, WASM_MAGIC};
use crate::interfaces::{self, Interface, Release};
use crate::walk::{Facts, MAX_NAME_BYTES, MAX_NAMES, Named, Stop, walk};
use crate::{ProgramError, features};

/// Bytes of the largest binary that is accepted.
pub const MAX_SIZE: u64 = 256 << 20;
/// Bytes up to which the feature that a refused binary needs is searched for; it takes some passes over it.
const MAX_SIZE_FOR_SEARCH: usize = 4 << 20;
/// Missing imports that an error names.
const MAX_MISSING_NAMED: usize = 50;

/// What a binary is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// SHA-256 of the binary, hexadecimal.
    pub sha256: String,
    /// Bytes of the binary.
    pub size: u64,
    /// Core module or component.
    pub encoding: Encoding,
    /// What it can be used as.
    pub kind: Kind,
    /// Which WASI it speaks.
    pub wasi: Wasi,
    /// Everything it imports.
    pub imports: Vec<Import>,
    /// Names of everything it exports.
    pub exports: Vec<String>,
    /// Languages, tools and SDKs of the producers section.
    pub producers: Vec<Producer>,
    /// Bytes of the code sections.
    pub code_size: u64,
    /// Bytes of the data sections.
    pub data_size: u64,
    /// Core functions defined.
    pub functions: u64,
    /// Initial linear memory in bytes, all memories together.
    pub initial_memory: u64,
}

/// The binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// A core module.
    Core,
    /// A component.
    Component,
}

/// What a program can be used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It has an entry point: `_start`, or `wasi:cli/run`.
    Command,
    /// It exports `wasi:http` `incoming-handler` (0.2) or `handler` (0.3).
    HttpService,
    /// It only exports functions.
    Functions,
}

/// The WASI version a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wasi {
    /// None at all.
    #[serde(rename = "none")]
    None,
    /// WASI 0.1 (`wasi_snapshot_preview1`).
    #[serde(rename = "0.1")]
    P1,
    /// WASI 0.2.
    #[serde(rename = "0.2")]
    P2,
    /// WASI 0.3.
    #[serde(rename = "0.3")]
    P3,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The module or interface: `wasi_snapshot_preview1`, `wasi:cli/stdout@0.2.3`.
    pub module: String,
    /// The field of a core import; empty for a component's instance import.
    pub name: String,
    /// What it is: `func`, `memory`, `table`, `global`, `tag`, `instance`, `component` …
    pub kind: String,
    /// Sprat has it. Programs with other imports can be looked at, but not run.
    #[serde(default = "offered")]
    pub offered: bool,
}

/// Descriptions written before there was this field are of programs that were accepted.
const fn offered() -> bool {
    true
}

/// One entry of a producers section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// The tool's name.
    pub name: String,
    /// Its version, possibly empty.
    pub version: String,
}

/// Tells what `bytes` are, and refuses what can't be run. Accepts binaries only; text is turned into a binary by
/// [`crate::to_binary`].
///
/// # Errors
/// Those of [`survey`], and imports that are not offered.
pub fn describe(bytes: &[u8]) -> Result<Description, ProgramError> {
    let description = survey(bytes)?;
    if description.imports.iter().any(|import| !import.offered && import.module == interfaces::UNSTABLE) {
        return Err(ProgramError::Unsupported(
            "WASI 0.0 (imports from wasi_unstable), which is too old: build it for wasm32-wasip1 or wasm32-wasip2"
                .to_owned(),
        ));
    }
    refuse_missing(&description)?;
    Ok(description)
}

/// Tells what `bytes` are, for looking at them: imports that nobody offers are marked, not refused.
///
/// Pure, and total: no bytes make it panic. Every function body is validated, so what passes here fails in the compiler
/// only at the compiler's own limits.
///
/// # Errors
/// Not wasm, truncated, malformed, larger than [`MAX_SIZE`], in need of a feature that is not offered, or precompiled.
pub fn survey(bytes: &[u8]) -> Result<Description, ProgramError> {
    check_size(bytes)?;
    if !bytes.starts_with(WASM_MAGIC) {
        return Err(if foreign::is_precompiled(bytes) {
            ProgramError::Precompiled
        } else {
            ProgramError::NotWasm { found: foreign::name(bytes) }
        });
    }
    let (facts, concurrent) = facts(bytes)?;
    let (kind, wasi) = if facts.component { classify_component(&facts)? } else { classify_core(&facts) };
    let component = facts.component;
    Ok(Description {
        sha256: sha256(bytes),
        size: bytes.len() as u64,
        encoding: if facts.component { Encoding::Component } else { Encoding::Core },
        kind,
        // Asynchronous functions came with 0.3 and need its engine, whatever else the component speaks.
        wasi: if concurrent { Wasi::P3 } else { wasi },
        imports: facts.imports.into_iter().map(|named| import(named, component)).collect(),
        exports: facts.exports.into_iter().map(|export| export.name).collect(),
        producers: facts.producers,
        code_size: facts.code_size,
        data_size: facts.data_size,
        functions: facts.functions,
        initial_memory: facts.initial_memory,
    })
}

/// Refuses what is too large to be looked at.
pub(crate) fn check_size(bytes: &[u8]) -> Result<(), ProgramError> {
    let size = bytes.len() as u64;
    if size > MAX_SIZE { Err(ProgramError::TooLarge { size, limit: MAX_SIZE }) } else { Ok(()) }
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn import(named: Named, component: bool) -> Import {
    let offered = if component {
        named.inert || interfaces::offers_interface(&named.module)
    } else {
        named.kind == "func" && interfaces::offers_function(&named.module, &named.name)
    };
    Import { module: named.module, name: named.name, kind: named.kind.to_owned(), offered }
}

/// The facts, and whether they need an engine with concurrency support.
fn facts(bytes: &[u8]) -> Result<(Facts, bool), ProgramError> {
    let first = match walk(bytes, features::OFFERED) {
        Ok(facts) => return Ok((facts, false)),
        Err(Stop::TooManyNames) => return Err(too_many_names()),
        Err(Stop::Invalid(error)) => error,
    };
    let offered = features::OFFERED.union(features::CONCURRENT);
    match walk(bytes, offered) {
        Ok(facts) => Ok((facts, true)),
        Err(Stop::TooManyNames) => Err(too_many_names()),
        // The later error is the truer one: the first may only say that asynchronous functions are off.
        Err(Stop::Invalid(error)) if error.offset() >= first.offset() => Err(refusal(bytes, offered, &error)),
        Err(Stop::Invalid(_)) => Err(refusal(bytes, offered, &first)),
    }
}

fn too_many_names() -> ProgramError {
    ProgramError::Unsupported(format!(
        "more than {MAX_NAMES} imports or exports, or more than {} MiB of their names",
        MAX_NAME_BYTES >> 20
    ))
}

/// Tells binaries that need a feature from broken ones: with the feature, validation gets further.
fn refusal(bytes: &[u8], offered: WasmFeatures, error: &wasmparser::Error) -> ProgramError {
    let offset = error.offset();
    let further = |features: WasmFeatures| match walk(bytes, features) {
        Err(Stop::Invalid(later)) => later.offset() > offset,
        Ok(_) | Err(Stop::TooManyNames) => true,
    };
    let missing = error.missing_wasm_feature().or_else(|| {
        let all = WasmFeatures::all();
        let one_by_one = bytes.len() <= MAX_SIZE_FOR_SEARCH && further(all);
        one_by_one.then(|| all.difference(offered).iter().find(|feature| further(offered.union(*feature)))).flatten()
    });
    match missing {
        Some(feature) => ProgramError::Unsupported(format!("{} (at byte {offset})", features::name(feature))),
        None => ProgramError::Invalid { offset: offset as u64, reason: reason(bytes, error) },
    }
}

fn reason(bytes: &[u8], error: &wasmparser::Error) -> String {
    let message = error.message();
    if message.contains("unexpected end") || error.offset() >= bytes.len() {
        return format!("the binary is truncated: it ends after {} bytes ({message})", bytes.len());
    }
    message.to_owned()
}

fn classify_core(facts: &Facts) -> (Kind, Wasi) {
    let starts = facts.exports.iter().any(|export| export.name == "_start" && export.kind == "func");
    let kind = if starts { Kind::Command } else { Kind::Functions };
    let speaks = facts.imports.iter().any(|import| import.module == interfaces::PREVIEW1);
    (kind, if speaks { Wasi::P1 } else { Wasi::None })
}

fn classify_component(facts: &Facts) -> Result<(Kind, Wasi), ProgramError> {
    let mut kind = Kind::Functions;
    let mut wasi = Wasi::None;
    for name in facts.imports.iter().map(|it| &it.module).chain(facts.exports.iter().map(|it| &it.name)) {
        wasi = wasi.max(wasi_of(name));
    }
    for export in facts.exports.iter().filter_map(|export| Interface::parse(&export.name)) {
        match entry(export)? {
            Some(Kind::Command) => kind = Kind::Command,
            Some(found) if kind == Kind::Functions => kind = found,
            _ => {}
        }
    }
    Ok((kind, wasi))
}

/// What an export makes of a component. An entry point of a draft of WASI is refused, since nothing could call it.
fn entry(export: Interface<'_>) -> Result<Option<Kind>, ProgramError> {
    let kind = match (export.package, export.name) {
        ("wasi:cli", "run") => Kind::Command,
        ("wasi:http", "incoming-handler" | "handler") => Kind::HttpService,
        _ => return Ok(None),
    };
    if export.release.is_none() {
        return Err(ProgramError::Unsupported(format!(
            "{}/{} of WASI {}, a draft: build it for WASI 0.2 or 0.3.0",
            export.package,
            export.name,
            if export.version.is_empty() { "without a version" } else { export.version }
        )));
    }
    Ok(Some(kind))
}

fn wasi_of(name: &str) -> Wasi {
    match Interface::parse(name) {
        Some(interface) if interface.package.starts_with("wasi:") => match interface.release {
            Some(Release::P3) => Wasi::P3,
            Some(Release::P2) => Wasi::P2,
            None => Wasi::None,
        },
        _ => Wasi::None,
    }
}

fn refuse_missing(description: &Description) -> Result<(), ProgramError> {
    let core = description.encoding == Encoding::Core;
    let shown = |import: &Import| match (core, import.kind.as_str()) {
        (true, "func") => format!("{}.{}", import.module, import.name),
        (true, kind) => format!("{}.{} ({kind})", import.module, import.name),
        (false, "instance") => import.module.clone(),
        (false, kind) => format!("{} ({kind})", import.module),
    };
    let mut missing: Vec<String> = description.imports.iter().filter(|it| !it.offered).map(shown).collect();
    let more = missing.len().saturating_sub(MAX_MISSING_NAMED);
    if more > 0 {
        missing.truncate(MAX_MISSING_NAMED);
        missing.push(format!("and {more} more"));
    }
    if missing.is_empty() { Ok(()) } else { Err(ProgramError::MissingImports(missing)) }
}
