//! The whole, tested as users see it: the real binary, a daemon of the test's own, real clients.
//!
//! Each [`Installation`] has its own root, socket and workers below a temporary folder, so tests share nothing.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod authority;
mod client;
mod dockerd;
mod guests;
mod installation;
mod output;
mod proxy;
mod registry;

pub use authority::Authority;
pub use client::Api;
pub use dockerd::Dockerd;
pub use guests::{example, native_guest, open, path_at_1024, rust_guest, rust_guest_of, wat};
pub use installation::Installation;
pub use output::{Output, run};
pub use proxy::Proxy;
pub use registry::{Door, Registry};

/// The path of a program that a test needs, or a printed reason to skip it.
#[must_use]
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/bin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed (`cargo xtask setup` installs it)");
    }
    found
}
