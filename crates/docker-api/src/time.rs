//! Times as docker takes and gives them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::parse_duration;

/// Docker's "never": what Go prints for its zero time.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {0:?}: expected RFC 3339, seconds since 1970, or a duration such as 10m")]
pub struct TimeError(String);

/// A time from a query: seconds since 1970 with or without fraction, RFC 3339 (with or without zone; then UTC), a date,
/// or a duration before `now`. Empty and `0` are `None`.
///
/// # Errors
/// The text is none of these.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Option<Timestamp>, TimeError> {
    let text = text.trim();
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let time = unix(text)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()))
        .or_else(|| now.checked_sub(parse_duration(text).ok()?).ok());
    time.map(Some).ok_or_else(|| TimeError(text.chars().take(64).collect()))
}

/// `1136073845` or `1136073845.000000001`.
fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos = match fraction.len() {
        0 => 0,
        length => {
            let digits = fraction.get(..length.min(9)).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
            format!("{digits:0<9}").parse().ok()?
        }
    };
    let seconds: i64 = seconds.parse().ok()?;
    Timestamp::new(seconds, if seconds < 0 { -nanos } else { nanos }).ok()
}

/// A time as answers have it: RFC 3339 in UTC with nanoseconds; never is [`ZERO_TIME`].
#[must_use]
pub fn format_time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| ZERO_TIME.to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<i128> {
        let now = Timestamp::new(1_000_000, 0).unwrap();
        parse_time(text, now).unwrap().map(Timestamp::as_nanosecond)
    }

    #[test]
    fn every_shape_of_a_time_is_read() {
        let second = 1_000_000_000_i128;
        assert_eq!(parse("1795325656"), Some(1_795_325_656 * second));
        assert_eq!(parse("12.000000005"), Some(12 * second + 5));
        assert_eq!(parse("12.5"), Some(12 * second + second / 2));
        assert_eq!(parse("1970-01-01T00:00:10Z"), Some(10 * second));
        assert_eq!(parse("1970-01-01T01:00:10+01:00"), Some(10 * second));
        assert_eq!(parse("1970-01-01T00:00:10.25"), Some(10 * second + second / 4));
        assert_eq!(parse("1970-01-02"), Some(86_400 * second));
        assert_eq!(parse("10m"), Some((1_000_000 - 600) * second));
        assert_eq!(parse(""), None);
        assert_eq!(parse("0"), None);
    }

    #[test]
    fn never_is_gos_zero_time() {
        assert_eq!(format_time(None), ZERO_TIME);
        assert_eq!(format_time(Timestamp::new(0, 5).ok()), "1970-01-01T00:00:00.000000005Z");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_time(&text, Timestamp::UNIX_EPOCH);
        }
    }
}
