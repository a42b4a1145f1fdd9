//! [`Events`]: what happens in an installation, as it happens.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::Installation;

/// The events of an installation since it was made.
#[derive(Debug)]
pub struct Events {
    reader: Child,
    lines: BufReader<ChildStdout>,
}

impl Events {
    pub(crate) fn of(installation: &Installation) -> Self {
        // From the past on, so that none is missed until the reader is connected.
        let mut command: Command = installation.sprat_command(&["events", "--since", "1h", "--format", "json"]);
        let mut reader = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs");
        let lines = BufReader::new(reader.stdout.take().expect("piped"));
        Self { reader, lines }
    }

    /// Waits for an event that begins so, and gives all until then.
    ///
    /// # Panics
    /// The events end before.
    #[track_caller]
    pub fn until(&mut self, beginning: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for line in self.lines.by_ref().lines() {
            let event = shown(&line.expect("events"));
            let found = event.starts_with(beginning);
            seen.push(event);
            if found {
                return seen;
            }
        }
        panic!("the events ended before {beginning:?}: {seen:?}");
    }
}

/// An event as `container destroy web`: by name, or by id where there is none.
fn shown(line: &str) -> String {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    let name = text("/Actor/Attributes/name").or(text("/Actor/ID")).unwrap_or_default();
    format!("{} {} {name}", text("/Type").unwrap_or_default(), text("/Action").unwrap_or_default())
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.reader.kill();
        let _ = self.reader.wait();
    }
}
