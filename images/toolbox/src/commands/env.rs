//! `env`: another environment for a program, or the own one listed.

use std::ffi::OsString;
use std::io::Write as _;

use toolbox_shell::Shell;

pub(super) fn run(shell: &mut Shell, args: &[OsString]) -> i32 {
    let mut at = 1;
    let mut end = b"\n".as_slice();
    while let Some(arg) = args.get(at).and_then(|arg| arg.to_str()) {
        match arg {
            "-i" | "-" | "--ignore-environment" => shell.clear_environment(),
            "-0" | "--null" => end = b"\0",
            "-u" | "--unset" => {
                at += 1;
                match args.get(at).and_then(|name| name.to_str()) {
                    Some(name) => shell.withdraw(name),
                    None => return usage("-u needs a name"),
                }
            }
            "--" => {
                at += 1;
                break;
            }
            other if other.starts_with('-') => match other.strip_prefix("-u").or(other.strip_prefix("--unset=")) {
                Some(name) => shell.withdraw(name),
                None => return usage(&format!("unknown option {other}")),
            },
            _ => break,
        }
        at += 1;
    }
    while let Some((name, value)) = args.get(at).and_then(|arg| arg.to_str()).and_then(|arg| arg.split_once('=')) {
        shell.export(name, value);
        at += 1;
    }
    let program = args.get(at..).unwrap_or_default();
    if !program.is_empty() {
        return shell.run_program(program);
    }
    let listed: Vec<u8> = shell.environment().iter().flat_map(|entry| entry.iter().chain(end).copied()).collect();
    i32::from(std::io::stdout().write_all(&listed).is_err())
}

fn usage(why: &str) -> i32 {
    eprintln!("env: {why}\nUsage: env [-i] [-0] [-u NAME]... [NAME=VALUE]... [COMMAND [ARG]...]");
    125
}
