//! Containers in real, confined workers: this test program, started anew as worker and compiler.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails a test")]

mod images;
mod life;
mod recovery;
mod world;

/// Not a test: what the engine starts as worker.
#[test]
#[ignore = "the worker process of other tests"]
fn worker_process() {
    let options = serde_json::from_str(&std::env::args().next_back().unwrap()).unwrap();
    sprat_worker::serve(options).unwrap();
    std::process::exit(0);
}

/// Not a test: what compiles the guests.
#[test]
#[ignore = "the compiler process of other tests"]
fn compiler_process() {
    let args: Vec<String> = std::env::args().collect();
    let code = i32::from(sprat_program::compile_child(&args[args.len() - 2..]).is_err());
    std::process::exit(code);
}
