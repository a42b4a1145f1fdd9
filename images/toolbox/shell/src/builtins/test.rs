//! `test` and `[` (POSIX.1-2017, XCU test).

use std::fs::Metadata;

use crate::shell::{Run, Shell};

/// How deep parentheses and `!` may be nested.
const DEEPEST: usize = 100;

pub(super) fn test(shell: &mut Shell, args: &[String]) -> Run {
    let name = args.first().map_or("test", String::as_str);
    let mut rest = args.get(1..).unwrap_or_default();
    if name == "[" {
        match rest.split_last() {
            Some((last, before)) if last == "]" => rest = before,
            _ => {
                shell.complain("[: missing ]");
                return Ok(2);
            }
        }
    }
    let mut judge = Judge { shell, words: rest, depth: 0 };
    let result = match rest.len() {
        0 => Ok(false),
        _ => judge.whole(),
    };
    match result {
        Ok(value) => Ok(i32::from(!value)),
        Err(why) => {
            shell.complain(&format!("{name}: {why}"));
            Ok(2)
        }
    }
}

struct Judge<'a> {
    shell: &'a Shell,
    words: &'a [String],
    depth: usize,
}

const BINARY: [&str; 16] =
    ["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "-a", "-o"];

impl Judge<'_> {
    /// By the number of words where POSIX says so, else by the grammar.
    fn whole(&mut self) -> Result<bool, String> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [one] => return Ok(!one.is_empty()),
            ["!", one] => return Ok(one.is_empty()),
            [left, operator, right] if BINARY.contains(operator) && !matches!(*operator, "-a" | "-o") => {
                return self.binary(left, operator, right);
            }
            ["!", left, operator, right] if BINARY.contains(operator) && !matches!(*operator, "-a" | "-o") => {
                return self.binary(left, operator, right).map(|value| !value);
            }
            _ => {}
        }
        let value = self.or()?;
        match self.words.first() {
            None => Ok(value),
            Some(word) if self.words.len() == 1 && BINARY.contains(&word.as_str()) => {
                Err(format!("{word}: argument expected"))
            }
            Some(word) => Err(format!("{word}: unexpected operator")),
        }
    }

    fn next(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn eat(&mut self, word: &str) -> bool {
        let there = self.words.first().is_some_and(|first| first == word);
        if there {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        there
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut value = self.and()?;
        while self.eat("-o") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut value = self.not()?;
        while self.eat("-a") {
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deeply".into());
        }
        let result =
            if self.words.len() > 1 && self.eat("!") { self.not().map(|value| !value) } else { self.primary() };
        self.depth -= 1;
        result
    }

    fn primary(&mut self) -> Result<bool, String> {
        let binary = self.words.get(1).is_some_and(|operator| BINARY.contains(&operator.as_str()));
        if binary && self.words.len() > 2 && !matches!(self.words.get(1).map(String::as_str), Some("-a" | "-o")) {
            let (left, operator, right) = match self.words {
                [left, operator, right, ..] => (left, operator, right),
                _ => return Err("argument expected".into()),
            };
            let value = self.binary(left, operator, right);
            self.words = self.words.get(3..).unwrap_or_default();
            return value;
        }
        if self.words.len() > 1 && self.eat("(") {
            let value = self.or()?;
            return if self.eat(")") { Ok(value) } else { Err("closing paren expected".into()) };
        }
        let Some(word) = self.next().map(str::to_owned) else { return Err("argument expected".into()) };
        let unary = word.len() == 2 && word.starts_with('-') && UNARY.contains(word.get(1..).unwrap_or_default());
        if unary {
            return match self.next().map(str::to_owned) {
                Some(operand) => self.unary(&word, &operand),
                None => Ok(true),
            };
        }
        if word.starts_with('-') && word.len() == 2 && !self.words.is_empty() {
            return Err(format!("{word}: unexpected operator"));
        }
        Ok(!word.is_empty())
    }

    fn unary(&self, operator: &str, operand: &str) -> Result<bool, String> {
        let path = self.shell.path(operand);
        let found = |judge: fn(&Metadata) -> bool| !operand.is_empty() && path.metadata().is_ok_and(|m| judge(&m));
        Ok(match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-e" => found(|_| true),
            "-f" => found(Metadata::is_file),
            "-d" => found(Metadata::is_dir),
            "-s" => found(|m| m.len() > 0),
            "-h" | "-L" => path.symlink_metadata().is_ok_and(|m| m.is_symlink()),
            "-x" => found(Metadata::is_dir) || self.shell.system.is_executable(&path),
            // WASI tells neither modes nor owners: what is there can be read, and written unless it is read-only.
            "-r" | "-O" | "-G" => found(|_| true),
            "-w" => found(|m| !m.permissions().readonly()),
            "-t" => {
                let number = number(operand)?;
                let entry = usize::try_from(number).ok().and_then(|number| self.shell.table.get(number));
                entry.and_then(Option::as_ref).is_some_and(|stream| stream.is_terminal())
            }
            "-b" | "-c" | "-p" | "-S" => {
                found(|m| !m.is_file() && !m.is_dir() && !m.is_symlink()) && special(&path, operator)
            }
            "-u" | "-g" | "-k" => false,
            _ => return Err(format!("{operator}: unexpected operator")),
        })
    }

    fn binary(&self, left: &str, operator: &str, right: &str) -> Result<bool, String> {
        let numbers = || Ok::<_, String>((number(left)?, number(right)?));
        let time = |text: &str| self.shell.path(text).metadata().and_then(|found| found.modified()).ok();
        Ok(match operator {
            "=" | "==" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-eq" => numbers().map(|(l, r)| l == r)?,
            "-ne" => numbers().map(|(l, r)| l != r)?,
            "-lt" => numbers().map(|(l, r)| l < r)?,
            "-le" => numbers().map(|(l, r)| l <= r)?,
            "-gt" => numbers().map(|(l, r)| l > r)?,
            "-ge" => numbers().map(|(l, r)| l >= r)?,
            "-nt" => time(left).is_some() && time(left) > time(right),
            "-ot" => time(right).is_some() && time(left) < time(right),
            "-ef" => {
                let real = |text: &str| self.shell.path(text).canonicalize().ok();
                real(left).is_some() && real(left) == real(right)
            }
            _ => return Err(format!("{operator}: unexpected operator")),
        })
    }
}

const UNARY: &str = "nzefdshLxrOGwtbcpSugk";

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("Illegal number: {text}"))
}

#[cfg(unix)]
fn special(path: &std::path::Path, operator: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata().is_ok_and(|found| match operator {
        "-b" => found.file_type().is_block_device(),
        "-c" => found.file_type().is_char_device(),
        "-p" => found.file_type().is_fifo(),
        _ => found.file_type().is_socket(),
    })
}

/// WASI has character devices, and nothing else that is special.
#[cfg(not(unix))]
fn special(_: &std::path::Path, operator: &str) -> bool {
    operator == "-c"
}
