//! `read` (POSIX.1-2017, XCU read).

use crate::shell::{Run, Shell};
use crate::text;

pub(super) fn read(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    let (mut raw, mut prompt) = (false, None);
    while let Some((first, others)) = rest.split_first().filter(|(first, _)| first.starts_with('-') && first.len() > 1)
    {
        rest = others;
        match first.as_str() {
            "-r" => raw = true,
            "-p" | "-rp" => {
                raw |= first == "-rp";
                let Some((text, others)) = rest.split_first() else {
                    shell.complain("read: No arg for -p option");
                    return Ok(2);
                };
                prompt = Some(text.clone());
                rest = others;
            }
            "--" => break,
            other => {
                let letter: String = other.chars().skip(1).take(1).collect();
                shell.complain(&format!("read: Illegal option -{letter}"));
                return Ok(2);
            }
        }
    }
    if rest.is_empty() {
        shell.complain("read: arg count");
        return Ok(2);
    }
    if let Some(bad) = rest.iter().find(|name| !text::is_name(name)) {
        shell.complain(&format!("read: {bad}: bad variable name"));
        return Ok(2);
    }
    let terminal = shell.table.first().and_then(Option::as_ref).is_some_and(|input| input.is_terminal());
    if let Some(prompt) = prompt.filter(|_| terminal) {
        let _ = shell.write(2, &prompt);
    }
    let (line, ended) = line(shell, raw);
    assign(shell, rest, &line)?;
    Ok(i32::from(ended))
}

/// A line, each character with whether a backslash made it plain; and whether the input ended first.
fn line(shell: &Shell, raw: bool) -> (Vec<(char, bool)>, bool) {
    // Bytes first: a character may have several.
    let (mut bytes, mut escaped) = (Vec::new(), Vec::new());
    let Some(input) = shell.table.first().and_then(Option::as_ref) else { return (Vec::new(), true) };
    let (mut byte, mut after_backslash, mut ended) = ([0], false, true);
    while let Ok(1) = input.read(&mut byte) {
        let [c] = byte;
        if after_backslash {
            after_backslash = false;
            if c != b'\n' {
                bytes.push(c);
                escaped.push(true);
            }
        } else if c == b'\\' && !raw {
            after_backslash = true;
        } else if c == b'\n' {
            ended = false;
            break;
        } else if c != 0 {
            bytes.push(c);
            escaped.push(false);
        }
    }
    let (mut line, mut at) = (Vec::new(), 0);
    for c in text::decode(&bytes).chars() {
        line.push((c, escaped.get(at).copied().unwrap_or(false)));
        at += text::encode(c.encode_utf8(&mut [0; 4])).len();
    }
    (line, ended)
}

/// Splits a line among variables; the last one gets all that is left.
fn assign(shell: &mut Shell, names: &[String], line: &[(char, bool)]) -> Result<(), crate::shell::Flow> {
    let separators = shell.state.get("IFS").unwrap_or(" \t\n").to_owned();
    let blank = |(c, plain): &(char, bool)| !plain && separators.contains(*c) && c.is_ascii_whitespace();
    let separates = |(c, plain): &(char, bool)| !plain && separators.contains(*c);
    let skip = |rest: &mut &[(char, bool)]| {
        while let Some((first, after)) = rest.split_first()
            && blank(first)
        {
            *rest = after;
        }
    };
    let mut rest = line;
    skip(&mut rest);
    let Some((last, firsts)) = names.split_last() else { return Ok(()) };
    let take = |part: &[(char, bool)]| part.iter().map(|(c, _)| *c).collect::<String>();
    for name in firsts {
        let end = rest.iter().position(separates).unwrap_or(rest.len());
        let (field, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        shell.assign(name, &take(field))?;
        rest = after;
        skip(&mut rest);
        if let Some((first, after)) = rest.split_first()
            && separates(first)
        {
            rest = after;
            skip(&mut rest);
        }
    }
    while let Some((end, before)) = rest.split_last()
        && blank(end)
    {
        rest = before;
    }
    // One separator behind a single last field belongs to no field.
    if let Some((end, before)) = rest.split_last()
        && separates(end)
        && !before.iter().any(separates)
    {
        rest = before;
    }
    shell.assign(last, &take(rest))
}
