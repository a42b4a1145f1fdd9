//! The command line: `sh [-options] [-c TEXT [NAME [ARG…]] | FILE [ARG…]]`.

use std::io::Read as _;
use std::path::PathBuf;
use std::rc::Rc;

use crate::parse::{self, SyntaxError};
use crate::pipeline::{ERRAND, ERRAND_FILE, Errand};
use crate::shell::{Flow, Run, Shell};
use crate::system::System;
use crate::text;

/// Runs a shell and gives its exit status.
pub fn main(system: Rc<dyn System>, args: &[Vec<u8>], folder: PathBuf) -> i32 {
    let args: Vec<String> = args.iter().map(|arg| text::decode(arg)).collect();
    if let [_, flag, errand] = args.as_slice()
        && flag == ERRAND
    {
        return run_errand(system, errand);
    }
    if let [_, flag, path] = args.as_slice()
        && flag == ERRAND_FILE
    {
        let errand = std::fs::read_to_string(path).unwrap_or_default();
        // Whoever can't remove it leaves it.
        let _ = std::fs::remove_file(path);
        return run_errand(system, &errand);
    }
    let name = args.first().map_or("sh", String::as_str);
    let name = name.trim_start_matches('-').to_owned();
    let mut shell = Shell::new(system, &name, folder);
    let result = start(&mut shell, args.get(1..).unwrap_or_default());
    shell.finish(result)
}

fn run_errand(system: Rc<dyn System>, errand: &str) -> i32 {
    let Ok(Errand { state, command }) = serde_json::from_str(errand) else { return 2 };
    let mut shell = Shell::with_state(system, state);
    let result = shell.command(&command);
    shell.finish(result)
}

/// Reads the options and runs what they say.
fn start(shell: &mut Shell, args: &[String]) -> Run {
    let (mut rest, mut command, mut from_input, mut interactive) = (args, false, false, None);
    while let Some((first, others)) = rest.split_first() {
        let (on, letters) = match (first.strip_prefix('-'), first.strip_prefix('+')) {
            (Some("-"), _) => {
                rest = others;
                break;
            }
            (Some(""), _) | (None, None) => break,
            (Some(letters), _) => (true, letters),
            (None, Some(letters)) => (false, letters),
        };
        rest = others;
        for letter in letters.chars() {
            match letter {
                'c' => command = true,
                's' => from_input = true,
                'i' => interactive = Some(on),
                'l' => {}
                'o' => {
                    let Some((name, others)) = rest.split_first() else { return Err(illegal(shell, 'o')) };
                    rest = others;
                    let Some(switch) = shell.state.options.by_name(name) else {
                        return Err(shell.abort(&format!("Illegal option -o {name}")));
                    };
                    *switch = on;
                }
                letter => match shell.state.options.by_letter(letter) {
                    Some(switch) => *switch = on,
                    None => return Err(illegal(shell, letter)),
                },
            }
        }
    }
    let positional = |shell: &mut Shell, rest: &[String]| {
        shell.state.positional = rest.iter().map(|arg| arg.as_str().into()).collect();
    };
    if command {
        let Some((script, rest)) = rest.split_first() else {
            // dash says it without a line's number, and with 2.
            return Err(shell.abort("-c requires an argument"));
        };
        if let Some((name, rest)) = rest.split_first() {
            shell.state.name = name.clone();
            positional(shell, rest);
        }
        shell.state.options.interactive = interactive.unwrap_or(false);
        return shell.evaluate(script);
    }
    if let (Some((file, rest)), false) = (rest.split_first(), from_input) {
        positional(shell, rest);
        return run_file(shell, file);
    }
    positional(shell, rest);
    let terminal = |number: usize| shell.table.get(number).and_then(Option::as_ref).is_some_and(|s| s.is_terminal());
    let at_terminal = terminal(0) && terminal(2);
    shell.state.options.interactive = interactive.unwrap_or(at_terminal);
    shell.state.options.from_input = true;
    read_input(shell)
}

fn illegal(shell: &Shell, letter: char) -> Flow {
    shell.abort(&format!("Illegal option -{letter}"))
}

fn run_file(shell: &mut Shell, file: &str) -> Run {
    let path = shell.path(file);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut opened| opened.read_to_end(&mut bytes));
    if let Err(e) = read {
        let why = match e.kind() {
            std::io::ErrorKind::NotFound => "No such file".to_owned(),
            _ => crate::describe(&e),
        };
        shell.state.line = 0;
        shell.complain(&format!("cannot open {file}: {why}"));
        return Err(Flow::Abort(2));
    }
    shell.state.name = file.to_owned();
    shell.evaluate(&text::decode(&bytes))
}

/// Runs commands from standard input, read no further than each needs: programs may read the rest.
fn read_input(shell: &mut Shell) -> Run {
    let (mut line, mut text, mut status) = (1, String::new(), 0);
    loop {
        let interactive = shell.state.options.interactive;
        if interactive {
            shell.reap();
            let prompt = if text.is_empty() { "PS1" } else { "PS2" };
            let prompt = shell.state.get(prompt).unwrap_or_default().to_owned();
            let prompt = shell.text(&crate::lower::document(&prompt)).unwrap_or_default();
            let _ = shell.write(2, &prompt);
        }
        let next = read_line(shell);
        let ended = next.is_empty();
        text.push_str(&next);
        let parsed = if ended { parse::at_end(&text, line) } else { parse::program(&text, line) };
        let result = match parsed {
            Err(SyntaxError::Incomplete { .. }) if !ended => continue,
            Ok(list) => shell.list(&list),
            Err(error) => Err(shell.syntax_error(&error)),
        };
        line += text.matches('\n').count();
        text.clear();
        match result {
            Ok(last) => status = last,
            Err(Flow::Abort(last)) if interactive => status = last,
            Err(Flow::Break(_) | Flow::Continue(_)) => {}
            flow => return flow,
        }
        shell.state.status = status;
        if ended {
            if interactive {
                let _ = shell.write(2, "\n");
            }
            return Ok(status);
        }
    }
}

/// A line of standard input, byte by byte.
fn read_line(shell: &Shell) -> String {
    let mut bytes = Vec::new();
    let Some(input) = shell.table.first().and_then(Option::as_ref) else { return String::new() };
    let mut byte = [0];
    while let Ok(1) = input.read(&mut byte) {
        bytes.extend_from_slice(&byte);
        if byte == *b"\n" {
            break;
        }
    }
    text::decode(&bytes)
}
