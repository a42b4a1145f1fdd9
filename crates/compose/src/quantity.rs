//! Sizes, times and numbers as Compose files write them.

use crate::error::{Code, ComposeError};

/// Nanoseconds of `1m30s`, `500ms`, `2h` (Compose Specification, "Specifying durations").
pub(crate) fn nanoseconds(text: &str) -> Result<i64, ComposeError> {
    let wrong =
        || ComposeError::new(Code::Value, format!("invalid duration {text:?}")).fix("write 500ms, 30s, 5m or 1h30m");
    let mut rest = text.trim();
    let mut sum = 0_f64;
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            "w" => 604_800e9,
            _ => return Err(wrong()),
        };
        sum += number.parse::<f64>().map_err(|_| wrong())? * scale;
        rest = next;
    }
    if sum > 9e18 {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 2^63, and whole nanoseconds are wanted")]
    Ok(sum as i64)
}

/// A time as Compose writes it: `1m30s`, `1h0m0s`, `500ms`.
pub(crate) fn duration(ns: i64) -> String {
    let fraction = |whole: i64, rest: i64, digits: usize, unit: &str| {
        let rest = format!("{rest:0digits$}");
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() { format!("{whole}{unit}") } else { format!("{whole}.{rest}{unit}") }
    };
    match ns {
        0 => "0s".into(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => fraction(ns / 1_000, ns % 1_000, 3, "µs"),
        1_000_000..1_000_000_000 => fraction(ns / 1_000_000, ns % 1_000_000, 6, "ms"),
        _ => {
            let seconds = ns / 1_000_000_000;
            let last = fraction(seconds % 60, ns % 1_000_000_000, 9, "s");
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => last,
                (0, minutes) => format!("{minutes}m{last}"),
                (hours, minutes) => format!("{hours}h{minutes}m{last}"),
            }
        }
    }
}

/// Bytes of `256m`, `1.5g`, `64kb`, `1024` (Compose Specification, "Specifying byte values"); binary units.
pub(crate) fn bytes(text: &str) -> Result<i64, ComposeError> {
    let wrong =
        || ComposeError::new(Code::Value, format!("invalid size: '{text}'")).fix("write bytes, or 64k, 256m, 1g");
    let lower = text.trim().to_ascii_lowercase();
    if lower == "-1" {
        return Ok(-1);
    }
    let bare = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let (number, shift) = match bare.chars().last() {
        Some('k') => (bare.strip_suffix('k'), 10),
        Some('m') => (bare.strip_suffix('m'), 20),
        Some('g') => (bare.strip_suffix('g'), 30),
        Some('t') => (bare.strip_suffix('t'), 40),
        Some('p') => (bare.strip_suffix('p'), 50),
        _ => (Some(bare), 0),
    };
    let number = number.map(str::trim_end).filter(|n| n.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
    let number: f64 = number.and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    let value = number * f64::from(1_u32 << 10).powi(shift / 10);
    if !(0.0..9e18).contains(&value) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 2^63, and bytes are whole")]
    Ok(value as i64)
}

/// A number as text, as Compose writes it into variables: 1.5, 1e+08.
pub(crate) fn number(n: &serde_json::Number) -> String {
    let (Some(float), false) = (n.as_f64(), n.is_i64() || n.is_u64()) else { return n.to_string() };
    if float == 0.0 {
        return "0".into();
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent is small")]
    let exponent = float.abs().log10().floor() as i32;
    if (-4..21).contains(&exponent) && !(6..21).contains(&exponent) {
        return format!("{float}");
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_as_compose_does() {
        for (text, written) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("500ms", "500ms"),
            ("1.5s", "1.5s"),
            ("2d", "48h0m0s"),
            ("0s", "0s"),
            ("1us", "1µs"),
            ("1500us", "1.5ms"),
        ] {
            assert_eq!(duration(nanoseconds(text).unwrap()), written, "{text}");
        }
        for wrong in ["", "5", "s", "5 parsecs", "-1s", "1e9s", "99999999999h"] {
            assert!(nanoseconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, expected) in
            [("50M", 50 << 20), ("1.5k", 1536), ("1GiB", 1 << 30), ("12", 12), ("-1", -1), ("2kb", 2048)]
        {
            assert_eq!(bytes(text).unwrap(), expected, "{text}");
        }
        for wrong in ["", "huge", "-2", "m", "infinity", "nan", "1e30"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_written_as_compose_does() {
        for (n, text) in [(1.5, "1.5"), (1e8, "1e+08"), (0.012, "0.012"), (1000.0, "1000"), (1e-5, "1e-05"), (8.0, "8")]
        {
            assert_eq!(number(&serde_json::Number::from_f64(n).unwrap()), text);
        }
    }
}
