//! Progress of long operations, as data: the doors render it.

use std::sync::Arc;

/// One step of a pull, push, load or build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What moves: a layer's short digest, a tag; empty for the operation as a whole.
    pub id: String,
    /// Docker's word for the state: `Pulling fs layer`, `Downloading`, `Download complete`, `Pull complete`,
    /// `Already exists`, `Pushed` …
    pub status: String,
    /// Bytes done, when known.
    pub current: Option<u64>,
    /// Bytes in all, when known.
    pub total: Option<u64>,
}

/// Takes progress. It must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;
