//! [`Exit`]: how a guest ended.

use serde::{Deserialize, Serialize};

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It ended by itself with this status.
    Code(u8),
    /// It trapped. The text has the cause and the wasm backtrace; it was also written to the guest's stderr.
    Trap(String),
    /// It trapped or aborted after its memory limit was hit.
    OutOfMemory(String),
    /// It was stopped by a terminate (143) or interrupt (130) request, or killed (137).
    Signalled(u8),
    /// It ran past its wall-clock limit.
    TimedOut,
    /// It could not be started: the code can't be loaded, an import is missing, a folder is not there.
    Failed(String),
}

impl Exit {
    /// The exit status as the fixed points have it.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Code(code) => *code,
            Self::Trap(_) => 134,
            Self::OutOfMemory(_) => 137,
            Self::Signalled(status) => *status,
            Self::TimedOut => 124,
            Self::Failed(_) => 126,
        }
    }
}
