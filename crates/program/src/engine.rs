//! Engine settings: one [`wasmtime::Engine`] per [`Variant`].

use serde::{Deserialize, Serialize};

use crate::{ProgramError, Wasi};

/// How code is compiled. Code of one variant runs only on an engine of the same variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant {
    /// With epoch checks: it can be interrupted, so it may share a worker. Without, only killing its process ends it.
    pub interruptible: bool,
    /// With the concurrency support that WASI 0.3 needs, and that costs the others speed.
    pub concurrent: bool,
}

impl Variant {
    /// The variant for a program of this WASI version, in a shared worker or one of its own.
    #[must_use]
    pub const fn new(wasi: Wasi, shared: bool) -> Self {
        Self { interruptible: shared, concurrent: matches!(wasi, Wasi::P3) }
    }
}

/// The run-time side of an engine: pools. It does not change compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Guests at once. Zero: no pools (for compiling).
    pub slots: u32,
    /// Largest linear memory in bytes.
    pub max_memory: u64,
}

/// Makes the engine of a variant.
///
/// # Errors
/// The host can't hold the pools.
pub fn engine(_variant: Variant, _options: EngineOptions) -> Result<wasmtime::Engine, ProgramError> {
    todo!("program helper")
}
