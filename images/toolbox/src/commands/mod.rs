//! All commands by name.

mod env;
mod find;
mod grep;
mod regex;
mod timeout;
mod which;
mod xargs;

use std::ffi::OsString;
use std::rc::Rc;

use toolbox_shell::{Shell, System};

use crate::coreutils;

/// Commands that are not uutils'.
const OWN: [&str; 14] = [
    "egrep", "env", "false", "fgrep", "find", "grep", "kill", "nohup", "sh", "timeout", "true", "which", "xargs", "ash",
];

/// Every command's name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    coreutils::NAMES.iter().map(|(name, _)| *name).chain(OWN)
}

/// Whether there is a command of that name.
pub(crate) fn is_known(name: &str) -> bool {
    OWN.contains(&name) || coreutils::by_name(name).is_some()
}

/// Runs a command and gives its status.
pub(crate) fn run(name: &str, args: Vec<OsString>) -> i32 {
    match name {
        "true" => 0,
        "false" => 1,
        "sh" | "ash" => {
            let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_encoded_bytes().to_vec()).collect();
            toolbox_shell::main(system(), &args, folder())
        }
        "kill" => {
            // The shell's own, in a shell of its own.
            let script = ["kill", "-c", "kill \"$@\"", "kill"].map(|text| text.as_bytes().to_vec());
            let args = args.iter().skip(1).map(|arg| arg.as_encoded_bytes().to_vec());
            toolbox_shell::main(system(), &script.into_iter().chain(args).collect::<Vec<_>>(), folder())
        }
        "env" => env::run(&mut shell("env"), &args),
        "nohup" => shell("nohup").run_program(args.get(1..).unwrap_or_default()),
        "which" => which::run(&shell("which"), &args),
        "timeout" => timeout::run(&*system(), &mut shell("timeout"), &args),
        "xargs" => xargs::run(&mut shell("xargs"), &args),
        "find" => find::run(&args),
        "grep" | "egrep" | "fgrep" => grep::run(name, &args),
        name => match coreutils::by_name(name) {
            Some(main) => coreutils::run(name, main, args),
            None => {
                eprintln!("{name}: not a command of this toolbox; `toolbox --list` names them");
                127
            }
        },
    }
}

/// What starts programs here.
pub(crate) fn system() -> Rc<dyn System> {
    #[cfg(target_os = "wasi")]
    return Rc::new(crate::wasi::Wasi::new());
    #[cfg(not(target_os = "wasi"))]
    Rc::new(toolbox_shell::native::Native::default())
}

fn folder() -> std::path::PathBuf {
    std::env::current_dir().unwrap_or_else(|_| "/".into())
}

/// A shell by which a command starts programs.
pub(crate) fn shell(name: &str) -> Shell {
    Shell::new(system(), name, folder())
}

/// Makes a link to this program for each command.
pub(crate) fn install(folder: Option<&OsString>) -> i32 {
    let Some(folder) = folder else {
        eprintln!("toolbox: --install needs a folder");
        return 2;
    };
    let target = std::path::Path::new(folder).join("toolbox");
    let target = if target.exists() { "toolbox".into() } else { std::env::args_os().next().unwrap_or_default() };
    let Some(link) = coreutils::by_name("ln") else { return 1 };
    let mut status = 0;
    for name in names() {
        let path = std::path::Path::new(folder).join(name);
        let args = ["ln".into(), "-sf".into(), target.clone(), path.into_os_string()];
        status |= coreutils::run("ln", link, args.to_vec());
    }
    status
}
