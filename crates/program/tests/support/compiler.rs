//! The compiler's process of the tests: what `sprat` does for its hidden verb, and ways to misbehave.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((verb, args)) if verb == "compile" => match sprat_program::compile_child(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        // Ends well without having written code.
        Some((verb, _)) if verb == "idle" => ExitCode::SUCCESS,
        // Runs past the limit of its address space.
        Some((verb, args)) if verb == "glutton" => {
            let _ = sprat_program::compile_child(args);
            let hoard: Vec<u8> = Vec::with_capacity(5 << 30);
            ExitCode::from(u8::from(hoard.is_empty()))
        }
        // Dies without a word.
        Some((verb, _)) if verb == "crash" => std::process::abort(),
        _ => ExitCode::from(2),
    }
}
