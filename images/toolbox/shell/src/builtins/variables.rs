//! `export`, `readonly`, `local` and `unset`.

use crate::shell::{Flow, Run, Shell};
use crate::text;

/// `NAME` or `NAME=value`.
fn parts<'a>(shell: &Shell, builtin: &str, word: &'a str) -> Result<(&'a str, Option<&'a str>), Flow> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if text::is_name(name) {
        Ok((name, value))
    } else {
        Err(shell.abort(&format!("{builtin}: {name}: bad variable name")))
    }
}

pub(super) fn export(shell: &mut Shell, args: &[String]) -> Run {
    mark(shell, args, "export")
}

pub(super) fn readonly(shell: &mut Shell, args: &[String]) -> Run {
    mark(shell, args, "readonly")
}

fn mark(shell: &mut Shell, args: &[String], builtin: &str) -> Run {
    let read_only = builtin == "readonly";
    let mut words = args.get(1..).unwrap_or_default();
    let mut list = words.is_empty();
    while let Some((first, rest)) = words.split_first().filter(|(first, _)| matches!(first.as_str(), "-p" | "--")) {
        list |= first == "-p";
        words = rest;
    }
    if list {
        let marked = shell.state.variables.iter().filter(|(_, v)| if read_only { v.read_only } else { v.exported });
        let shown: String = marked
            .map(|(name, variable)| match &variable.value {
                Some(value) => format!("{builtin} {name}={}\n", text::quote(value)),
                None => format!("{builtin} {name}\n"),
            })
            .collect();
        return Ok(shell.print(&shown));
    }
    for word in words {
        let (name, value) = parts(shell, builtin, word)?;
        if let Some(value) = value {
            shell.assign(name, value)?;
        }
        let variable = shell.state.variables.entry(name.to_owned()).or_default();
        match read_only {
            true => variable.read_only = true,
            false => variable.exported = true,
        }
    }
    Ok(0)
}

pub(super) fn local(shell: &mut Shell, args: &[String]) -> Run {
    if shell.locals.is_empty() {
        return Err(shell.abort("local: not in a function"));
    }
    for word in args.get(1..).unwrap_or_default() {
        let (name, value) = parts(shell, "local", word)?;
        let old = shell.state.variables.get(name).cloned();
        if let Some(frame) = shell.locals.last_mut() {
            frame.entry(name.to_owned()).or_insert(old);
        }
        if let Some(value) = value {
            shell.assign(name, value)?;
        }
    }
    Ok(0)
}

pub(super) fn unset(shell: &mut Shell, args: &[String]) -> Run {
    let mut words = args.get(1..).unwrap_or_default();
    let mut functions = false;
    while let Some((first, rest)) =
        words.split_first().filter(|(first, _)| matches!(first.as_str(), "-f" | "-v" | "--"))
    {
        functions = first == "-f";
        words = rest;
    }
    for name in words {
        if functions {
            shell.state.functions.remove(name);
            continue;
        }
        let (name, _) = parts(shell, "unset", name)?;
        if shell.state.variables.get(name).is_some_and(|variable| variable.read_only) {
            return Err(shell.abort(&format!("unset: {name}: is read only")));
        }
        shell.state.variables.remove(name);
    }
    Ok(0)
}
