//! A container's files, for copies in and out of it: image layers, what it wrote, and its mounts, as its guests see them.
//!
//! It may run or not. Links never lead out of the container, as they are resolved in its own names.

mod changes;
mod copy_in;
mod copy_out;
mod evaluate;
mod found;
mod visit;

pub use changes::{Change, ChangeKind};
pub use copy_in::CopyIn;
pub(crate) use found::Found;

pub use copy_out::{PathKind, PathStat};
