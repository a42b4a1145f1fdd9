//! The file view: what a guest sees as `/`.
//!
//! Image layers below, provided files over them, an upper folder that appears at the first write, mounts over all.
//! No path leaves its mount, whatever links or `..` say. Synchronous: the calls are short, on local files.
//!
//! - [`FileView`] has the operations. It locks the names (`Namespace`) for what concerns names; reading and writing
//!   of open files (`OpenFile`) needs no lock.
//! - A path is resolved name by name in the guest's own names (`resolve`); a look-up finds an `Entry` in a `Spot`
//!   (`lookup`). The host is reached by single names below open folders only (`host`).
//! - What the guest changes lies in the upper folder as OCI layers have it (`upper`, `copy_up`).
//! - An untouched view holds no descriptor and makes no system call for files of the image.
//!
//! As on overlayfs: a folder of the image can't be renamed, a copy of an image file with several names is a node of
//! its own, and a folder has one link. Not here: streams, `/dev/stdin` and its like, terminals, file locks, extended
//! attributes, changes of owner and mode (WASI has none).

mod access;
mod attributes;
mod budget;
mod clock;
mod copy_up;
mod descriptor;
mod device;
mod entries;
mod errno;
mod host;
mod inner;
mod listing;
mod lookup;
mod make;
mod memory;
mod mounts;
mod namespace;
mod node;
mod open;
mod open_file;
mod path;
mod permission;
mod remove;
mod rename;
mod resolve;
mod shared;
#[cfg(test)]
mod tests;
mod upper;
mod view;
mod visit;

pub(crate) use clock::now_ns;

pub use access::{Access, Create, Follow};
pub use descriptor::Descriptor;
pub(crate) use descriptor::Place;
pub use errno::Errno;
pub use listing::Listing;
pub use node::{DirEntry, Kind, Stat, Times};
pub use view::FileView;
pub use visit::Ownership;
