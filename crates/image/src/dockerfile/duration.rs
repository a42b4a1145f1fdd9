//! Durations as Go writes them: `1h2m3.5s`, `500ms`.

use super::Problem;

const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
/// Shortest duration but zero, in nanoseconds.
const SHORTEST: f64 = 1e6;
/// Longest duration, in nanoseconds: what 63 bits hold.
const LONGEST: f64 = 9.2e18;

/// Nanoseconds of a duration; 0, or at least a millisecond.
pub(super) fn parse(text: &str) -> Result<i64, Problem> {
    let bad = || Problem::Duration(text.to_owned());
    if text == "0" {
        return Ok(0);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, behind) = rest.split_at_checked(number_end).ok_or_else(bad)?;
        let unit_end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit_end).ok_or_else(bad)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        total += number.parse::<f64>().map_err(|_| bad())? * factor;
        rest = behind;
    }
    let in_range = total == 0.0 || (SHORTEST..=LONGEST).contains(&total);
    if text.is_empty() || !in_range {
        return Err(bad());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    Ok(total.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("500ms", 500_000_000),
            ("1.5h", 5_400_000_000_000),
            ("0s", 0),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1x", "1ns", "999999999h", "1..2s", "1s2", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
