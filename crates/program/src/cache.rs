//! The sealed cache of compiled code: one entry per (wasm digest, variant, engine settings, CPU).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{CompilerCommand, Description, ProgramError, Variant};

/// The cache of one installation. The daemon compiles and seals through it. Share it in an `Arc`.
#[derive(Debug)]
pub struct Cache {
    // program helper
}

/// A compiled program in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The code file; its seal lies beside it.
    pub path: PathBuf,
    /// The variant it was compiled for.
    pub variant: Variant,
    /// What the program is.
    pub description: Arc<Description>,
}

/// A compilation under way, for progress displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileProgress {
    /// SHA-256 of the binary, hexadecimal.
    pub sha256: String,
    /// Bytes of the binary.
    pub size: u64,
    /// Milliseconds since it began.
    pub elapsed_ms: u64,
}

impl Cache {
    /// Opens or makes the cache below `root`, with the installation's key (made at the first opening, mode 0600).
    ///
    /// # Errors
    /// The folder or the key can't be made or read.
    pub fn open(_root: &Path, _compiler: CompilerCommand) -> Result<Self, ProgramError> {
        todo!("program helper")
    }

    /// What the binary with this SHA-256 is, if it was seen before.
    #[must_use]
    pub fn described(&self, _sha256: &str) -> Option<Arc<Description>> {
        todo!("program helper")
    }

    /// Describes `wasm` (binary or text), compiles it unless it is cached, and gives the artifact. Concurrent calls for
    /// one program share the work.
    ///
    /// # Errors
    /// The binary can't be used, or the host fails.
    pub async fn prepare(&self, _wasm: Vec<u8>, _shared: bool) -> Result<Artifact, ProgramError> {
        todo!("program helper")
    }

    /// The artifact of a program seen before, without its bytes; `None` when it has to be compiled. Cheap: no file is
    /// read when it was found once in this process.
    #[must_use]
    pub fn lookup(&self, _sha256: &str, _shared: bool) -> Option<Artifact> {
        todo!("program helper")
    }

    /// Compilations under way.
    #[must_use]
    pub fn compilations(&self) -> Vec<CompileProgress> {
        todo!("program helper")
    }

    /// Removes entries that were not used for `days` days; returns the bytes freed.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn prune(&self, _days: u32) -> Result<u64, ProgramError> {
        todo!("program helper")
    }
}
