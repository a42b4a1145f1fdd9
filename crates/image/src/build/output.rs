//! [`Output`]: a program's bytes as text events, without tearing characters apart.

use parking_lot::Mutex;

use super::{BuildEvent, BuildSink};

/// Most bytes of an unfinished UTF-8 character.
const LONGEST_TAIL: usize = 3;

/// Turns output into events as it comes.
pub(super) struct Output {
    events: BuildSink,
    /// The start of a character whose end has not come yet.
    tail: Mutex<Vec<u8>>,
}

impl Output {
    pub(super) fn new(events: BuildSink) -> Self {
        Self { events, tail: Mutex::default() }
    }

    pub(super) fn write(&self, bytes: &[u8]) {
        let mut tail = self.tail.lock();
        tail.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&tail) {
            Err(error) if error.error_len().is_none() && tail.len() - error.valid_up_to() <= LONGEST_TAIL => {
                error.valid_up_to()
            }
            _ => tail.len(),
        };
        let rest = tail.split_off(whole);
        let text = std::mem::replace(&mut *tail, rest);
        if !text.is_empty() {
            (self.events)(BuildEvent::Stream(String::from_utf8_lossy(&text).into_owned()));
        }
    }

    /// Gives what is left.
    pub(super) fn finish(&self) {
        let tail = std::mem::take(&mut *self.tail.lock());
        if !tail.is_empty() {
            (self.events)(BuildEvent::Stream(String::from_utf8_lossy(&tail).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn characters_are_not_torn_apart_and_bad_bytes_do_not_block() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&seen);
        let output = Output::new(Arc::new(move |event| events.lock().push(event)));
        for bytes in [&b"a\xc3"[..], b"\xa4\n", b"\xff", b"\xe2\x82"] {
            output.write(bytes);
        }
        output.finish();
        let text = |text: &str| BuildEvent::Stream(text.into());
        assert_eq!(*seen.lock(), [text("a"), text("ä\n"), text("\u{fffd}"), text("\u{fffd}")]);
    }
}
