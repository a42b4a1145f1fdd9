//! Roles that a test's program plays when it is started anew, for all rooms whose tests need real workers: each includes
//! this file as its module `roles`.

use std::path::{Path, PathBuf};

/// This program, and its arguments for a role: `worker_process` or `compiler_process`.
pub(crate) fn this_program(role: &str) -> (PathBuf, Vec<String>) {
    let args = ["--exact", &format!("roles::{role}"), "--ignored", "--nocapture"].map(str::to_owned);
    (std::env::current_exe().unwrap(), args.into())
}

/// A test's folder. Whatever way the test ends, the workers whose files are there end with it: a test that failed midway
/// can't stop its containers, and they would compute for ever.
#[derive(Debug)]
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("sprat-").tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for pid in processes_of(self.path()) {
            // It may have ended already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Processes that were started with a path below this folder among their arguments, as workers are.
fn processes_of(folder: &Path) -> Vec<rustix::process::Pid> {
    let folder = folder.to_str().unwrap();
    let is_one = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(folder)
    };
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(is_one).filter_map(rustix::process::Pid::from_raw).collect()
}

/// Not a test: what runs guests.
#[test]
#[ignore = "the worker process of other tests"]
fn worker_process() {
    let options = serde_json::from_str(&std::env::args().next_back().unwrap()).unwrap();
    sprat_worker::serve(options).unwrap();
    std::process::exit(0);
}

/// Not a test: what compiles guests.
#[test]
#[ignore = "the compiler process of other tests"]
fn compiler_process() {
    let args: Vec<String> = std::env::args().collect();
    assert_eq!(sprat_worker::confine_compiler(std::path::Path::new(args.last().unwrap())), Vec::<String>::new());
    let code = i32::from(sprat_program::compile_child(&args[args.len() - 2..]).is_err());
    std::process::exit(code);
}
