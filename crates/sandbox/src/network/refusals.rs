//! [`Refusals`]: what egress rules refused, told to who can allow it.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Output, Stream};

/// Different refusals of one container that are told; all are counted.
const MAX_TOLD: usize = 16;

/// What egress rules refused.
pub(super) struct Refusals {
    output: Arc<dyn Output>,
    told: Mutex<BTreeSet<String>>,
}

impl Refusals {
    pub(super) fn new(output: Arc<dyn Output>) -> Self {
        Self { output, told: Mutex::default() }
    }

    /// Tells once on the container's stderr what was refused, and what would allow it.
    pub(super) fn tell(&self, what: &str, rule: &str) {
        let line = format!("sprat: {what} was refused; if it is wanted, allow it with --egress {rule}\n");
        tracing::debug!(what, rule, "egress refused");
        {
            let mut told = self.told.lock();
            if told.len() >= MAX_TOLD || !told.insert(rule.to_owned()) {
                return;
            }
        }
        // A stream that is full has more important things to say.
        let _ = self.output.write(Stream::Stderr, line.as_bytes());
    }
}
