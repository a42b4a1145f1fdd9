//! Limits of the process.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Limits the process's memory (0 is no limit) and forbids core dumps, which would hold guests' secrets.
pub(super) fn apply(memory_bytes: u64, warnings: &mut Vec<String>) {
    let mut limit = |name: &str, resource, most: u64| {
        if let Err(error) = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            warnings.push(format!("rlimits: {name} can't be set to {most}: {error}"));
        }
    };
    limit("core", Resource::Core, 0);
    if memory_bytes > 0 {
        // Not the address space: pools reserve terabytes of it. This counts what is private and writable.
        limit("data", Resource::Data, memory_bytes);
    }
}
