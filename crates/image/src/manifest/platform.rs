//! Which platform of an index is meant.

use super::{Descriptor, Platform};
use crate::StoreError;

/// What Sprat runs, best first.
const WASM_PREFERENCE: [(&str, &str); 4] =
    [("wasi", "wasm"), ("wasip2", "wasm"), ("wasip1", "wasm"), ("wasi", "wasm32")];

/// The entry for `requested` (`os/arch`, `os/arch/variant` or `arch`), or the best one for wasm. `name` is for messages.
pub(crate) fn choose<'a>(
    entries: &'a [Descriptor],
    name: &str,
    requested: Option<&str>,
) -> Result<&'a Descriptor, StoreError> {
    if let Some(requested) = requested.filter(|text| !text.is_empty() && *text != "wasm") {
        return entries.iter().find(|entry| entry.platform.as_ref().is_some_and(|p| matches(p, requested))).ok_or_else(
            || {
                let there = platforms(entries);
                let reason =
                    format!("no matching manifest for {requested} in the manifest list entries: it has {there}");
                StoreError::invalid(format!("image {name}"), reason)
            },
        );
    }
    let best = entries
        .iter()
        .filter_map(|entry| Some((rank(entry.platform.as_ref()?)?, entry)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, entry)| entry);
    match (best, entries) {
        (Some(entry), _) => Ok(entry),
        // An index around one image of no stated platform, as `oras` and layouts have it.
        (None, [only]) if only.platform.is_none() => Ok(only),
        _ => Err(StoreError::NoWasmPlatform { name: name.to_owned(), platforms: platforms(entries) }),
    }
}

fn rank(platform: &Platform) -> Option<usize> {
    let exact = WASM_PREFERENCE.iter().position(|(os, arch)| platform.os == *os && platform.architecture == *arch);
    exact.or_else(|| platform.architecture.starts_with("wasm").then_some(WASM_PREFERENCE.len()))
}

fn matches(platform: &Platform, requested: &str) -> bool {
    let mut parts = requested.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(arch), None, _) => platform.architecture == arch,
        (Some(os), Some(arch), variant) => {
            platform.os == os
                && platform.architecture == arch
                && variant.is_none_or(|variant| platform.variant.as_deref() == Some(variant))
        }
        (None, ..) => false,
    }
}

fn platforms(entries: &[Descriptor]) -> String {
    const SHOWN: usize = 16;
    let known = entries.iter().filter_map(|entry| entry.platform.as_ref()).filter(|platform| platform.os != "unknown");
    let list: Vec<String> = known.take(SHOWN).map(|p| format!("{}/{}", p.os, p.architecture)).collect();
    match list.is_empty() {
        true => "no stated platform".to_owned(),
        false => list.join(", "),
    }
}
