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
    let mut response = Response::new(Body::from_stream(render(entries, wanted, params.flag("timestamps"))));
    response.headers_mut().insert(header::CONTENT_TYPE, wanted.content_type(version));
    Ok(if follow { lines::endless(response) } else { response })
}

/// Log entries as they are sent. An error breaks the stream off.
pub(super) fn render<S>(
    entries: S,
    wanted: Wanted,
    timestamps: bool,
) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static
where
    S: Stream<Item = Result<LogEntry, EngineError>> + Send + 'static,
{
    entries.map(move |entry| {
        let entry = entry?;
        let text = if timestamps { stamped(&entry) } else { entry.text };
        Ok(wanted.wrap(entry.stream, text))
    })
}

fn stamped(entry: &LogEntry) -> Bytes {
    let time = fixed(&entry.time);
    let mut text = BytesMut::with_capacity(time.len() + 1 + entry.text.len());
    text.extend_from_slice(time.as_bytes());
    text.extend_from_slice(b" ");
    text.extend_from_slice(&entry.text);
    text.freeze()
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
        let entry = LogEntry { stream: Output::Stderr, time: "2026-01-01T00:00:00.1Z".into(), text: "x\n".into() };
        let wanted = Wanted { stdout: true, stderr: true, raw: false };
        let sent: Vec<_> = render(futures_util::stream::iter([Ok(entry)]), wanted, true).collect().await;
        assert_eq!(sent[0].as_ref().unwrap(), &b"\x02\0\0\0\0\0\0\x212026-01-01T00:00:00.100000000Z x\n"[..]);
    }

    #[test]
    fn times_have_nine_digits_of_nanoseconds() {
        assert_eq!(fixed("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00.000000000Z");
        assert_eq!(fixed("2026-01-01T00:00:00.123456789Z"), "2026-01-01T00:00:00.123456789Z");
        assert_eq!(fixed("unknown"), "unknown");
    }
}
