//! What is told: a line a step on standard error, and lines of containers with their names before them.

use std::io::Write as _;

use sprat_docker_api::StdStream;

/// Colours of names, in turn.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "96"];

/// Bytes of a line without an end that are kept before they are shown as a line.
const LONGEST_LINE: usize = 64 * 1024;

/// ` Container web-1  Started`
pub(super) fn step(kind: &str, name: &str, what: &str) {
    errln!(" {kind} {name}  {what}");
}

/// Writes lines of one container.
#[derive(Debug)]
pub(super) struct Prefix {
    text: String,
    kept: [Vec<u8>; 2],
}

impl Prefix {
    /// `name  | ` as wide as `width`, in the colour of `index`; nothing if it is not wanted.
    pub(super) fn new(name: &str, width: usize, index: usize, wanted: bool, colour: bool) -> Self {
        let text = match (wanted, COLOURS.get(index % COLOURS.len())) {
            (false, _) => String::new(),
            (true, Some(code)) if colour => format!("\u{1b}[{code}m{name:width$}  | \u{1b}[0m"),
            (true, _) => format!("{name:width$}  | "),
        };
        Self { text, kept: [Vec::new(), Vec::new()] }
    }

    /// Takes output; whole lines are written. `Err` if nobody reads any more.
    pub(super) fn write(&mut self, stream: StdStream, data: &[u8]) -> std::io::Result<()> {
        let error = stream == StdStream::Stderr;
        let [out, err] = &mut self.kept;
        let kept = if error { err } else { out };
        kept.extend_from_slice(data);
        let end = kept.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
        let end = end.or((kept.len() > LONGEST_LINE).then_some(kept.len())).unwrap_or_default();
        let lines: Vec<u8> = kept.drain(..end).collect();
        show(&self.text, error, &lines)
    }

    /// Writes what is left without an end of line.
    pub(super) fn finish(&mut self) {
        for (stream, error) in [(0, false), (1, true)] {
            let rest = self.kept.get_mut(stream).map(std::mem::take).unwrap_or_default();
            // Whoever read it may be gone; there is nothing left to write.
            let _ = show(&self.text, error, &rest);
        }
    }
}

fn show(prefix: &str, error: bool, lines: &[u8]) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = Vec::with_capacity(lines.len() + prefix.len());
    for line in lines.split_inclusive(|b| *b == b'\n') {
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(line);
    }
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    if error {
        let mut to = anstream::stderr().lock();
        to.write_all(&text)
    } else {
        let mut to = anstream::stdout().lock();
        to.write_all(&text)?;
        to.flush()
    }
}

/// A container's name without the project's.
pub(super) fn short<'a>(name: &'a str, project: &str) -> &'a str {
    name.strip_prefix(project).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name)
}
