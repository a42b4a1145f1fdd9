//! Cuts chunks of a log file into lines, and lines into entries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use sprat_sandbox::Stream;

use super::{LogEntry, LogQuery};

/// Longest line of a log file in bytes; a longer one is none of ours and is skipped.
const LINE_LIMIT: usize = 1 << 20;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Collects the lines of one file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
}

/// What a chunk gave.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) entries: Vec<LogEntry>,
    /// A line after `until` was met: nothing more is wanted.
    pub(super) over: bool,
}

impl Lines {
    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, bytes: &[u8], query: &LogQuery) -> Taken {
        let mut taken = Taken::default();
        let mut parts = bytes.split_inclusive(|byte| *byte == b'\n');
        if !self.rest.is_empty()
            && let Some(first) = parts.next()
        {
            self.rest.extend_from_slice(first);
            if first.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                entry(&line, query, &mut taken);
            }
        }
        for part in parts {
            if taken.over {
                break;
            }
            if part.ends_with(b"\n") {
                entry(part, query, &mut taken);
            } else {
                self.rest.extend_from_slice(part);
            }
        }
        if self.rest.len() > LINE_LIMIT {
            self.rest.clear();
        }
        taken
    }
}

fn entry(line: &[u8], query: &LogQuery, taken: &mut Taken) {
    // A line that is not ours (a crash cut it, somebody wrote into the file) is skipped.
    let Ok(parsed) = serde_json::from_slice::<Line<'_>>(line) else { return };
    let stream = match parsed.stream.as_ref() {
        "stdout" if query.stdout => Stream::Stdout,
        "stderr" if query.stderr => Stream::Stderr,
        _ => return,
    };
    if query.since.is_some() || query.until.is_some() {
        let Ok(at) = parsed.time.parse::<Timestamp>() else { return };
        if query.since.is_some_and(|since| at < since) {
            return;
        }
        if query.until.is_some_and(|until| at > until) {
            taken.over = true;
            return;
        }
    }
    let text = Bytes::from(parsed.log.into_owned().into_bytes());
    taken.entries.push(LogEntry { stream, time: parsed.time.into_owned(), text, noted: parsed.attrs });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> LogQuery {
        LogQuery { stdout: true, stderr: true, ..LogQuery::default() }
    }

    fn text(entries: &[LogEntry]) -> String {
        entries.iter().map(|entry| String::from_utf8_lossy(&entry.text).into_owned()).collect()
    }

    const LOG: &str = "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:01Z\"}\n\
        {\"log\":\"b\",\"stream\":\"stderr\",\"time\":\"2026-01-01T00:00:02.5Z\"}\nrubbish\n\
        {\"log\":\"é\\u0007\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:03Z\"}\n{\"log\":\"cut";

    #[test]
    fn lines_survive_any_cutting_into_chunks() {
        for size in 1..LOG.len() {
            let mut lines = Lines::default();
            let all: Vec<_> =
                LOG.as_bytes().chunks(size).flat_map(|chunk| lines.take(chunk, &query()).entries).collect();
            assert_eq!(text(&all), "a\nbé\u{7}\n", "chunks of {size}");
        }
    }

    #[test]
    fn streams_and_times_are_chosen() {
        let only = |query: LogQuery| text(&Lines::default().take(LOG.as_bytes(), &query).entries);
        assert_eq!(only(LogQuery { stderr: false, ..query() }), "a\né\u{7}\n");
        assert_eq!(only(LogQuery { since: "2026-01-01T00:00:02Z".parse().ok(), ..query() }), "bé\u{7}\n");
        let until = LogQuery { until: "2026-01-01T00:00:02Z".parse().ok(), ..query() };
        assert_eq!(only(until.clone()), "a\n");
        assert!(Lines::default().take(LOG.as_bytes(), &until).over);
    }
}
