//! Points in time as docker's flags take them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::CliError;
use crate::quantity;

/// `2026-11-22T10:00:00Z`, Unix seconds, or a span before now (`10m`), as Unix seconds with a fraction.
pub(crate) fn moment(text: &str) -> Result<String, CliError> {
    if text.parse::<f64>().is_ok() {
        return Ok(text.to_owned());
    }
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let span = quantity::nanoseconds("time", text).map_err(|_| {
                CliError::new(format!("invalid time {text:?}"))
                    .fix("write 2026-11-22T10:00:00Z, Unix seconds, or a span such as 10m")
            })?;
            let before = i128::from(span);
            Timestamp::from_nanosecond(Timestamp::now().as_nanosecond() - before)
                .map_err(|e| CliError::new(format!("invalid time {text:?}")).why(e))?
        }
    };
    let ns = at.as_nanosecond();
    Ok(format!("{}.{:09}", ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000)))
}

/// `2026-11-22 19:59:01 +0000 UTC` in the machine's time zone, from Unix seconds: docker's `CreatedAt`.
pub(crate) fn stamp(seconds: i64) -> String {
    stamp_in(seconds, TimeZone::try_system().unwrap_or(TimeZone::UTC))
}

fn stamp_in(seconds: i64, zone: TimeZone) -> String {
    let at = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(zone);
    at.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// `3 minutes ago`, from Unix seconds.
pub(crate) fn ago(seconds: i64) -> String {
    format!("{} ago", quantity::span(Timestamp::now().as_second() - seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_docker_writes_them() {
        assert_eq!(stamp_in(1_795_377_541, TimeZone::UTC), "2026-11-22 19:59:01 +0000 UTC");
        let fixed = TimeZone::posix("CET-1").unwrap();
        assert_eq!(stamp_in(1_795_377_541, fixed), "2026-11-22 20:59:01 +0100 CET");
    }
}
