//! `trap`. EXIT is run; other signals are kept and listed, but none ever reaches a guest.

use crate::shell::{Run, Shell};
use crate::text;

pub(super) fn trap(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    if rest.first().is_some_and(|first| first == "--") {
        rest = rest.get(1..).unwrap_or_default();
    }
    let Some((first, others)) = rest.split_first() else {
        let traps = shell.state.traps.iter();
        let shown: String = traps.map(|(name, action)| format!("trap -- {} {name}\n", text::quote(action))).collect();
        return Ok(shell.print(&shown));
    };
    // A subshell's first trap replaces all it only inherited.
    if std::mem::take(&mut shell.state.inherited_traps) {
        shell.state.traps.retain(|_, action| action.is_empty());
    }
    // With one word alone, or a number first, conditions are reset.
    let (action, conditions) = match others.is_empty() || first.chars().all(|c| c.is_ascii_digit()) && !first.is_empty()
    {
        true => ("-", rest),
        false => (first.as_str(), others),
    };
    for condition in conditions {
        let Some(name) = name(condition) else {
            shell.complain(&format!("trap: {condition}: bad trap"));
            return Ok(1);
        };
        match action {
            "-" => shell.state.traps.remove(&name),
            action => shell.state.traps.insert(name, action.to_owned()),
        };
    }
    Ok(0)
}

/// The name of a condition.
fn name(text: &str) -> Option<String> {
    let number = super::jobs::signal(text)?;
    let known = super::jobs::SIGNALS.iter().find(|(known, _)| *known == number);
    known.map(|(_, name)| (*name).to_owned()).or_else(|| (number < 65).then(|| number.to_string()))
}
