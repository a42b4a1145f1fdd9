//! Which imports Sprat's hosts offer. The hosts themselves live in the sandbox; here are only names.

/// The module of WASI 0.1.
pub const PREVIEW1: &str = "wasi_snapshot_preview1";
/// The module of its predecessor, which nobody builds for any more.
pub(crate) const UNSTABLE: &str = "wasi_unstable";

/// The functions of WASI 0.1.
pub const PREVIEW1_FUNCTIONS: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// The module of Sprat's own functions that start processes, for programs that speak WASI 0.1. See `docs/process.md`.
pub const PROCESS: &str = "sprat_process";

/// Its functions.
pub const PROCESS_FUNCTIONS: &[&str] = &["dup", "dup2", "getpid", "kill", "pipe", "spawn", "wait"];

/// The same as an interface of components.
const PROCESS_INTERFACE: &str = "sprat:process/processes@0.1.0";

/// The interfaces of WASI 0.2, by package.
const P2: &[(&str, &[&str])] = &[
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", &["types", "preopens"]),
    ("wasi:http", &["types", "outgoing-handler"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    (
        "wasi:sockets",
        &["network", "instance-network", "ip-name-lookup", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
    ),
];

/// The interfaces of WASI 0.3, by package.
const P3: &[(&str, &[&str])] = &[
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "types",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:clocks", &["monotonic-clock", "system-clock", "types"]),
    ("wasi:filesystem", &["types", "preopens"]),
    ("wasi:http", &["types", "client"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    ("wasi:sockets", &["types", "ip-name-lookup"]),
];

/// Whether a core module's import of this function is offered.
pub fn offers_function(module: &str, name: &str) -> bool {
    match module {
        PREVIEW1 => PREVIEW1_FUNCTIONS.contains(&name),
        PROCESS => PROCESS_FUNCTIONS.contains(&name),
        _ => false,
    }
}

/// Whether a component's import of this interface is offered.
pub fn offers_interface(import: &str) -> bool {
    if import == PROCESS_INTERFACE {
        return true;
    }
    let Some(interface) = Interface::parse(import) else { return false };
    let packages = match interface.release {
        Some(Release::P2) => P2,
        Some(Release::P3) => P3,
        None => return false,
    };
    packages.iter().any(|(package, names)| *package == interface.package && names.contains(&interface.name))
}

/// A released WASI that components speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// 0.2.x
    P2,
    /// 0.3.x
    P3,
}

/// The parts of `wasi:cli/run@0.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interface<'a> {
    /// `wasi:cli`
    pub(crate) package: &'a str,
    /// `run`
    pub(crate) name: &'a str,
    /// `0.2.3`, or nothing.
    pub(crate) version: &'a str,
    /// The release this version belongs to. Previews and candidates belong to none.
    pub(crate) release: Option<Release>,
}

impl<'a> Interface<'a> {
    pub(crate) fn parse(import: &'a str) -> Option<Self> {
        let (path, version) = import.split_once('@').unwrap_or((import, ""));
        let (package, name) = path.split_once('/')?;
        package.contains(':').then(|| Self { package, name, version, release: release(version) })
    }
}

fn release(version: &str) -> Option<Release> {
    let (release, patch) = version
        .strip_prefix("0.2.")
        .map(|patch| (Release::P2, patch))
        .or_else(|| version.strip_prefix("0.3.").map(|patch| (Release::P3, patch)))?;
    (!patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit())).then_some(release)
}
