//! What changes the order of commands.

use std::io::Read as _;

use crate::shell::{Flow, Run, Shell};
use crate::text;

fn count(shell: &Shell, args: &[String]) -> Result<usize, Flow> {
    let Some(text) = args.get(1) else { return Ok(1) };
    match super::number(text).map(usize::try_from) {
        Ok(Ok(number)) if number > 0 => Ok(number),
        _ => Err(shell.abort(&format!("{}: Illegal number: {text}", args.first().map_or("", String::as_str)))),
    }
}

pub(super) fn break_loop(shell: &mut Shell, args: &[String]) -> Run {
    let number = count(shell, args)?.min(shell.state.loops);
    if number == 0 { Ok(0) } else { Err(Flow::Break(number)) }
}

pub(super) fn continue_loop(shell: &mut Shell, args: &[String]) -> Run {
    let number = count(shell, args)?.min(shell.state.loops);
    if number == 0 { Ok(0) } else { Err(Flow::Continue(number)) }
}

fn status(shell: &Shell, args: &[String]) -> Result<i32, Flow> {
    let Some(text) = args.get(1) else { return Ok(shell.state.status) };
    match super::number(text).map(i32::try_from) {
        Ok(Ok(number)) => Ok(number),
        _ => Err(shell.abort(&format!("{}: Illegal number: {text}", args.first().map_or("", String::as_str)))),
    }
}

pub(super) fn exit(shell: &mut Shell, args: &[String]) -> Run {
    Err(Flow::Exit(status(shell, args)? & 0xff))
}

pub(super) fn return_from(shell: &mut Shell, args: &[String]) -> Run {
    Err(Flow::Return(status(shell, args)?))
}

pub(super) fn eval(shell: &mut Shell, args: &[String]) -> Run {
    let script = args.get(1..).unwrap_or_default().join(" ");
    shell.evaluate(&script)
}

/// `.`: a file, in this shell; found by PATH if its name has no slash.
pub(super) fn source(shell: &mut Shell, args: &[String]) -> Run {
    let Some(name) = args.get(1) else { return Err(shell.abort(".: filename argument required")) };
    let path = match name.contains('/') {
        true => shell.path(name),
        false => {
            let folders = shell.state.get("PATH").unwrap_or_default();
            let found = folders.split(':').map(|folder| shell.path(folder).join(name)).find(|path| path.is_file());
            found.ok_or_else(|| shell.abort(&format!(".: {name}: not found")))?
        }
    };
    let mut bytes = Vec::new();
    if let Err(e) = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        let why = match e.kind() {
            std::io::ErrorKind::NotFound => "No such file".to_owned(),
            _ => crate::describe(&e),
        };
        return Err(shell.abort(&format!(".: cannot open {name}: {why}")));
    }
    let line = std::mem::replace(&mut shell.state.line, 1);
    let result = shell.evaluate(&text::decode(&bytes));
    shell.state.line = line;
    match result {
        Err(Flow::Return(status)) => Ok(status),
        other => other,
    }
}

/// `exec`: without a command it keeps the redirections. With one, the shell waits for it and ends with its status.
pub(super) fn exec(shell: &mut Shell, args: &[String]) -> Run {
    let rest = args.get(1..).unwrap_or_default();
    let rest = if rest.first().is_some_and(|first| first == "--") { rest.get(1..).unwrap_or_default() } else { rest };
    if rest.is_empty() {
        return Ok(0);
    }
    if let Some(name) = rest.first().filter(|name| shell.find(name).is_none()) {
        shell.complain(&format!("exec: {name}: not found"));
        return Err(Flow::Exit(127));
    }
    let status = shell.program(rest)?;
    // The program is in the shell's place: the shell's own trap is gone with it.
    shell.state.traps.remove("EXIT");
    Err(Flow::Exit(status))
}
