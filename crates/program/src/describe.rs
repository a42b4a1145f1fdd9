//! What a wasm binary is, found without compiling it.

use serde::{Deserialize, Serialize};

use crate::ProgramError;

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

/// Tells what `bytes` are. Accepts binaries only; text is turned to a binary by the caller with [`crate::ProgramError`]
/// naming line and column when that fails.
///
/// # Errors
/// Not wasm, truncated, malformed, larger than the limit, in need of a feature that is not offered, or precompiled.
pub fn describe(_bytes: &[u8]) -> Result<Description, ProgramError> {
    todo!("program helper")
}
