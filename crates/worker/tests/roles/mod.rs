//! Roles that a test's program plays when it is started anew, for all rooms whose tests need real workers: each includes
//! this file as its module `roles`.

use std::path::PathBuf;

/// This program, and its arguments for a role: `worker_process` or `compiler_process`.
pub(crate) fn this_program(role: &str) -> (PathBuf, Vec<String>) {
    let args = ["--exact", &format!("roles::{role}"), "--ignored", "--nocapture"].map(str::to_owned);
    (std::env::current_exe().unwrap(), args.into())
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
