//! [`Event`]: what happened, as `docker events` tells it.

use std::collections::BTreeMap;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// The daemon.
    Daemon,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: EventKind,
    /// Docker's word: `create`, `start`, `die`, `stop`, `kill`, `destroy`, `rename`, `attach`, `pull`, `tag` …
    pub action: String,
    /// Id or name of what it is about.
    pub actor: String,
    /// Docker's attributes: `name`, `image`, `exitCode`, `signal`, labels …
    pub attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// From this time on (nanoseconds since 1970), out of the kept history of 1,000 events.
    pub since_ns: Option<i64>,
    /// Up to this time.
    pub until_ns: Option<i64>,
    /// Docker's filters by key (`container`, `event`, `image`, `label`, `type`, `volume` …); values of one key are
    /// alternatives.
    pub filters: BTreeMap<String, Vec<String>>,
}
