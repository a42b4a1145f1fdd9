//! `printf` (POSIX.1-2017, XCU printf).

use super::echo::{Octal, unescape};
use crate::arithmetic;
use crate::shell::{Run, Shell};

/// The widest field, so that a width can't ask for all memory.
const WIDEST: usize = 65536;

pub(super) fn printf(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    if rest.first().is_some_and(|first| first == "--") {
        rest = rest.get(1..).unwrap_or_default();
    }
    let Some((format, values)) = rest.split_first() else {
        shell.complain("printf: usage: printf format [arg ...]");
        return Ok(2);
    };
    let mut printer = Printer { output: String::new(), values: values.iter(), errors: Vec::new(), stopped: false };
    loop {
        let before = printer.values.len();
        if let Err(why) = printer.once(format) {
            printer.errors.push(why);
            break;
        }
        // The format is used again as long as it takes values.
        if printer.stopped || printer.values.len() == 0 || printer.values.len() == before {
            break;
        }
    }
    let status = shell.print(&printer.output);
    for error in &printer.errors {
        shell.complain(&format!("printf: {error}"));
    }
    Ok(if printer.errors.is_empty() { status } else { 1 })
}

struct Printer<'a> {
    output: String,
    values: std::slice::Iter<'a, String>,
    errors: Vec<String>,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printer<'_> {
    fn once(&mut self, format: &str) -> Result<(), String> {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            self.output.push_str(&unescape(rest.get(..at).unwrap_or_default(), Octal::Plain).0);
            rest = rest.get(at + 1..).unwrap_or_default();
            if let Some(after) = rest.strip_prefix('%') {
                self.output.push('%');
                rest = after;
                continue;
            }
            let spec = self.spec(&mut rest)?;
            let Some(letter) = rest.chars().next() else { return Err("%: missing conversion".into()) };
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            self.convert(letter, &spec)?;
            if self.stopped {
                return Ok(());
            }
        }
        self.output.push_str(&unescape(rest, Octal::Plain).0);
        Ok(())
    }

    fn spec(&mut self, rest: &mut &str) -> Result<Spec, String> {
        let mut spec = Spec::default();
        while let Some(c) = rest.chars().next() {
            match c {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ' ' => spec.space = true,
                '#' => spec.alternate = true,
                '0' => spec.zero = true,
                _ => break,
            }
            *rest = rest.get(1..).unwrap_or_default();
        }
        let width = self.count(rest);
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(WIDEST).min(WIDEST);
        if let Some(after) = rest.strip_prefix('.') {
            *rest = after;
            spec.precision = usize::try_from(self.count(rest)).ok().map(|precision| precision.min(WIDEST));
        }
        *rest = rest.trim_start_matches(['l', 'h', 'j', 'z', 't', 'L', 'q']);
        Ok(spec)
    }

    /// A width or precision: digits, or `*` for a value.
    fn count(&mut self, rest: &mut &str) -> i64 {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            return self.integer();
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        *rest = after;
        digits.parse().unwrap_or(0)
    }

    fn integer(&mut self) -> i64 {
        let Some(text) = self.values.next() else { return 0 };
        if let Some(quoted) = text.strip_prefix(['\'', '"']) {
            return quoted.chars().next().map_or(0, |c| i64::from(u32::from(c)));
        }
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = arithmetic::number(text) {
            return number;
        }
        let trimmed = text.trim_start();
        let prefixes = (1..trimmed.len()).rev().filter_map(|end| trimmed.get(..end).and_then(arithmetic::number));
        match prefixes.into_iter().next() {
            Some(number) => {
                self.errors.push(format!("{text}: not completely converted"));
                number
            }
            None => {
                self.errors.push(format!("{text}: expected numeric value"));
                0
            }
        }
    }

    fn float(&mut self) -> f64 {
        let Some(text) = self.values.next() else { return 0.0 };
        if let Some(quoted) = text.strip_prefix(['\'', '"']) {
            return quoted.chars().next().map_or(0.0, |c| f64::from(u32::from(c)));
        }
        match text.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                self.errors.push(format!("{text}: expected numeric value"));
                0.0
            }
        }
    }

    fn convert(&mut self, letter: char, spec: &Spec) -> Result<(), String> {
        match letter {
            's' => {
                let text = self.values.next().map_or("", String::as_str);
                let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
                self.pad(&text, spec);
            }
            'b' => {
                let (text, stopped) = unescape(self.values.next().map_or("", String::as_str), Octal::AfterZero);
                let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
                self.pad(&text, spec);
                self.stopped = stopped;
            }
            'c' => {
                let text: String = self.values.next().map_or("", String::as_str).chars().take(1).collect();
                self.pad(&text, spec);
            }
            'd' | 'i' => {
                let number = self.integer();
                self.number(number < 0, &number.unsigned_abs().to_string(), "", spec);
            }
            'u' | 'o' | 'x' | 'X' => {
                // As C does: negative numbers are large ones.
                let number = self.integer().cast_unsigned();
                let (digits, prefix) = match letter {
                    'u' => (number.to_string(), ""),
                    'o' => (format!("{number:o}"), if spec.alternate && number != 0 { "0" } else { "" }),
                    'x' => (format!("{number:x}"), if spec.alternate && number != 0 { "0x" } else { "" }),
                    _ => (format!("{number:X}"), if spec.alternate && number != 0 { "0X" } else { "" }),
                };
                let spec = Spec { plus: false, space: false, precision: spec.precision, ..*spec };
                self.number(false, &digits, prefix, &spec);
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let number = self.float();
                let precision = spec.precision.unwrap_or(6);
                let mut digits = match letter.to_ascii_lowercase() {
                    _ if !number.is_finite() => format!("{}", number.abs()).to_lowercase(),
                    'f' => format!("{:.precision$}", number.abs()),
                    'e' => exponential(number.abs(), precision),
                    _ => general(number.abs(), precision.max(1), spec.alternate),
                };
                if letter.is_ascii_uppercase() {
                    digits = digits.to_uppercase();
                }
                let spec = Spec { precision: None, ..*spec };
                self.number(number.is_sign_negative(), &digits, "", &spec);
            }
            other => return Err(format!("%{other}: invalid directive")),
        }
        Ok(())
    }

    fn number(&mut self, negative: bool, digits: &str, prefix: &str, spec: &Spec) {
        let sign = match (negative, spec.plus, spec.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let mut digits = digits.to_owned();
        if let Some(precision) = spec.precision {
            digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
        } else if spec.zero && !spec.left {
            let used = sign.len() + prefix.len() + digits.len();
            digits = format!("{}{digits}", "0".repeat(spec.width.saturating_sub(used)));
        }
        self.pad(&format!("{sign}{prefix}{digits}"), spec);
    }

    fn pad(&mut self, text: &str, spec: &Spec) {
        let blanks = " ".repeat(spec.width.saturating_sub(text.chars().count()));
        if spec.left {
            self.output.push_str(text);
            self.output.push_str(&blanks);
        } else {
            self.output.push_str(&blanks);
            self.output.push_str(text);
        }
    }
}

/// As C's `%e`: two digits of exponent at least.
fn exponential(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As C's `%g`: the shorter of the two, without trailing zeros.
fn general(number: f64, precision: usize, keep_zeros: bool) -> String {
    let text = exponential(number, precision - 1);
    let exponent: i32 = text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let fixed = exponent >= -4 && i64::from(exponent) < i64::try_from(precision).unwrap_or(i64::MAX);
    let trim = |digits: &str| match digits.contains('.') && !keep_zeros {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if fixed {
        let decimals = usize::try_from(i64::try_from(precision).unwrap_or(0) - 1 - i64::from(exponent)).unwrap_or(0);
        return trim(&format!("{number:.decimals$}"));
    }
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trim(digits)),
        None => text,
    }
}
