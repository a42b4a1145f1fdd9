//! Build contexts: the patterns of `.dockerignore`, walking a folder, packing it as a tar.
//!
//! Both ends of a build need the same rules: the CLI when it packs a folder, the builder when it reads what a client
//! sent. The order of a packed tar depends on names alone, owners are always 0, and links stay links: nothing outside
//! the folder is read, except the extra files that the caller names.
//!
//! This room does not read Dockerfiles, does not compress, and does not unpack anything.

mod clean;
mod error;
mod ignore;
mod pack;
mod pattern;
mod walk;

pub use clean::clean;
pub use error::ContextError;
pub use ignore::{IGNORE_FILE, Ignore, MAX_IGNORE_BYTES, MAX_PATTERNS};
pub use pack::{Extra, ExtraContent, MAX_CONTEXT_BYTES, PackOptions, Packed, pack, read_ignore};
pub use pattern::{MAX_PATTERN_BYTES, Pattern, PatternError};
pub use walk::{Entry, EntryKind, MAX_DEPTH, MAX_ENTRIES, walk};
