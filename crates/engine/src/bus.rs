//! The event bus: a history bounded in number and bytes, and subscribers that are cut off when it leaves them behind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{EngineError, Event, EventFilter, EventKind};

/// Events kept, for `since` and for subscribers that are behind.
const HISTORY: usize = 4_096;
/// Bytes of their texts: an event carries its container's labels.
const HISTORY_BYTES: usize = 16 << 20;

/// Takes events and hands them to subscribers.
#[derive(Debug)]
pub(crate) struct Bus {
    history: Arc<Mutex<History>>,
    /// Told after each event.
    told: watch::Sender<()>,
}

/// The last events, numbered on from 0.
#[derive(Debug, Default)]
struct History {
    events: VecDeque<Arc<Event>>,
    /// Number of the oldest one kept.
    first: u64,
    bytes: usize,
}

impl History {
    fn push(&mut self, event: Arc<Event>) {
        self.bytes += size(&event);
        self.events.push_back(event);
        while self.events.len() > HISTORY || self.bytes > HISTORY_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= size(&oldest);
            self.first += 1;
        }
    }

    /// Number of the next event.
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn get(&self, number: u64) -> Found {
        let Some(index) = number.checked_sub(self.first) else { return Found::Lost };
        let event = usize::try_from(index).ok().and_then(|index| self.events.get(index));
        event.map_or(Found::NotYet, |event| Found::Event(Arc::clone(event)))
    }
}

enum Found {
    Event(Arc<Event>),
    NotYet,
    /// It was dropped before it was asked for.
    Lost,
}

fn size(event: &Event) -> usize {
    let attributes: usize = event.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
    event.action.len() + event.actor.len() + attributes
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self { history: Arc::default(), told: watch::Sender::new(()) }
    }

    /// Tells an event that happens now.
    pub(crate) fn tell(&self, kind: EventKind, action: &str, actor: String, attributes: BTreeMap<String, String>) {
        let mut history = self.history.lock();
        // The clock may stand still or go back; events keep their order.
        let now = now_ns();
        let time_ns = history.events.back().map_or(now, |last| now.max(last.time_ns + 1));
        history.push(Arc::new(Event { kind, action: action.to_owned(), actor, attributes, time_ns }));
        drop(history);
        self.told.send_replace(());
    }

    /// What happened since, then what happens.
    pub(crate) fn subscribe(
        &self,
        filter: EventFilter,
    ) -> Result<impl Stream<Item = Event> + Send + 'static + use<>, EngineError> {
        let matcher = Matcher::new(filter.filters)?;
        let (past, next) = {
            let history = self.history.lock();
            let since = |since| history.events.iter().filter(|event| event.time_ns >= since).cloned().collect();
            (filter.since_ns.map_or_else(Vec::new, since), history.next())
        };
        let until = filter.until_ns;
        let end = async move {
            match until {
                Some(until) => tokio::time::sleep(time_left(until)).await,
                None => std::future::pending().await,
            }
        };
        let live = live(Arc::clone(&self.history), self.told.subscribe(), next);
        let wanted = stream::iter(past).chain(live.take_until(Box::pin(end)));
        Ok(wanted
            .filter(move |event| {
                let take = until.is_none_or(|until| event.time_ns <= until) && matcher.matches(event);
                std::future::ready(take)
            })
            .map(|event| (*event).clone()))
    }
}

/// The events from number `next` on, as they come. It ends at one that is lost: a stream with holes would be a lie.
fn live(
    history: Arc<Mutex<History>>,
    told: watch::Receiver<()>,
    next: u64,
) -> impl Stream<Item = Arc<Event>> + Send + 'static {
    stream::unfold((history, told, next), |(history, mut told, next)| async move {
        loop {
            // Seen before the look: what comes after the look wakes the wait.
            told.mark_unchanged();
            let found = history.lock().get(next);
            match found {
                Found::Event(event) => return Some((event, (history, told, next + 1))),
                Found::Lost => return None,
                Found::NotYet => told.changed().await.ok()?,
            }
        }
    })
}

/// Nanoseconds since 1970, now.
pub(crate) fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

fn time_left(until_ns: i64) -> std::time::Duration {
    std::time::Duration::from_nanos(u64::try_from(until_ns.saturating_sub(now_ns())).unwrap_or(0))
}

/// Docker's event filters.
struct Matcher(BTreeMap<String, Vec<String>>);

/// Keys that docker knows.
const KEYS: [&str; 13] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
];

impl Matcher {
    fn new(filters: BTreeMap<String, Vec<String>>) -> Result<Self, EngineError> {
        for key in filters.keys() {
            if key != "volume" && !KEYS.contains(&key.as_str()) {
                return Err(EngineError::Invalid(format!("invalid filter '{key}'")));
            }
        }
        Ok(Self(filters))
    }

    fn matches(&self, event: &Event) -> bool {
        self.0.iter().all(|(key, values)| values.is_empty() || matches_key(event, key, values))
    }
}

fn matches_key(event: &Event, key: &str, values: &[String]) -> bool {
    let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
    let actor = |kind: EventKind| {
        event.kind == kind
            && any(&|value| {
                event.actor.starts_with(value)
                    || event.attributes.get("name").is_some_and(|name| name == value.trim_start_matches('/'))
            })
    };
    match key {
        "type" => any(&|value| value == kind_name(event.kind)),
        "event" => any(&|value| {
            event.action == value || event.action.split_once(':').is_some_and(|(action, _)| action == value)
        }),
        "container" => actor(EventKind::Container),
        "volume" => actor(EventKind::Volume),
        "network" => actor(EventKind::Network),
        "daemon" => actor(EventKind::Daemon),
        "image" => match event.kind {
            EventKind::Image => any(&|value| {
                same_image(&event.actor, value)
                    || event.attributes.get("name").is_some_and(|name| same_image(name, value))
            }),
            EventKind::Container => {
                event.attributes.get("image").is_some_and(|image| any(&|value| same_image(image, value)))
            }
            EventKind::Volume | EventKind::Network | EventKind::Daemon => false,
        },
        "label" => values.iter().all(|value| has_label(&event.attributes, value)),
        "scope" => any(&|value| value == "local"),
        // Swarm's: nothing of that kind happens here.
        _ => false,
    }
}

fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Container => "container",
        EventKind::Image => "image",
        EventKind::Volume => "volume",
        EventKind::Network => "network",
        EventKind::Daemon => "daemon",
    }
}

/// A name matches with or without its tag, an id by its beginning.
fn same_image(image: &str, wanted: &str) -> bool {
    let untagged = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    image == wanted
        || untagged == wanted
        || (wanted.len() >= 12 && image.trim_start_matches("sha256:").starts_with(wanted))
}

/// `NAME` or `NAME=value`.
pub(crate) fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|have| have == value),
        None => labels.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pairs: &[(&str, &str)]) -> EventFilter {
        let mut filters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in pairs {
            filters.entry((*key).to_owned()).or_default().push((*value).to_owned());
        }
        EventFilter { since_ns: Some(0), until_ns: Some(0), filters }
    }

    fn die(bus: &Bus, id: &str, label: &str) {
        let attributes = [("name", "bass"), ("image", "hello:latest"), ("exitCode", "3"), (label, "x")];
        let attributes = attributes.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        bus.tell(EventKind::Container, "die", id.to_owned(), attributes);
    }

    async fn past(bus: &Bus, pairs: &[(&str, &str)]) -> usize {
        let filter = EventFilter { until_ns: Some(now_ns()), ..filter(pairs) };
        bus.subscribe(filter).unwrap().collect::<Vec<_>>().await.len()
    }

    #[tokio::test]
    async fn filters_follow_dockers_rules() {
        let bus = Bus::new();
        die(&bus, "abcdef0123456789", "tier");
        for pairs in [
            &[("type", "container")][..],
            &[("event", "die"), ("event", "start")],
            &[("container", "abcdef")],
            &[("container", "bass"), ("label", "tier"), ("label", "tier=x")],
            &[("image", "hello")],
            &[("image", "hello:latest")],
        ] {
            assert_eq!(past(&bus, pairs).await, 1, "{pairs:?}");
        }
        for pairs in [
            &[("type", "image")][..],
            &[("event", "start")],
            &[("container", "pike")],
            &[("label", "tier=y")],
            &[("label", "tier"), ("label", "other")],
            &[("volume", "abcdef")],
        ] {
            assert_eq!(past(&bus, pairs).await, 0, "{pairs:?}");
        }
        assert!(bus.subscribe(filter(&[("nonsense", "x")])).is_err());
    }

    #[tokio::test]
    async fn the_history_is_bounded_in_bytes_however_large_its_events_are() {
        let bus = Bus::new();
        for index in 0..100 {
            die(&bus, &index.to_string(), &"x".repeat(1 << 20));
        }
        let history = bus.history.lock();
        assert!(history.bytes <= HISTORY_BYTES && history.events.len() == 15, "{}", history.events.len());
        assert_eq!(history.events.iter().map(|event| size(event)).sum::<usize>(), history.bytes);
    }

    #[tokio::test]
    async fn events_reach_who_waits_for_them_in_order() {
        let bus = Bus::new();
        die(&bus, "past", "tier");
        let events = bus.subscribe(EventFilter::default()).unwrap();
        let reader = tokio::spawn(events.take(3).map(|event| event.actor).collect::<Vec<_>>());
        for index in 0..3 {
            tokio::task::yield_now().await;
            die(&bus, &index.to_string(), "tier");
        }
        assert_eq!(reader.await.unwrap(), ["0", "1", "2"]);
    }

    #[tokio::test]
    async fn the_history_keeps_the_last_events_in_order() {
        let bus = Bus::new();
        for index in 0..HISTORY + 5 {
            die(&bus, &index.to_string(), "tier");
        }
        let query = EventFilter { since_ns: Some(0), until_ns: Some(now_ns() + 1_000_000), ..EventFilter::default() };
        let events: Vec<Event> = bus.subscribe(query).unwrap().collect().await;
        assert_eq!(events.len(), HISTORY);
        assert_eq!(events[0].actor, "5");
        assert!(events.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_cut_off() {
        let bus = Bus::new();
        let events = bus.subscribe(EventFilter::default()).unwrap();
        for index in 0..40_000 {
            die(&bus, &index.to_string(), "tier");
        }
        assert_eq!(events.count().await, 0);
    }
}
