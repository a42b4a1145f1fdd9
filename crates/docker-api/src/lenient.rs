//! Deserialising what clients of many languages send: `null` stands for the default.

use serde::{Deserialize, Deserializer};

/// `null` is the default.
pub(crate) fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
