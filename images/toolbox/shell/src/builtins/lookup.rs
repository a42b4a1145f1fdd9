//! What a name means: `command` and `type`.

use crate::shell::{Flow, Run, Shell};
use crate::simple::Meaning;
use crate::text;

const RESERVED: [&str; 16] =
    ["!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "{", "}"];

pub(super) fn command(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    let (mut verbose, mut terse) = (false, false);
    while let Some((first, others)) = rest.split_first().filter(|(first, _)| first.starts_with('-') && first.len() > 1)
    {
        rest = others;
        match first.as_str() {
            "-v" => terse = true,
            "-V" => verbose = true,
            "-p" => {}
            "--" => break,
            other => {
                let letter: String = other.chars().skip(1).take(1).collect();
                shell.complain(&format!("command: Illegal option -{letter}"));
                return Ok(2);
            }
        }
    }
    if terse {
        return tell(shell, rest.get(..1).unwrap_or_default(), false);
    }
    if verbose {
        return tell(shell, rest, true);
    }
    let Some(name) = rest.first() else { return Ok(0) };
    // Functions are left out, and an error in a special builtin does not end the shell.
    let builtin = super::special(name).or_else(|| super::regular(name));
    let Some(builtin) = builtin else { return shell.program(rest) };
    match builtin(shell, rest) {
        Err(Flow::Abort(status)) => Ok(status),
        other => other,
    }
}

pub(super) fn type_of(shell: &mut Shell, args: &[String]) -> Run {
    tell(shell, args.get(1..).unwrap_or_default(), true)
}

fn tell(shell: &mut Shell, names: &[String], verbose: bool) -> Run {
    let mut status = 0;
    for name in names {
        let what = if RESERVED.contains(&name.as_str()) {
            Some("is a shell keyword".to_owned())
        } else {
            match shell.meaning(name) {
                Meaning::Special(_) => Some("is a special shell builtin".to_owned()),
                Meaning::Function(_) => Some("is a shell function".to_owned()),
                Meaning::Builtin(_) => Some("is a shell builtin".to_owned()),
                Meaning::Program => None,
            }
        };
        let path = shell.find(name).filter(|path| shell.system.is_executable(path));
        let path = path.map(|path| text::decode(path.as_os_str().as_encoded_bytes()));
        let line = match (what, path, verbose) {
            (Some(what), _, true) => format!("{name} {what}\n"),
            (Some(_), _, false) => format!("{name}\n"),
            (None, Some(path), true) => format!("{name} is {path}\n"),
            (None, Some(path), false) => format!("{path}\n"),
            (None, None, true) => {
                status = 127;
                let _ = shell.print(&format!("{name}: not found\n"));
                continue;
            }
            (None, None, false) => {
                status = 127;
                continue;
            }
        };
        shell.print(&line);
    }
    Ok(status)
}
