//! The processes of a container.
//!
//! The first program has number 1, and its end is the end of all others. Further ones are started from outside
//! ([`crate::Sandbox::start_within`]) or by guests ([`spawn`]): through functions of the module `sprat_process` for WASI 0.1
//! and the interface `sprat:process` for components. All share the container's files, limits and network ([`group`]); who
//! is whose child, and who waits for whom, is in one [`table`]. Standard streams of a child are what its parent has open, or
//! ends of [`pipe`]s.
//!
//! What a path stands for as a compiled program the sandbox does not know: it asks a [`Resolver`].

pub(crate) mod group;
pub(crate) mod pipe;
mod resolver;
pub(crate) mod spawn;
mod spec;
pub(crate) mod table;

pub use resolver::{Resolver, Resolving, Unresolved, Wanted};
pub use spec::{ProcessSpec, ProcessStatus};
