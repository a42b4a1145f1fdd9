//! [`ContainerId`]: 64 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A container's id: 32 random bytes, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId([u8; 32]);

impl ContainerId {
    /// A new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The first 12 digits.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }

    /// The lowest and the highest id that begin with these hexadecimal digits; `None` if no id can.
    pub(crate) fn range(prefix: &str) -> Option<std::ops::RangeInclusive<Self>> {
        let digits = prefix.len();
        if digits == 0 || digits > 64 || !prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let low = format!("{prefix}{}", "0".repeat(64 - digits)).parse().ok()?;
        let high = format!("{prefix}{}", "f".repeat(64 - digits)).parse().ok()?;
        Some(low..=high)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        // There is room for all of them.
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl std::str::FromStr for ContainerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || format!("invalid container id {text:?}");
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ContainerId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing_and_parsing() {
        let id = ContainerId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(ContainerId::range(&id.short()).unwrap().contains(&id));
        assert!(ContainerId::range(&id.to_string()).unwrap().contains(&id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "abc", &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
            assert!(text.parse::<ContainerId>().is_err(), "{text}");
        }
        for prefix in ["", "g", "AB", "-1"] {
            assert!(ContainerId::range(prefix).is_none(), "{prefix}");
        }
    }
}
