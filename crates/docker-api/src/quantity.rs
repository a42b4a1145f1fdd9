//! Sizes (`10m`, `1.5GB`) and durations (`1m30s`) as docker's flags and options have them.

use std::time::Duration;

/// Why a text is no size or duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// It is no size.
    #[error("invalid size: '{0}'")]
    Size(String),
    /// It is no duration.
    #[error("time: invalid duration {0:?}")]
    Duration(String),
}

/// Bytes of a size with docker's binary units: `64`, `10m`, `1.5GB`, `2 KiB`.
///
/// # Errors
/// The text is no size, or has more than 2^64 bytes.
pub fn parse_size(text: &str) -> Result<u64, QuantityError> {
    let invalid = || QuantityError::Size(text.chars().take(64).collect());
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        "p" | "pb" | "pi" | "pib" => 50,
        _ => return Err(invalid()),
    };
    let scale = 1_u64 << shift;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(invalid);
    }
    let fraction: f64 = number.parse().map_err(|_| invalid())?;
    let bytes = fraction * (1_u64 << shift) as f64;
    // Exact for every value below 2^64; beyond it there is no such size.
    if bytes.is_finite() && (0.0..1.8e19).contains(&bytes) { Ok(bytes as u64) } else { Err(invalid()) }
}

/// A duration in Go's notation: `300ms`, `1.5h`, `1m30s`, `0`. Never negative.
///
/// # Errors
/// The text is no duration, is negative, or longer than some 584 years.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let invalid = || QuantityError::Duration(text.chars().take(64).collect());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let nanos: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(invalid()),
        };
        let part = match number.parse::<u64>() {
            Ok(whole) => whole.checked_mul(nanos),
            Err(_) => {
                let value = number.parse::<f64>().map_err(|_| invalid())? * nanos as f64;
                (value.is_finite() && (0.0..1.8e19).contains(&value)).then_some(value as u64)
            }
        };
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = next;
    }
    Ok(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in
            [("64", 64), ("10m", 10 << 20), ("1.5k", 1536), ("1GB", 1 << 30), ("2 KiB", 2048), ("0", 0), (".5k", 512)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1.2.3m", "99999999999p", "nan", "inf", "1e400", "1m2"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, millis) in [("10m", 600_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("300ms", 300), ("0", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "-1s", "1d", "s", "1s1", ".s", "9999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_size(&text);
            let _ = parse_duration(&text);
        }
    }
}
