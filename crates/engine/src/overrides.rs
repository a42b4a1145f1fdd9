//! What docker has no flag for: annotations and labels `dev.sprat.NAME` of the create request, never of an image.

use crate::{ContainerSpec, EngineError, Isolation};

const PREFIX: &str = "dev.sprat.";

/// Applies them to the request, and tells which have no effect.
///
/// # Errors
/// A value is malformed.
pub(crate) fn apply(spec: &mut ContainerSpec) -> Result<Vec<String>, EngineError> {
    let mut warnings = Vec::new();
    // Annotations come last: they win over labels.
    let pairs: Vec<(String, String)> = spec
        .labels
        .iter()
        .chain(&spec.annotations)
        .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?.to_owned(), value.clone())))
        .collect();
    for (name, value) in pairs {
        let malformed = |what: &str| EngineError::Invalid(format!("invalid {PREFIX}{name}={value}: expected {what}"));
        match name.as_str() {
            "isolation" => {
                spec.isolation = match value.as_str() {
                    "default" => Isolation::Default,
                    "process" => Isolation::Process,
                    _ => return Err(malformed("default or process")),
                }
            }
            "memory" => spec.memory_bytes = Some(bytes(&value).ok_or_else(|| malformed("bytes, such as 64m"))?),
            "cpu" => spec.cpu_millis = Some(millis_of_one(&value).ok_or_else(|| malformed("CPUs, such as 0.5"))?),
            "wall-clock" => {
                spec.wall_clock_ms = Some(millis(&value).ok_or_else(|| malformed("a duration, such as 30s"))?);
            }
            "open-files" => {
                spec.open_files = Some(value.parse().ok().filter(|n| *n > 0).ok_or_else(|| malformed("a number"))?);
            }
            "egress" => {
                crate::networks::parse_egress(&value)?;
                spec.egress = Some(value);
            }
            _ if service(spec, &name, &value).ok_or_else(|| malformed("a number of the kind that it has"))? => {}
            _ => warnings.push(format!("{PREFIX}{name} has no effect")),
        }
    }
    Ok(warnings)
}

/// Applies a limit of HTTP services. `Some(false)`: it is none; `None`: its value is malformed.
fn service(spec: &mut ContainerSpec, name: &str, value: &str) -> Option<bool> {
    let service = &mut spec.service;
    let number = || value.trim().parse::<u32>().ok();
    match name {
        "instances" => service.instances = number().filter(|n| *n > 0)?,
        "queue" => service.queue = number()?,
        "queue-timeout" => service.queue_ms = millis(value)?,
        "request-timeout" => service.answer_ms = millis(value)?,
        "stream-timeout" => service.stall_ms = millis(value)?,
        "body-limit" => service.body_bytes = if value.trim() == "0" { 0 } else { bytes(value)? },
        "reuse" => service.reuse = number().filter(|n| *n > 0)?,
        "ready" => service.ready = number()?,
        "connections" => service.connections = number().filter(|n| *n > 0)?,
        _ => return Some(false),
    }
    Some(true)
}

/// `64m`, `1g`, `1.5gib`, `4096`.
fn bytes(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match lower.get(digits.len()..)?.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    whole(digits.trim().parse::<f64>().ok()? * (1_u64 << shift) as f64)
}

/// `0.5` CPUs are 500 thousandths.
fn millis_of_one(text: &str) -> Option<u32> {
    u32::try_from(whole(text.trim().parse::<f64>().ok()? * 1000.0)?).ok()
}

/// `500ms`, `30s`, `5m`, `1h`; plain numbers are seconds.
fn millis(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "ms" => 1.0,
        "" | "s" => 1000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    whole(digits.parse::<f64>().ok()? * unit)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && (1.0..9e15).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(pairs: &[(&str, &str)]) -> ContainerSpec {
        let annotations = pairs.iter().map(|(k, v)| (format!("{PREFIX}{k}"), (*v).to_owned())).collect();
        ContainerSpec { annotations, ..ContainerSpec::default() }
    }

    #[test]
    fn values_have_units() {
        let mut given = spec(&[("isolation", "process"), ("memory", "64m"), ("wall-clock", "1.5s"), ("cpu", "0.25")]);
        assert!(apply(&mut given).unwrap().is_empty());
        assert_eq!(given.isolation, Isolation::Process);
        assert_eq!(given.memory_bytes, Some(64 << 20));
        assert_eq!(given.wall_clock_ms, Some(1500));
        assert_eq!(given.cpu_millis, Some(250));
        assert_eq!(bytes("1.5GiB"), Some(3 << 29));
    }

    #[test]
    fn services_have_limits() {
        let pairs = [
            ("instances", "3"),
            ("queue", "0"),
            ("queue-timeout", "250ms"),
            ("request-timeout", "5s"),
            ("stream-timeout", "1m"),
            ("body-limit", "1m"),
            ("reuse", "1000"),
            ("ready", "2"),
            ("connections", "10"),
        ];
        let mut given = spec(&pairs);
        assert!(apply(&mut given).unwrap().is_empty());
        let expected = sprat_sandbox::ServiceSpec {
            instances: 3,
            queue: 0,
            queue_ms: 250,
            answer_ms: 5_000,
            stall_ms: 60_000,
            body_bytes: 1 << 20,
            reuse: 1000,
            ready: 2,
            connections: 10,
        };
        assert_eq!(given.service, expected);
    }

    #[test]
    fn odd_values_are_refused_and_unknown_names_are_told() {
        for pair in [
            ("isolation", "vm"),
            ("memory", "-1m"),
            ("memory", "NaN"),
            ("wall-clock", "0"),
            ("cpu", "1e99"),
            ("egress", "a b"),
            ("instances", "0"),
            ("reuse", "0"),
            ("queue", "-1"),
            ("queue-timeout", "soon"),
            ("body-limit", "much"),
        ] {
            assert!(apply(&mut spec(&[pair])).is_err(), "{pair:?}");
        }
        assert_eq!(apply(&mut spec(&[("colour", "red")])).unwrap(), ["dev.sprat.colour has no effect"]);
        let mut open = spec(&[("egress", "api.example.com:443")]);
        assert!(apply(&mut open).unwrap().is_empty());
        assert_eq!(open.egress.as_deref(), Some("api.example.com:443"));
    }
}
