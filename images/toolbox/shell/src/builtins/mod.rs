//! Commands that the shell runs itself.

mod control;
mod echo;
mod folders;
mod getopts;
mod jobs;
mod lookup;
mod printf;
mod read;
mod set;
mod test;
mod traps;
mod variables;

use crate::shell::{Run, Shell};

/// A builtin: its arguments, the name first.
pub(crate) type Builtin = fn(&mut Shell, &[String]) -> Run;

/// The special ones (POSIX.1-2017, XCU 2.14): an error in them ends a script.
pub(crate) fn special(name: &str) -> Option<Builtin> {
    Some(match name {
        ":" => |_, _| Ok(0),
        "." => control::source,
        "break" => control::break_loop,
        "continue" => control::continue_loop,
        "eval" => control::eval,
        "exec" => control::exec,
        "exit" => control::exit,
        "export" => variables::export,
        "readonly" => variables::readonly,
        "return" => control::return_from,
        "set" => set::set,
        "shift" => set::shift,
        "times" => jobs::times,
        "trap" => traps::trap,
        "unset" => variables::unset,
        _ => return None,
    })
}

/// The others.
pub(crate) fn regular(name: &str) -> Option<Builtin> {
    Some(match name {
        "[" | "test" => test::test,
        "cd" | "chdir" => folders::cd,
        "command" => lookup::command,
        "echo" => echo::echo,
        "false" => |_, _| Ok(1),
        "getopts" => getopts::getopts,
        "hash" => |_, _| Ok(0),
        "jobs" => jobs::jobs,
        "kill" => jobs::kill,
        "local" => variables::local,
        "printf" => printf::printf,
        "pwd" => folders::pwd,
        "read" => read::read,
        "true" => |_, _| Ok(0),
        "type" => lookup::type_of,
        "umask" => folders::umask,
        "wait" => jobs::wait,
        _ => return None,
    })
}

/// Whether a builtin neither reads nor runs commands, so that it can be run before its output has a reader.
pub(crate) fn only_writes(name: &str) -> bool {
    !matches!(name, "." | "eval" | "exec" | "command" | "read" | "wait")
}

/// A number as an argument, or what dash says of it.
pub(crate) fn number(text: &str) -> Result<i64, String> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| format!("Illegal number: {text}"))
}
