//! Patterns of `grep`: POSIX's basic and extended regular expressions, in the words of the regex crate.

use fancy_regex::{Regex, RegexBuilder};

/// How patterns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Basic,
    Extended,
    Fixed,
    Perl,
}

/// One expression that matches where any of the patterns does.
pub(super) fn compile(patterns: &[String], syntax: Syntax, whole: Whole, ignore_case: bool) -> Result<Regex, String> {
    let parts: Vec<String> = patterns
        .iter()
        .map(|pattern| match syntax {
            Syntax::Fixed => fancy_regex::escape(pattern).into_owned(),
            Syntax::Basic => translate(pattern, true),
            Syntax::Extended => translate(pattern, false),
            Syntax::Perl => pattern.clone(),
        })
        .collect();
    // A group that captures would shift the numbers of back references.
    let any = if parts.len() == 1 {
        parts.concat()
    } else {
        parts.iter().map(|p| format!("(?:{p})")).collect::<Vec<_>>().join("|")
    };
    let any = match whole {
        Whole::No => any,
        Whole::Line => format!("^(?:{any})$"),
        Whole::Word => format!(r"(?<!\w)(?:{any})(?!\w)"),
    };
    RegexBuilder::new(&any).case_insensitive(ignore_case).build().map_err(|e| e.to_string())
}

/// What a match has to be all of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    No,
    Line,
    Word,
}

/// In basic expressions the signs `( ) { } | + ?` mean something with a backslash, in extended ones without.
fn translate(pattern: &str, basic: bool) -> String {
    let mut output = String::new();
    let mut chars = pattern.chars().peekable();
    // Where a `*` has nothing before it, it stands for itself.
    let mut start = true;
    while let Some(c) = chars.next() {
        let was_start = std::mem::replace(&mut start, false);
        match c {
            '\\' => match chars.next() {
                Some(sign @ ('(' | '{' | '|')) if basic => {
                    output.push(sign);
                    start = sign != '{';
                }
                Some(sign @ (')' | '}' | '+' | '?')) if basic => output.push(sign),
                Some('<') => output.push_str(r"\b(?=\w)"),
                Some('>') => output.push_str(r"\b(?<=\w)"),
                Some('`') => output.push_str(r"\A"),
                Some('\'') => output.push_str(r"\z"),
                Some(sign) if sign.is_ascii_digit() || "wWsSbB".contains(sign) => {
                    output.push('\\');
                    output.push(sign);
                }
                Some(other) => output.push_str(&fancy_regex::escape(other.encode_utf8(&mut [0; 4]))),
                None => output.push_str(r"\\"),
            },
            '[' => bracket(&mut chars, &mut output),
            '*' if was_start => output.push_str(r"\*"),
            '^' if basic && !was_start => output.push_str(r"\^"),
            '$' if basic && !ends(&chars) => output.push_str(r"\$"),
            '(' | ')' | '{' | '}' | '|' | '+' | '?' if basic => {
                output.push('\\');
                output.push(c);
            }
            '{' if !chars.peek().is_some_and(char::is_ascii_digit) => output.push_str(r"\{"),
            '(' | '|' | '^' => {
                start = true;
                output.push(c);
            }
            c => output.push(c),
        }
    }
    output
}

/// Whether a `$` here is at the end of an expression or of a group.
fn ends(rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let rest: String = rest.clone().take(2).collect();
    rest.is_empty() || rest == "\\)" || rest == "\\|"
}

/// A bracket expression: there a backslash is a character, and so is a `[` without `:`, `.` or `=`.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, output: &mut String) {
    output.push('[');
    if chars.peek() == Some(&'^') {
        chars.next();
        output.push('^');
    }
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => {
                output.push(']');
                return;
            }
            '[' if matches!(chars.peek(), Some(':')) => {
                output.push('[');
                while let Some(c) = chars.next() {
                    output.push(c);
                    if c == ':' && chars.peek() == Some(&']') {
                        chars.next();
                        output.push(']');
                        break;
                    }
                }
            }
            '\\' | '[' | ']' | '&' | '~' | '^' => {
                output.push('\\');
                output.push(c);
            }
            c => output.push(c),
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_and_extended_expressions_mean_what_posix_says() {
        for (pattern, syntax, text, expected) in [
            ("a*b", Syntax::Basic, "aaab", true),
            ("*a", Syntax::Basic, "*a", true),
            (r"\(ab\)\1", Syntax::Basic, "xababx", true),
            (r"a\{2\}", Syntax::Basic, "caac", true),
            ("a+", Syntax::Basic, "a+", true),
            ("a+", Syntax::Basic, "aa", false),
            ("a|b", Syntax::Extended, "b", true),
            (r"a\|b", Syntax::Basic, "b", true),
            ("^a$", Syntax::Basic, "a", true),
            ("a^b$c", Syntax::Basic, "a^b$c", true),
            (r"[\n]", Syntax::Basic, "\\", true),
            ("[]a]", Syntax::Basic, "]", true),
            ("[[:digit:]]+x", Syntax::Extended, "12x", true),
            ("a.c", Syntax::Fixed, "abc", false),
            (r"\<word\>", Syntax::Basic, "a word.", true),
            (r"\<word\>", Syntax::Basic, "swords", false),
        ] {
            let compiled =
                compile(&[pattern.to_owned()], syntax, Whole::No, false).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(compiled.is_match(text).unwrap_or(false), expected, "{pattern} {text}");
        }
    }
}
