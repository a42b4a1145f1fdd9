//! Files of variables: `.env` and `env_file` (Compose Specification, "Env_file format").

use std::collections::BTreeMap;

use crate::error::{Code, ComposeError};
use crate::variables::Variables;

/// Reads a file's variables. Those of `outer` and earlier lines may be used in later lines. `raw` takes values as they are.
pub(crate) fn parse(
    text: &str,
    outer: &BTreeMap<String, String>,
    raw: bool,
) -> Result<BTreeMap<String, String>, ComposeError> {
    let mut values = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut rest = text.as_str();
    let mut line = 1;
    while !rest.is_empty() {
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = first.trim_start();
        if trimmed.trim().is_empty() || trimmed.starts_with('#') {
            rest = after;
            line += 1;
            continue;
        }
        let assignment = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
        let wrong = |what: &str| {
            ComposeError::new(Code::Syntax, format!("line {line}: {what}")).fix("a line is NAME=value, or NAME")
        };
        let (name, value) = match assignment.find(['=', ':']) {
            Some(at) => {
                let (name, value) = assignment.split_at(at);
                (name.trim_end(), Some(value.get(1..).unwrap_or_default()))
            }
            None => (assignment.trim_end(), None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(wrong(&format!("unexpected character in variable name {name:?}")));
        }
        let Some(value) = value else {
            // A name alone passes the variable on that is there already.
            if let Some(value) = outer.get(name) {
                values.insert(name.to_owned(), value.clone());
            }
            rest = after;
            line += 1;
            continue;
        };
        let name = name.to_owned();
        let (value, next) = if raw {
            (value.to_owned(), after)
        } else {
            // A quoted value may go over lines, so it is read from the whole rest.
            let from = first.len() - value.len();
            read(rest.get(from..).unwrap_or_default(), outer, &values).map_err(|e| match e {
                Some(error) => error,
                None => wrong("unterminated quoted value"),
            })?
        };
        let used = rest.len().saturating_sub(next.len());
        line += rest.get(..used).unwrap_or_default().matches('\n').count().max(1);
        values.insert(name, value);
        rest = next;
    }
    Ok(values)
}

/// A value and what follows its line.
fn read<'a>(
    text: &'a str,
    outer: &BTreeMap<String, String>,
    earlier: &BTreeMap<String, String>,
) -> Result<(String, &'a str), Option<ComposeError>> {
    let expand = |text: &str| Variables::over(outer, earlier).substitute(text).map_err(Some);
    let start = text.trim_start_matches([' ', '\t']);
    let quote = start.chars().next().filter(|c| *c == '"' || *c == '\'');
    let Some(quote) = quote else {
        let (line, after) = text.split_once('\n').unwrap_or((text, ""));
        // ` #` begins a comment.
        let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
        let value = line.get(..end).unwrap_or(line).trim();
        let value = if value.starts_with('#') { "" } else { value };
        return Ok((expand(value)?, after));
    };
    let inner = start.get(1..).unwrap_or_default();
    let mut escaped = false;
    let end = inner.find(|c: char| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let (value, rest) = inner.split_at(end.ok_or(None)?);
    let after = rest.split_once('\n').map_or("", |(_, after)| after);
    if quote == '\'' {
        return Ok((value.replace("\\'", "'"), after));
    }
    Ok((expand(&unescape(value))?, after))
}

/// `\n` and the like in double quotes; `\$` stays a dollar sign.
fn unescape(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        if c != '\\' {
            written.push(c);
            continue;
        }
        match letters.next() {
            Some('n') => written.push('\n'),
            Some('r') => written.push('\r'),
            Some('t') => written.push('\t'),
            Some('$') => written.push_str("$$"),
            Some(c @ ('"' | '\\' | '\'')) => written.push(c),
            Some(c) => written.extend(['\\', c]),
            None => written.push('\\'),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_quotes_comments_and_earlier_variables_are_read() {
        let outer = BTreeMap::from([("HOST".to_owned(), "h".to_owned()), ("A".to_owned(), "shell".to_owned())]);
        let text = "A=1\nexport B = two words # comment\n# c\n\nC='$A \\' x'\nD=\"a\\nb ${B}\"\nE=\"over\nlines\"\nF=${A}${HOST}\n\
                    HOST\nNONE\nG=\nH=a#b\nI: yaml\r\nJ=\"\\$A\"\nK=x";
        let values = parse(text, &outer, false).unwrap();
        let shown: Vec<_> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            shown,
            [
                "A=1",
                "B=two words",
                "C=$A ' x",
                "D=a\nb two words",
                "E=over\nlines",
                "F=shellh",
                "G=",
                "H=a#b",
                "HOST=h",
                "I=yaml",
                "J=$A",
                "K=x"
            ]
        );
        assert_eq!(parse("A='x' # y", &outer, true).unwrap()["A"], "'x' # y");
    }

    #[test]
    fn what_is_no_line_of_variables_is_an_error_with_its_number() {
        let none = BTreeMap::new();
        assert!(parse("A=1\nB C=2", &none, false).unwrap_err().what.starts_with("line 2: "));
        assert!(parse("A=\"1\n2\"\n=2", &none, false).unwrap_err().what.starts_with("line 3: "));
        assert!(parse("A='x", &none, false).is_err());
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "[A-C=\"'\\\\$#{}: \né]{0,60}") {
            let _ = parse(&text, &BTreeMap::new(), false);
        }
    }
}
