//! The file view: what a guest sees as `/`.
//!
//! Image layers below, provided files over them, an upper folder that appears at the first write, mounts over all.
//! No path leaves its mount, whatever links or `..` say. Synchronous: the calls are short, on local files.

mod errno;
mod view;

pub use errno::Errno;
pub use view::{Access, Create, Descriptor, DirEntry, FileView, Follow, Kind, Stat, Times};
