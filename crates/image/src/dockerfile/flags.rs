//! Flags before an instruction's arguments: `--name=value` and `--name`.

use std::collections::BTreeMap;

use super::Problem;

/// The flags of one instruction.
#[derive(Debug)]
pub(super) struct Flags {
    values: BTreeMap<String, Option<String>>,
}

/// Takes the flags off the front of `text`. Returns what follows them.
pub(super) fn take<'a>(word: &str, text: &'a str, known: &[&str]) -> Result<(Flags, &'a str), Problem> {
    let mut values = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some(flag) = rest.strip_prefix("--") {
        let end = end_of_flag(flag);
        let (flag, behind) = flag.split_at_checked(end).unwrap_or((flag, ""));
        rest = behind.trim_start();
        if flag.is_empty() {
            break;
        }
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(unquote(value))));
        if !known.contains(&name) {
            let known = known.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            return Err(Problem::UnknownFlag { word: word.to_owned(), flag: name.to_owned(), known });
        }
        if values.insert(name.to_owned(), value).is_some() {
            return Err(Problem::DuplicateFlag(name.to_owned()));
        }
    }
    Ok((Flags { values }, rest))
}

/// Where a flag ends: at white space outside of quotes.
fn end_of_flag(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            None if c.is_whitespace() => return at,
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn unquote(value: &str) -> String {
    let inner = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(value).to_owned()
}

impl Flags {
    /// The value of a flag that needs one.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.values.remove(name) {
            None => Ok(None),
            Some(Some(value)) if !value.is_empty() => Ok(Some(value)),
            Some(_) => Err(Problem::FlagValue { flag: name.to_owned(), reason: format!("write --{name}=VALUE") }),
        }
    }

    /// A flag that is on or off.
    pub(super) fn switch(&mut self, name: &str) -> Result<bool, Problem> {
        match self.values.remove(name) {
            None => Ok(false),
            Some(value) => match value.as_deref() {
                None | Some("true") => Ok(true),
                Some("false") => Ok(false),
                Some(other) => {
                    let reason = format!("expected true or false, got {other}");
                    Err(Problem::FlagValue { flag: name.to_owned(), reason })
                }
            },
        }
    }

    /// Fails if one of `names` was given.
    pub(super) fn refuse(&self, word: &str, names: &[&str], instead: &'static str) -> Result<(), Problem> {
        match names.iter().find(|name| self.values.contains_key(**name)) {
            Some(name) => Err(Problem::Unsupported { what: format!("{word} --{name}"), instead }),
            None => Ok(()),
        }
    }
}
