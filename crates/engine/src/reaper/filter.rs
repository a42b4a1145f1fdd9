//! What a client tells the reaper in one line: the labels by which the things of a session are known.
//!
//! The reaper's program notes such lines, and the engine reads them again, so both read them here. The form is that of a query
//! (`label=org.testcontainers=true&label=org.testcontainers.session-id=…`).

/// Longest line, in bytes, without its end.
pub(crate) const LINE_LIMIT: usize = 4096;
/// Most lines that one reaper keeps.
pub(crate) const LINES_LIMIT: usize = 1024;
/// Most labels of one line.
const LABELS_LIMIT: usize = 32;

/// The label of Compose projects, which Testcontainers starts too.
const PROJECT: &str = "com.docker.compose.project";
/// How labels of Testcontainers begin.
const TESTCONTAINERS: &str = "org.testcontainers.";

/// What belongs to one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Labels that all must be there: `NAME=VALUE`, or `NAME` for any value.
    pub(crate) labels: Vec<String>,
    /// Nothing in it is a secret: whoever reaches the reaper's port could have written it.
    pub(crate) guessable: bool,
}

/// Reads a line.
///
/// # Errors
/// Why nothing may be removed by it.
pub(crate) fn parse(line: &str) -> Result<Filter, &'static str> {
    let mut labels = Vec::new();
    for pair in line.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key).as_deref() != Some("label") {
            return Err("only labels are taken");
        }
        labels.push(decode(value).ok_or("it is no query")?);
    }
    if labels.len() > LABELS_LIMIT {
        return Err("it has too many labels");
    }
    let guessable = !labels.iter().any(|label| is_session(label));
    // Whoever reaches the port could else remove what is nobody's session.
    if guessable && !labels.iter().any(|label| is_project(label)) {
        return Err("it names no session");
    }
    Ok(Filter { labels, guessable })
}

/// Whether a label is one session's alone: `org.testcontainers.session-id=…` (Python, Node), `org.testcontainers.sessionId=…` (Java,
/// Go), `org.testcontainers.resource-reaper-session=…` (.NET). All are random.
fn is_session(label: &str) -> bool {
    let name = label.strip_prefix(TESTCONTAINERS).and_then(|rest| rest.split_once('='));
    name.is_some_and(|(name, value)| name.contains("session") && !value.is_empty())
}

/// Whether a label is that of a project which Compose started.
fn is_project(label: &str) -> bool {
    label.split_once('=').is_some_and(|(name, value)| name == PROJECT && !value.is_empty())
}

/// Undoes the encoding of a query's part.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (digit(rest.next()?)? << 4) | digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_known_clients_are_read() {
        for (line, expected) in [
            ("label=org.testcontainers.session-id=1-2", vec!["org.testcontainers.session-id=1-2"]),
            (
                "label=org.testcontainers=true&label=org.testcontainers.sessionId=x&label=org.testcontainers.lang=go",
                vec!["org.testcontainers=true", "org.testcontainers.sessionId=x", "org.testcontainers.lang=go"],
            ),
            (
                "label=org.testcontainers.resource-reaper-session=x",
                vec!["org.testcontainers.resource-reaper-session=x"],
            ),
            ("label=com.docker.compose.project%3Da%20b+c", vec!["com.docker.compose.project=a b c"]),
        ] {
            assert_eq!(parse(line).unwrap().labels, expected, "{line}");
        }
    }

    #[test]
    fn a_projects_name_can_be_guessed_and_a_sessions_can_not() {
        let guessable = |line: &str| parse(line).unwrap().guessable;
        assert!(guessable("label=com.docker.compose.project=shop"));
        assert!(guessable("label=com.docker.compose.project=shop&label=org.testcontainers=true"));
        assert!(!guessable("label=com.docker.compose.project=shop&label=org.testcontainers.session-id=x"));
    }

    #[test]
    fn what_names_no_session_removes_nothing() {
        for line in [
            "",
            "&&&",
            "label",
            "label=",
            "label=org.testcontainers=true",
            "label=org.testcontainers.lang=python",
            "label=org.testcontainers.session-id",
            "label=org.testcontainers.session-id=",
            "label=tier=db",
            "label=com.docker.compose.project",
            "name=web&label=org.testcontainers.session-id=x",
            "GET / HTTP/1.1",
            "label=org.testcontainers.session-id=%",
            "label=org.testcontainers.session-id=%f",
            "label=org.testcontainers.session-id=%+1",
            "label=org.testcontainers.session-id=%ff",
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_line_has_at_most_32_labels() {
        let line = |count: usize| vec!["label=org.testcontainers.session-id=x"; count].join("&");
        assert_eq!(parse(&line(LABELS_LIMIT)).unwrap().labels.len(), LABELS_LIMIT);
        assert_eq!(parse(&line(LABELS_LIMIT + 1)), Err("it has too many labels"));
    }
}
