//! The guest that runs on Sprat and on dockerd alike, so that their answers can be compared: `probe COMMAND [ARGUMENT…]`.

use std::io::{Read as _, Write as _};
use std::time::Duration;

/// Where `wait` looks for the word to go on.
const GO: &str = "/go";

fn main() {
    end_on_signals();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["exit", status] => std::process::exit(status.parse().expect("a number")),
        ["say", out, err] => {
            println!("{out}");
            eprintln!("{err}");
        }
        ["lines", lines @ ..] => lines.iter().for_each(|line| println!("{line}")),
        ["cat"] => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).expect("stdin");
            std::io::stdout().write_all(&text).expect("stdout");
        }
        ["env", name] => println!("{}", std::env::var(name).unwrap_or_else(|_| "unset".to_owned())),
        ["pwd"] => println!("{}", std::env::current_dir().expect("a folder").display()),
        ["write", path, text] => std::fs::write(path, text).expect("it can be written"),
        ["read", path] => println!("{}", std::fs::read_to_string(path).expect("it can be read")),
        ["remove", path] => std::fs::remove_file(path).expect("it can be removed"),
        ["test", path] => std::process::exit(i32::from(!std::path::Path::new(path).exists())),
        ["wait"] => {
            println!("waiting");
            while !std::path::Path::new(GO).exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        _ => {
            println!("probe {args:?}");
            std::process::exit(9);
        }
    }
}

/// Linux ignores what process 1 has no handler for; Sprat ends it with the shell's status for the signal.
#[cfg(target_os = "linux")]
fn end_on_signals() {
    unsafe extern "C" {
        fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
        fn _exit(status: i32) -> !;
    }
    extern "C" fn handler(number: i32) {
        // SAFETY: it ends the process and may be called by a handler (POSIX, signal-safety).
        unsafe { _exit(128 + number) }
    }
    for number in [2, 15] {
        // SAFETY: the handler calls nothing but _exit.
        unsafe { signal(number, handler) };
    }
}

#[cfg(not(target_os = "linux"))]
fn end_on_signals() {}
