//! Options and positional parameters.

use crate::shell::{Run, Shell};
use crate::state::Options;
use crate::text;

pub(super) fn set(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    if rest.is_empty() {
        let variables = shell.state.variables.iter();
        let shown = variables.filter_map(|(name, variable)| Some((name, variable.value.as_deref()?)));
        let shown: String = shown.map(|(name, value)| format!("{name}={}\n", text::quote(value))).collect();
        return Ok(shell.print(&shown));
    }
    while let Some((first, others)) = rest.split_first() {
        let (on, letters) = match (first.strip_prefix('-'), first.strip_prefix('+')) {
            (Some("-"), _) => {
                set_positional(shell, others);
                return Ok(0);
            }
            (Some(""), _) | (None, None) => {
                let values = if first == "-" { others } else { rest };
                set_positional(shell, values);
                return Ok(0);
            }
            (Some(letters), _) => (true, letters),
            (None, Some(letters)) => (false, letters),
        };
        rest = others;
        for letter in letters.chars() {
            if letter != 'o' {
                let Some(switch) = shell.state.options.by_letter(letter) else {
                    return Err(shell.abort(&format!("set: Illegal option {}{letter}", if on { '-' } else { '+' })));
                };
                *switch = on;
                continue;
            }
            let Some((name, others)) = rest.split_first() else { return list(shell, on) };
            rest = others;
            let Some(switch) = shell.state.options.by_name(name) else {
                return Err(shell.abort(&format!("set: Illegal option {}o {name}", if on { '-' } else { '+' })));
            };
            *switch = on;
        }
    }
    Ok(0)
}

fn set_positional(shell: &mut Shell, values: &[String]) {
    shell.state.positional = values.iter().map(|value| value.as_str().into()).collect();
}

fn list(shell: &mut Shell, table: bool) -> Run {
    let mut options = shell.state.options.clone();
    let mut shown = String::new();
    if table {
        shown.push_str("Current option settings\n");
    }
    for (name, _) in Options::NAMES {
        let on = options.by_name(name).is_some_and(|on| *on);
        shown.push_str(&match table {
            true => format!("{name:<16}{}\n", if on { "on" } else { "off" }),
            false => format!("set {}o {name}\n", if on { '-' } else { '+' }),
        });
    }
    Ok(shell.print(&shown))
}

pub(super) fn shift(shell: &mut Shell, args: &[String]) -> Run {
    let number = match args.get(1).map(|text| super::number(text)) {
        None => 1,
        Some(Ok(number)) => usize::try_from(number).unwrap_or(usize::MAX),
        Some(Err(why)) => return Err(shell.abort(&format!("shift: {why}"))),
    };
    if number > shell.state.positional.len() {
        return Err(shell.abort("shift: can't shift that many"));
    }
    shell.state.positional.drain(..number);
    Ok(0)
}
