//! Durations as Go writes them, which is how the reaper's variables have them: `10s`, `1m30s`, `1.5h`.

use std::time::Duration;

/// Reads a duration; `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut whole = Duration::ZERO;
    if rest == "0" {
        return Some(whole);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match rest.get(..letters)? {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        whole = whole.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = rest.get(letters..)?;
    }
    (!text.is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_durations_are_read() {
        for (text, millis) in
            [("0", 0), ("10s", 10_000), ("1m30s", 90_000), ("1.5h", 5_400_000), (".5s", 500), ("100ms", 100)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("7ns3us"), Some(Duration::from_nanos(3007)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "10", "s", "-1s", "1d", "1s2", "1.2.3s", "..s", "1e9h", "9999999999999999999999h", "10 s", "∞s"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
