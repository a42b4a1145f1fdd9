//! One program that is many commands: the name by which it is called chooses.
//!
//! Most are uutils' coreutils; the shell, and what has to start other programs, is here. `toolbox --install DIR` makes a link
//! for each command, `toolbox --list` names them, and `toolbox NAME …` runs one.

mod commands;
mod coreutils;
#[cfg(target_os = "wasi")]
mod wasi;

use std::ffi::OsString;

fn main() {
    #[cfg(target_os = "wasi")]
    wasi::enter_working_folder();
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let mut name = base_name(args.first());
    if name == "toolbox" {
        match args.get(1).and_then(|arg| arg.to_str()) {
            Some("--list") => {
                commands::names().for_each(|name| println!("{name}"));
                std::process::exit(0);
            }
            Some("--install") => std::process::exit(commands::install(args.get(2))),
            Some(command) if commands::is_known(command) => {
                uucore::set_utility_is_second_arg();
                args.remove(0);
                name = base_name(args.first());
            }
            _ => {
                eprintln!("Usage: toolbox NAME [ARG…] | --list | --install DIR");
                std::process::exit(2);
            }
        }
    }
    std::process::exit(commands::run(&name, args));
}

/// The last part of a path, as the shell's `-sh` for a login too.
fn base_name(path: Option<&OsString>) -> String {
    let path = path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().trim_start_matches('-').to_owned()
}
