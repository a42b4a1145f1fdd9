//! [`Device`]: the character devices that every guest has.
//!
//! `/dev/stdin`, `/dev/stdout` and `/dev/stderr` are deliberately not here: the streams are the WASI hosts', which
//! know nothing of paths.

use super::errno::{Errno, Result};

/// A built-in character device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    Null,
    Zero,
    Random,
    Urandom,
    Full,
}

impl Device {
    /// All of them, in the order of their names.
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("full", Self::Full),
        ("null", Self::Null),
        ("random", Self::Random),
        ("urandom", Self::Urandom),
        ("zero", Self::Zero),
    ];

    /// The folder they are in.
    pub(super) const FOLDER: &'static str = "/dev";

    /// The device at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        let name = super::path::below(Self::FOLDER, path)?;
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, device)| *device)
    }

    /// A number of its own.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Zero => 1,
            Self::Random => 2,
            Self::Urandom => 3,
            Self::Full => 4,
        }
    }

    pub(super) fn read(self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Null => return Ok(0),
            Self::Zero | Self::Full => buffer.fill(0),
            Self::Random | Self::Urandom => rand::fill(buffer),
        }
        Ok(buffer.len())
    }

    pub(super) const fn write(self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Full if !bytes.is_empty() => Err(Errno::NoSpace),
            _ => Ok(bytes.len()),
        }
    }
}
