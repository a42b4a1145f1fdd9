//! [`DetachKeys`]: the key sequence that leaves an attached container running.

use bytes::Bytes;

/// Most keys of a sequence.
const MAX_KEYS: usize = 16;

/// A sequence such as `ctrl-p,ctrl-q`, and how much of it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    matched: usize,
}

/// Why a sequence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid detach keys ({0}) provided")]
pub struct DetachError(String);

/// What to do with typed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detached {
    /// Give these to the guest; more may follow.
    No(Bytes),
    /// The sequence was typed: give these to the guest and leave.
    Yes(Bytes),
}

impl DetachKeys {
    /// Docker's default, `ctrl-p,ctrl-q`.
    #[must_use]
    pub fn default_keys() -> Self {
        Self { keys: vec![16, 17], matched: 0 }
    }

    /// Parses a list of letters and `ctrl-` combinations (`a` to `z`, `@`, `[`, `\`, `]`, `^`, `_`).
    ///
    /// # Errors
    /// A key is none of these.
    pub fn parse(text: &str) -> Result<Self, DetachError> {
        let invalid = || DetachError(text.chars().take(64).collect());
        let keys = text.split(',').map(key).collect::<Option<Vec<u8>>>().ok_or_else(invalid)?;
        if keys.len() > MAX_KEYS { Err(invalid()) } else { Ok(Self { keys, matched: 0 }) }
    }

    /// Takes typed bytes. A sequence that was begun and not ended goes to the guest with the byte that broke it off.
    pub fn feed(&mut self, typed: &Bytes) -> Detached {
        if self.matched == 0 && !typed.iter().any(|byte| self.keys.first() == Some(byte)) {
            return Detached::No(typed.clone());
        }
        let mut out = Vec::with_capacity(typed.len() + self.matched);
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return Detached::Yes(out.into());
                }
                continue;
            }
            out.extend(self.keys.iter().take(self.matched));
            self.matched = usize::from(self.keys.first() == Some(byte));
            if self.matched == 0 {
                out.push(*byte);
            }
        }
        Detached::No(out.into())
    }
}

fn key(text: &str) -> Option<u8> {
    let text = text.trim();
    match (text.strip_prefix("ctrl-"), text.as_bytes()) {
        (Some(letter), _) => match letter.to_ascii_lowercase().as_bytes() {
            [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
            b"@" => Some(0),
            b"[" => Some(27),
            b"\\" => Some(28),
            b"]" => Some(29),
            b"^" => Some(30),
            b"_" => Some(31),
            _ => None,
        },
        (None, [letter]) if letter.is_ascii_graphic() => Some(*letter),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(data: &[u8]) -> Bytes {
        Bytes::copy_from_slice(data)
    }

    #[test]
    fn the_sequence_detaches_and_is_not_given_to_the_guest() {
        let mut keys = DetachKeys::default_keys();
        assert_eq!(keys.feed(&bytes(b"ab\x10\x11cd")), Detached::Yes(bytes(b"ab")));
    }

    #[test]
    fn a_sequence_may_be_split_over_reads() {
        let mut keys = DetachKeys::default_keys();
        assert_eq!(keys.feed(&bytes(b"a\x10")), Detached::No(bytes(b"a")));
        assert_eq!(keys.feed(&bytes(b"\x11")), Detached::Yes(bytes(b"")));
    }

    #[test]
    fn a_broken_off_sequence_reaches_the_guest() {
        let mut keys = DetachKeys::default_keys();
        assert_eq!(keys.feed(&bytes(b"\x10")), Detached::No(bytes(b"")));
        assert_eq!(keys.feed(&bytes(b"x\x11")), Detached::No(bytes(b"\x10x\x11")));
        assert_eq!(keys.feed(&bytes(b"\x10\x10\x11")), Detached::Yes(bytes(b"\x10")));
    }

    #[test]
    fn sequences_are_parsed_as_docker_does() {
        assert_eq!(DetachKeys::parse("ctrl-p,ctrl-q"), Ok(DetachKeys::default_keys()));
        assert_eq!(DetachKeys::parse("a,ctrl-["), Ok(DetachKeys { keys: vec![b'a', 27], matched: 0 }));
        for text in ["", "ctrl-", "ctrl-ab", "ab", "ctrl-p,", "é", &["a"; 17].join(",")] {
            assert!(DetachKeys::parse(text).is_err(), "{text}");
        }
    }
}
