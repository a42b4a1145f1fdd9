//! List and prune filters, in docker's rules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::Timestamp;
use regex::Regex;

use crate::bus::has_label;
use crate::core::Core;
use crate::record::Record;
use crate::{EngineError, Isolation, ListFilter, Status};

/// Longest pattern of a name or id filter, in bytes.
const PATTERN_LIMIT: usize = 1024;

/// A list filter, ready to be used.
#[derive(Debug)]
pub(crate) struct Wanted {
    all: bool,
    limit: usize,
    keys: BTreeMap<String, Vec<String>>,
    patterns: BTreeMap<&'static str, Vec<Regex>>,
    images: Option<Vec<Ancestor>>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

#[derive(Debug)]
struct Ancestor {
    name: String,
    image: Option<Arc<sprat_image::Image>>,
}

fn invalid(key: &str, value: &str) -> EngineError {
    EngineError::Invalid(format!("invalid filter '{key}={value}'"))
}

impl Wanted {
    /// Checks a filter and looks up what it names.
    ///
    /// # Errors
    /// A key or value is unknown or malformed.
    pub(crate) fn parse(core: &Core, filter: &ListFilter) -> Result<Self, EngineError> {
        let mut wanted = Self {
            all: filter.all || filter.limit.is_some() || filter.filters.contains_key("status"),
            limit: filter.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX),
            keys: filter.filters.clone(),
            patterns: BTreeMap::new(),
            images: None,
            before: None,
            since: None,
        };
        for (key, values) in &filter.filters {
            for value in values {
                check(key, value)?;
            }
            match key.as_str() {
                "name" => drop(wanted.patterns.insert("name", patterns(key, values)?)),
                "id" => drop(wanted.patterns.insert("id", patterns(key, values)?)),
                "ancestor" => wanted.images = Some(ancestors(core, values)),
                "before" => wanted.before = oldest(core, values)?,
                "since" => wanted.since = newest(core, values)?,
                _ => {}
            }
        }
        wanted.all |= wanted.before.is_some() || wanted.since.is_some();
        Ok(wanted)
    }

    /// Most containers wanted.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether this container is wanted.
    pub(crate) fn matches(&self, core: &Core, record: &Record) -> bool {
        let life = record.life();
        let (status, exit, name) =
            (life.status(), life.row.exit.as_ref().map(|exit| exit.code), Arc::clone(&life.name));
        let ran = life.row.started.is_some();
        drop(life);
        let running = matches!(status, Status::Running | Status::Paused | Status::Restarting);
        if !self.all && !running {
            return false;
        }
        if self.before.is_some_and(|before| record.created >= before)
            || self.since.is_some_and(|since| record.created <= since)
        {
            return false;
        }
        let named = |key: &str, texts: &dyn Fn() -> Vec<String>| {
            self.patterns.get(key).is_none_or(|all| {
                let texts = texts();
                all.iter().any(|regex| texts.iter().any(|text| regex.is_match(text)))
            })
        };
        if !named("name", &|| vec![name.to_string(), format!("/{name}")])
            || !named("id", &|| vec![record.id.to_string()])
        {
            return false;
        }
        if let Some(images) = &self.images
            && !images.iter().any(|image| image.matches(record))
        {
            return false;
        }
        self.keys.iter().all(|(key, values)| {
            let any = |test: &dyn Fn(&str) -> bool| values.is_empty() || values.iter().any(|value| test(value));
            match key.as_str() {
                "status" => any(&|value| value == status_name(status)),
                "exited" => !running && ran && any(&|value| value.parse().ok() == exit),
                "label" => {
                    let labels = core.labels(record);
                    values.iter().all(|value| has_label(&labels, value))
                }
                "volume" => any(&|value| {
                    record.settled.mounts.iter().any(|mount| {
                        mount.name == value || mount.target == value || mount.source == std::path::Path::new(value)
                    })
                }),
                "network" => any(&|value| on_network(record, value)),
                "publish" => any(&|value| publishes(record, value)),
                // Docker looks at the ports that a container has now: of what runs.
                "expose" => running && any(&|value| exposed(record).iter().any(|port| same_port(port, value))),
                "health" => {
                    let life = record.life();
                    let health = life.health.as_ref().map_or("none", |monitor| monitor.health.status.as_str());
                    any(&|value| value == health)
                }
                "isolation" => any(&|value| value == isolation(record)),
                "is-task" => any(&|value| matches!(value, "false" | "0")),
                // Judged above.
                _ => true,
            }
        })
    }
}

fn check(key: &str, value: &str) -> Result<(), EngineError> {
    let good = match key {
        "status" => STATUSES.iter().any(|(_, name)| *name == value),
        "exited" => value.parse::<i64>().is_ok(),
        "health" => matches!(value, "starting" | "healthy" | "unhealthy" | "none"),
        "is-task" => matches!(value, "true" | "false" | "0" | "1"),
        "publish" | "expose" => ports(value).is_some(),
        "ancestor" | "before" | "since" | "name" | "id" | "label" | "volume" | "network" | "isolation" => true,
        _ => return Err(EngineError::Invalid(format!("invalid filter '{key}'"))),
    };
    if good { Ok(()) } else { Err(invalid(key, value)) }
}

fn patterns(key: &str, values: &[String]) -> Result<Vec<Regex>, EngineError> {
    let compile = |value: &String| {
        if value.len() > PATTERN_LIMIT {
            return Err(invalid(key, value));
        }
        // An id is a beginning; a name may be any part.
        let text = if key == "id" { format!("^(?:{value})") } else { value.clone() };
        Regex::new(&text).or_else(|_| Regex::new(&regex::escape(value))).map_err(|_| invalid(key, value))
    };
    values.iter().map(compile).collect()
}

fn ancestors(core: &Core, values: &[String]) -> Vec<Ancestor> {
    values.iter().map(|name| Ancestor { name: name.clone(), image: core.images.resolve(name).ok() }).collect()
}

impl Ancestor {
    fn matches(&self, record: &Record) -> bool {
        let data = &record.facts.data;
        match &self.image {
            Some(image) => {
                let below: Vec<_> = image.layers.iter().map(|layer| &layer.diff_id).collect();
                image.id == data.id
                    || !below.is_empty()
                        && data.diff_ids.len() > below.len()
                        && data.diff_ids.iter().zip(below).all(|(a, b)| a == b)
            }
            None => record.spec.image == self.name,
        }
    }
}

fn oldest(core: &Core, values: &[String]) -> Result<Option<Timestamp>, EngineError> {
    Ok(created(core, values)?.into_iter().min())
}

fn newest(core: &Core, values: &[String]) -> Result<Option<Timestamp>, EngineError> {
    Ok(created(core, values)?.into_iter().max())
}

fn created(core: &Core, values: &[String]) -> Result<BTreeSet<Timestamp>, EngineError> {
    values.iter().map(|value| core.containers.find(value).map(|record| record.created)).collect()
}

const STATUSES: [(Status, &str); 7] = [
    (Status::Created, "created"),
    (Status::Running, "running"),
    (Status::Paused, "paused"),
    (Status::Restarting, "restarting"),
    (Status::Removing, "removing"),
    (Status::Exited, "exited"),
    (Status::Dead, "dead"),
];

fn status_name(status: Status) -> &'static str {
    STATUSES.iter().find(|(known, _)| *known == status).map_or("", |(_, name)| name)
}

/// By name, or by the beginning of the id once it ran there.
fn on_network(record: &Record, wanted: &str) -> bool {
    Core::endpoints(record)
        .iter()
        .any(|(name, endpoint)| name == wanted || (wanted.len() >= 12 && endpoint.network_id.starts_with(wanted)))
}

fn isolation(record: &Record) -> &'static str {
    match record.settled.isolation {
        Isolation::Default => "default",
        Isolation::Process => "process",
    }
}

/// Ports that the image or the request exposes or publishes.
pub(crate) fn exposed(record: &Record) -> BTreeSet<String> {
    let image = &record.facts.data.config.exposed_ports;
    let published = record.spec.ports.iter().map(|port| format!("{}/{}", port.container, port.protocol));
    image.iter().chain(&record.spec.exposed_ports).cloned().chain(published).collect()
}

/// Whether it has this port of the host now.
fn publishes(record: &Record, value: &str) -> bool {
    let ports = record.life().row.ports.clone();
    ports.iter().any(|port| same_port(&format!("{}/{}", port.host, port.protocol), value))
}

/// Numbers and protocol of a port: `80` means `80/tcp`; `80-90/tcp` is a range.
fn ports(text: &str) -> Option<(RangeInclusive<u16>, &str)> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    Some((low.parse().ok()?..=high.parse().ok()?, protocol))
}

fn same_port(port: &str, wanted: &str) -> bool {
    let (Some((port, protocol)), Some((wanted, wanted_protocol))) = (ports(port), ports(wanted)) else { return false };
    protocol == wanted_protocol && wanted.contains(port.start())
}

/// A prune filter: `until`, `label`, `label!`.
#[derive(Debug, Default)]
pub(crate) struct Prune {
    until: Option<Timestamp>,
    with: Vec<String>,
    without: Vec<String>,
}

impl Prune {
    /// Checks a filter.
    ///
    /// # Errors
    /// A key or value is unknown or malformed.
    pub(crate) fn parse(filters: &BTreeMap<String, Vec<String>>) -> Result<Self, EngineError> {
        let mut prune = Self::default();
        for (key, values) in filters {
            match key.as_str() {
                "label" => prune.with.clone_from(values),
                "label!" => prune.without.clone_from(values),
                "until" => {
                    let [value] = values.as_slice() else {
                        return Err(EngineError::Invalid("more than one until filter specified".to_owned()));
                    };
                    prune.until = Some(moment(value).ok_or_else(|| invalid(key, value))?);
                }
                _ => return Err(EngineError::Invalid(format!("invalid filter '{key}'"))),
            }
        }
        Ok(prune)
    }

    /// Whether something of this age with these labels is wanted.
    pub(crate) fn matches(&self, created: Timestamp, labels: &BTreeMap<String, String>) -> bool {
        self.until.is_none_or(|until| created < until)
            && self.with.iter().all(|label| has_label(labels, label))
            && !self.without.iter().any(|label| has_label(labels, label))
    }
}

/// A Unix time, an RFC 3339 time, or a duration back from now (`10m`, `1h30m`).
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let back: jiff::SignedDuration = text.parse().ok()?;
    Timestamp::now().checked_sub(back).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_match_by_number_protocol_and_range() {
        assert!(same_port("80/tcp", "80") && same_port("80/tcp", "80/tcp") && same_port("85/tcp", "80-90/tcp"));
        assert!(!same_port("80/tcp", "80/udp") && !same_port("79/tcp", "80-90") && !same_port("x", "80"));
    }

    #[test]
    fn prune_takes_times_and_durations() {
        assert_eq!(moment("0"), Timestamp::from_second(0).ok());
        assert!(moment("2024-01-01T00:00:00Z").is_some());
        assert!(moment("10m").unwrap() < Timestamp::now());
        assert!(moment("soon").is_none());
        let filters = |key: &str, value: &str| [(key.to_owned(), vec![value.to_owned()])].into();
        assert!(Prune::parse(&filters("until", "soon")).is_err());
        assert!(Prune::parse(&filters("colour", "blue")).is_err());
        let prune = Prune::parse(&filters("label!", "keep")).unwrap();
        assert!(!prune.matches(Timestamp::now(), &[("keep".to_owned(), String::new())].into()));
    }

    #[test]
    fn unknown_keys_and_values_are_refused() {
        for (key, value) in
            [("status", "asleep"), ("exited", "x"), ("publish", "x"), ("colour", "blue"), ("health", "fine")]
        {
            assert!(check(key, value).is_err(), "{key}={value}");
        }
        assert!(patterns("name", &["(".to_owned()]).unwrap()[0].is_match("a(b"));
    }
}
