//! `GET /containers/NAME/logs`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::header;
use sprat_engine::{EngineError, LogEntry, LogQuery};

use super::streams::Wanted;
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door, lines};

pub(super) async fn logs(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Version(version): Version,
    params: Params,
) -> Result<Response, ApiError> {
    let query = LogQuery {
        follow: params.flag("follow"),
        stdout: params.flag("stdout"),
        stderr: params.flag("stderr"),
        since: params.time("since")?,
        until: params.time("until")?,
        tail: tail(params.text("tail")),
    };
    if !query.stdout && !query.stderr {
        return Err(ApiError::invalid("Bad parameters: you must choose at least one stream"));
    }
    let raw = door.engine.inspect(&name)?.spec.tty;
    let wanted = Wanted { stdout: query.stdout, stderr: query.stderr, raw };
    let follow = query.follow;
    let entries = door.engine.logs(&name, query)?;
    let mut response = Response::new(Body::from_stream(render(
        entries,
        wanted,
        Shown { times: params.flag("timestamps"), details: params.flag("details") },
    )));
    response.headers_mut().insert(header::CONTENT_TYPE, wanted.content_type(version));
    Ok(if follow { lines::endless(response) } else { response })
}

/// What is shown before each line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    /// Its time.
    pub(super) times: bool,
    /// What of the container is noted with it.
    pub(super) details: bool,
}

/// Log entries as they are sent. An error breaks the stream off.
pub(super) fn render<S>(
    entries: S,
    wanted: Wanted,
    shown: Shown,
) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static
where
    S: Stream<Item = Result<LogEntry, EngineError>> + Send + 'static,
{
    entries.map(move |entry| {
        let entry = entry?;
        let text = if shown.times || shown.details { headed(&entry, shown) } else { entry.text };
        Ok(wanted.wrap(entry.stream, text))
    })
}

/// The time first, then the details, as docker has it.
fn headed(entry: &LogEntry, shown: Shown) -> Bytes {
    let mut text = BytesMut::with_capacity(64 + entry.text.len());
    if shown.times {
        text.extend_from_slice(fixed(&entry.time).as_bytes());
        text.extend_from_slice(b" ");
    }
    if shown.details {
        let pairs = entry.noted.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        text.extend_from_slice(pairs.collect::<Vec<_>>().join(",").as_bytes());
        text.extend_from_slice(b" ");
    }
    text.extend_from_slice(&entry.text);
    text.freeze()
}

/// A text as part of a query (Go's `url.QueryEscape`).
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A time of the log file with all nine digits of its fraction: docker leaves zeros out in the file, but not here
/// (`RFC3339NanoFixed`), so that lines stand in columns and sort as text.
fn fixed(time: &str) -> String {
    match time.strip_suffix('Z') {
        Some(time) => {
            let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
            format!("{seconds}.{fraction:0<9}Z")
        }
        None => time.to_owned(),
    }
}

/// `all`, a negative number and what is no number are all lines, as in docker.
fn tail(text: Option<&str>) -> Option<usize> {
    text.and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use sprat_engine::Stream as Output;

    use super::*;

    #[test]
    fn tail_is_a_number_or_all() {
        assert_eq!(tail(Some("5")), Some(5));
        for text in [None, Some("all"), Some("-1"), Some("many")] {
            assert_eq!(tail(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn timestamps_stand_inside_the_frame() {
        let entry = LogEntry {
            stream: Output::Stderr,
            time: "2026-01-01T00:00:00.1Z".into(),
            text: "x\n".into(),
            noted: [("a".to_owned(), "b c".to_owned())].into(),
        };
        let wanted = Wanted { stdout: true, stderr: true, raw: false };
        let shown = Shown { times: true, details: false };
        let sent: Vec<_> = render(futures_util::stream::iter([Ok(entry.clone())]), wanted, shown).collect().await;
        assert_eq!(sent[0].as_ref().unwrap(), &b"\x02\0\0\0\0\0\0\x212026-01-01T00:00:00.100000000Z x\n"[..]);
        let all = headed(&entry, Shown { times: true, details: true });
        assert_eq!(all, "2026-01-01T00:00:00.100000000Z a=b+c x\n");
        let bare = LogEntry { noted: std::collections::BTreeMap::new(), ..entry };
        assert_eq!(headed(&bare, Shown { times: false, details: true }), " x\n");
    }

    #[test]
    fn times_have_nine_digits_of_nanoseconds() {
        assert_eq!(fixed("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00.000000000Z");
        assert_eq!(fixed("2026-01-01T00:00:00.123456789Z"), "2026-01-01T00:00:00.123456789Z");
        assert_eq!(fixed("unknown"), "unknown");
    }
}
