//! Sizes and times as users write and read them.

use sprat_docker_api::{parse_duration, parse_size};

use crate::error::CliError;

/// `256m`, `1g`, `64k`, `1048576` as bytes (binary units, as docker has them).
pub(crate) fn bytes(what: &str, text: &str) -> Result<i64, CliError> {
    parse_size(text).ok().and_then(|bytes| i64::try_from(bytes).ok()).ok_or_else(|| {
        CliError::new(format!("invalid size for {what}: {text:?}")).fix("write bytes, or 64k, 256m, 1g").status(125)
    })
}

/// `500ms`, `30s`, `5m`, `1h30m` as nanoseconds.
pub(crate) fn nanoseconds(what: &str, text: &str) -> Result<u64, CliError> {
    parse_duration(text.trim()).ok().and_then(|time| u64::try_from(time.as_nanos()).ok()).ok_or_else(|| {
        CliError::new(format!("invalid time for {what}: {text:?}")).fix("write 500ms, 30s, 5m or 1h30m").status(125)
    })
}

/// `2 hours ago`'s first part, as docker words it.
pub(crate) fn span(seconds: i64) -> String {
    let plural = |n: i64, unit: &str| if n == 1 { format!("{n} {unit}") } else { format!("{n} {unit}s") };
    match seconds {
        ..1 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".into(),
        120..3600 => format!("{} minutes", seconds / 60),
        3600..7200 => "About an hour".into(),
        7200..172_800 => format!("{} hours", seconds / 3600),
        172_800..1_209_600 => format!("{} days", seconds / 86_400),
        1_209_600..5_184_000 => format!("{} weeks", seconds / 604_800),
        5_184_000..63_072_000 => format!("{} months", seconds / 2_592_000),
        _ => plural(seconds / 31_536_000, "year"),
    }
}

/// `1.23MB`, as docker shows sizes (decimal units, four digits).
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
    let mut number = bytes as f64;
    let mut unit = 0;
    while number >= 1000.0 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let decimals = if unit == 0 || number >= 100.0 {
        0
    } else if number >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS.get(unit).unwrap_or(&"B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_as_docker_does() {
        assert_eq!(bytes("x", "256m").unwrap(), 256 << 20);
        assert_eq!(bytes("x", "1.5k").unwrap(), 1536);
        assert_eq!(bytes("x", "1GiB").unwrap(), 1 << 30);
        assert!(bytes("x", "much").is_err() && bytes("x", "-1").is_err() && bytes("x", "").is_err());
        assert_eq!(
            (size(0), size(999), size(1_230_000), size(71_500)),
            ("0B".into(), "999B".into(), "1.23MB".into(), "71.5kB".into())
        );
    }

    #[test]
    fn times_may_join_units() {
        assert_eq!(nanoseconds("x", "1m30s").unwrap(), 90_000_000_000);
        assert_eq!(nanoseconds("x", "500ms").unwrap(), 500_000_000);
        assert!(
            nanoseconds("x", "5").is_err() && nanoseconds("x", "").is_err() && nanoseconds("x", "5 parsecs").is_err()
        );
    }
}
