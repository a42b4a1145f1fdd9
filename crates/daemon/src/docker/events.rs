//! `/events`: what happens, as a stream of JSON lines whose head is sent at once.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use sprat_docker_api::{Actor, EventMessage};
use sprat_engine::{Event, EventFilter, EventKind};

use super::params::Params;
use super::{ApiError, Door, lines};

pub(super) async fn events(State(door): State<Arc<Door>>, params: Params) -> Result<Response, ApiError> {
    let nanoseconds = |key| -> Result<Option<i64>, ApiError> {
        // For logs zero means "no limit"; here it is the time itself, and asks for all that is kept.
        if params.text(key) == Some("0") {
            return Ok(Some(0));
        }
        Ok(params.time(key)?.map(|time| i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)))
    };
    let filter = EventFilter {
        since_ns: nanoseconds("since")?,
        until_ns: nanoseconds("until")?,
        filters: params.filters()?.into_map(),
    };
    let events = door.engine.events(filter)?;
    Ok(lines::endless(lines::json_stream(events.map(|event| Ok::<_, Infallible>(line(event))))))
}

fn line(event: Event) -> Bytes {
    // This type always serialises: string keys and integers only.
    let mut line = serde_json::to_vec(&render(event)).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

fn render(event: Event) -> EventMessage {
    let kind = match event.kind {
        EventKind::Container => "container",
        EventKind::Image => "image",
        EventKind::Volume => "volume",
        EventKind::Network => "network",
        EventKind::Daemon => "daemon",
    };
    let old = matches!(event.kind, EventKind::Container | EventKind::Image);
    let image = |attributes: &BTreeMap<String, String>| attributes.get("image").cloned();
    EventMessage {
        status: old.then(|| event.action.clone()),
        id: old.then(|| event.actor.clone()),
        from: (event.kind == EventKind::Container).then(|| image(&event.attributes)).flatten(),
        kind: kind.to_owned(),
        action: event.action,
        actor: Actor { id: event.actor, attributes: event.attributes },
        scope: "local".to_owned(),
        time: event.time_ns / 1_000_000_000,
        time_nano: event.time_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_dockers_shape() {
        let event = Event {
            kind: EventKind::Container,
            action: "die".into(),
            actor: "abc".into(),
            attributes: [("exitCode", "3"), ("image", "hello")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            time_ns: 5_000_000_001,
        };
        assert_eq!(
            String::from_utf8(line(event).to_vec()).unwrap(),
            "{\"status\":\"die\",\"id\":\"abc\",\"from\":\"hello\",\"Type\":\"container\",\"Action\":\"die\",\
             \"Actor\":{\"ID\":\"abc\",\"Attributes\":{\"exitCode\":\"3\",\"image\":\"hello\"}},\"scope\":\"local\",\
             \"time\":5,\"timeNano\":5000000001}\n"
        );
    }
}
