//! Loading sealed code, with mmap.

use std::path::Path;

use crate::{ProgramError, Variant};

/// Compiled code, ready to be linked.
#[derive(Clone)]
pub enum Code {
    /// A core module.
    Module(wasmtime::Module),
    /// A component.
    Component(wasmtime::component::Component),
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Module(_) => "Module",
            Self::Component(_) => "Component",
        })
    }
}

/// Checks the seal of an artifact with the installation's key (`key` is the key file's bytes) and maps its code.
///
/// # Errors
/// The seal does not match this installation, version, variant or CPU; or the host fails. It is never run then.
pub fn load(
    _engine: &wasmtime::Engine,
    _variant: Variant,
    _artifact: &Path,
    _key: &[u8],
) -> Result<Code, ProgramError> {
    todo!("program helper")
}
