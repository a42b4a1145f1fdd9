//! [`ProgramError`]: why a binary can't be used.

use std::path::PathBuf;

/// Why a binary can't be used. See [`ProgramError::code`] for the stable code of each.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The bytes are no wasm.
    #[error("not a wasm binary but {found}")]
    NotWasm {
        /// What it is: `an ELF executable`, `a script (#!)`, `a folder`, or its first bytes.
        found: String,
    },
    /// Precompiled code is never taken from outside.
    #[error("this is precompiled machine code (.cwasm), not wasm: Sprat loads only code it compiled itself")]
    Precompiled,
    /// The binary is malformed.
    #[error("invalid wasm at byte {offset}: {reason}")]
    Invalid {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The text format is malformed.
    #[error("invalid wasm text: {0}")]
    InvalidText(String),
    /// The binary is too large.
    #[error("the wasm binary has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It needs features that are not offered.
    #[error("the program needs what Sprat does not offer: {0}")]
    Unsupported(String),
    /// It imports what nobody offers.
    #[error("the program imports what nobody offers: {}", .0.join(", "))]
    MissingImports(Vec<String>),
    /// The compiler refused it or ran past its limits.
    #[error("cannot compile the program: {0}")]
    Compile(String),
    /// Cached code is not from this installation, or was changed. Never run; the cache recompiles it.
    #[error("the compiled code in {path} is not sealed by this installation: {reason}")]
    Seal {
        /// The file.
        path: PathBuf,
        /// What does not match.
        reason: String,
    },
    /// The key that seals compiled code can't be trusted.
    #[error("cannot use the key {path}: {reason}")]
    Key {
        /// The key file.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// The host's file system fails.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl ProgramError {
    /// A stable code, such as `wasm_invalid`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotWasm { .. } => "wasm_not_wasm",
            Self::Precompiled => "wasm_precompiled",
            Self::Invalid { .. } => "wasm_invalid",
            Self::InvalidText(_) => "wat_invalid",
            Self::TooLarge { .. } => "wasm_too_large",
            Self::Unsupported(_) => "wasm_unsupported",
            Self::MissingImports(_) => "wasm_missing_imports",
            Self::Compile(_) => "wasm_compile_failed",
            Self::Seal { .. } => "code_not_sealed",
            Self::Key { .. } => "code_key_untrusted",
            Self::Io { .. } => "io",
        }
    }

    pub(crate) fn io(action: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { action: action.into(), source }
    }
}
