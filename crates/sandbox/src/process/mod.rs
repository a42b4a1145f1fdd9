//! The processes of a container.

mod resolver;
mod spec;

pub use resolver::{Resolver, Resolving, Unresolved, Wanted};
pub use spec::{ProcessSpec, ProcessStatus};
