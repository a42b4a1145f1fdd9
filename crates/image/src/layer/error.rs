//! [`LayerError`]: why a layer is refused.

use std::io;

/// Why a layer can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The tar as such is damaged.
    #[error("malformed tar at byte {offset}: {reason}")]
    Malformed {
        /// Where, in bytes from the start.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// An entry is hostile or not supported.
    #[error("entry {name:?}: {reason}")]
    Entry {
        /// The entry's name as far as it is text.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A limit is passed.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The layer's source can't be read, or its compression is damaged.
    #[error("cannot read the layer")]
    Read(#[source] io::Error),
    /// The unpacked layer can't be written.
    #[error("cannot write the layer")]
    Write(#[source] io::Error),
}

impl LayerError {
    pub(super) fn entry(name: &[u8], reason: impl Into<String>) -> Self {
        const SHOWN_BYTES: usize = 256;
        let shown = name.get(..SHOWN_BYTES).unwrap_or(name);
        Self::Entry { name: String::from_utf8_lossy(shown).into_owned(), reason: reason.into() }
    }
}
