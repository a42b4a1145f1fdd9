//! `echo`, with escapes as in dash and System V.

use crate::shell::{Run, Shell};

pub(super) fn echo(shell: &mut Shell, args: &[String]) -> Run {
    let mut words = args.get(1..).unwrap_or_default();
    let newline = match words.split_first() {
        Some((first, rest)) if first == "-n" => {
            words = rest;
            false
        }
        _ => true,
    };
    let (mut output, stopped) = unescape(&words.join(" "), Octal::AfterZero);
    if newline && !stopped {
        output.push('\n');
    }
    Ok(shell.print(&output))
}

/// Where octal numbers are escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Octal {
    /// `\0nnn`, and without the zero too.
    AfterZero,
    /// `\nnn`, in a format of `printf`.
    Plain,
}

/// Replaces escapes; true if `\c` ended the output.
pub(super) fn unescape(text: &str, octal: Octal) -> (String, bool) {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        output.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(c) = rest.chars().next() else {
            output.push('\\');
            break;
        };
        let plain = match c {
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            '\\' => Some('\\'),
            'c' if octal == Octal::AfterZero => return (output, true),
            _ => None,
        };
        if let Some(plain) = plain {
            output.push(plain);
            rest = rest.get(1..).unwrap_or_default();
        } else if c.is_digit(8) {
            let most = if c == '0' && octal == Octal::AfterZero { 4 } else { 3 };
            let digits: String = rest.chars().take(most).take_while(|c| c.is_digit(8)).collect();
            let value = u32::from_str_radix(&digits, 8).unwrap_or(0) & 0xff;
            // One byte, which need not be a character.
            output.push_str(&crate::text::decode(&[u8::try_from(value).unwrap_or(0)]));
            rest = rest.get(digits.len()..).unwrap_or_default();
        } else {
            output.push('\\');
            output.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    output.push_str(rest);
    (output, false)
}
