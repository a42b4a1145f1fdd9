//! [`DetachKeys`]: the keys that leave an attached terminal without ending the container.

use std::str::FromStr;

/// Docker's default.
pub(crate) const DEFAULT: &str = "ctrl-p,ctrl-q";

/// A sequence of keys, and how much of it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

impl FromStr for DetachKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let keys = text.split(',').map(key).collect::<Result<_, _>>()?;
        Ok(Self { keys, typed: 0 })
    }
}

fn key(text: &str) -> Result<u8, String> {
    let lower = text.to_ascii_lowercase();
    let code = match (text.as_bytes(), lower.strip_prefix("ctrl-").map(str::as_bytes)) {
        ([byte], _) if byte.is_ascii() => Some(*byte),
        (_, Some([letter @ (b'a'..=b'z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_')])) => Some(letter & 0x1f),
        _ => None,
    };
    code.ok_or_else(|| format!("unknown key {text:?}: write letters or ctrl-LETTER, separated by commas"))
}

impl DetachKeys {
    /// Takes what was typed. Gives what goes on to the container, and whether the whole sequence came.
    pub(crate) fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut on = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.typed) != Some(byte) {
                on.extend_from_slice(self.keys.get(..self.typed).unwrap_or_default());
                self.typed = 0;
            }
            if self.keys.get(self.typed) == Some(byte) {
                self.typed += 1;
            } else {
                on.push(*byte);
            }
            if self.typed == self.keys.len() {
                return (on, true);
            }
        }
        (on, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_detaches_however_it_is_cut_into_reads() {
        let mut keys: DetachKeys = DEFAULT.parse().unwrap();
        assert_eq!(keys.pass(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(keys.pass(b"\x11c"), (Vec::new(), true));
    }

    #[test]
    fn a_broken_sequence_goes_on_to_the_container_whole() {
        let mut keys: DetachKeys = DEFAULT.parse().unwrap();
        assert_eq!(keys.pass(b"\x10x"), (b"\x10x".to_vec(), false));
        assert_eq!(keys.pass(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(keys.pass(b"\x11"), (Vec::new(), true));
    }

    #[test]
    fn unknown_keys_are_named() {
        assert!("ctrl-p,strg-q".parse::<DetachKeys>().unwrap_err().contains("strg-q"));
        assert!("".parse::<DetachKeys>().is_err());
        assert_eq!("a,ctrl-[".parse::<DetachKeys>().unwrap().keys, [b'a', 0x1b]);
    }
}
