//! Container names: which are allowed, and made-up ones.

use crate::EngineError;

/// Longest name in bytes.
const LONGEST: usize = 255;

const ADJECTIVES: [&str; 64] = [
    "agile",
    "amber",
    "azure",
    "bold",
    "brave",
    "bright",
    "brisk",
    "calm",
    "clear",
    "clever",
    "coral",
    "crisp",
    "curious",
    "daring",
    "deep",
    "eager",
    "fair",
    "fearless",
    "fleet",
    "fluent",
    "fresh",
    "gentle",
    "gleaming",
    "glossy",
    "golden",
    "happy",
    "hardy",
    "honest",
    "humble",
    "jolly",
    "keen",
    "kind",
    "lively",
    "lucid",
    "lucky",
    "merry",
    "misty",
    "nimble",
    "noble",
    "patient",
    "pearly",
    "placid",
    "playful",
    "polite",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "salty",
    "serene",
    "silver",
    "sleek",
    "smooth",
    "sparkling",
    "steady",
    "sturdy",
    "sunny",
    "swift",
    "tidal",
    "tranquil",
    "vivid",
    "warm",
    "witty",
];
const NOUNS: [&str; 96] = [
    "albatross",
    "anchor",
    "anchovy",
    "anemone",
    "atoll",
    "barnacle",
    "bay",
    "beacon",
    "breeze",
    "brig",
    "buoy",
    "cape",
    "capelin",
    "clam",
    "coast",
    "cockle",
    "cod",
    "compass",
    "conch",
    "cove",
    "crab",
    "current",
    "cutter",
    "delta",
    "dolphin",
    "dory",
    "dune",
    "eddy",
    "eel",
    "estuary",
    "ferry",
    "fjord",
    "flounder",
    "foam",
    "gannet",
    "gull",
    "gurnard",
    "haddock",
    "hake",
    "halibut",
    "harbour",
    "helm",
    "heron",
    "herring",
    "islet",
    "jetty",
    "keel",
    "kelp",
    "kittiwake",
    "krill",
    "lagoon",
    "lantern",
    "limpet",
    "lobster",
    "mackerel",
    "marlin",
    "mast",
    "mullet",
    "mussel",
    "narwhal",
    "oar",
    "orca",
    "otter",
    "oyster",
    "pebble",
    "pelican",
    "petrel",
    "pilchard",
    "plaice",
    "porpoise",
    "prawn",
    "puffin",
    "quay",
    "ray",
    "reef",
    "rudder",
    "sail",
    "sardine",
    "schooner",
    "seal",
    "shoal",
    "shore",
    "shrimp",
    "skate",
    "skiff",
    "smelt",
    "sole",
    "spray",
    "squid",
    "tern",
    "tide",
    "trawler",
    "turbot",
    "urchin",
    "wave",
    "whiting",
];

/// Checks a name and drops the slash that API clients may put in front.
///
/// # Errors
/// It is not docker's `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub(crate) fn check(name: &str) -> Result<&str, EngineError> {
    let plain = name.strip_prefix('/').unwrap_or(name);
    if is_valid(plain) {
        return Ok(plain);
    }
    let text = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    Err(EngineError::Invalid(text))
}

/// Whether a text is a name in docker's grammar; volumes have the same.
pub(crate) fn is_valid(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && (2..=LONGEST).contains(&name.len())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// A made-up name. After some tries it gets a number, so that a crowd of containers doesn't exhaust the words.
pub(crate) fn made_up(tries: u32) -> String {
    let pick = |words: &[&'static str]| words.get(rand::random_range(0..words.len())).copied().unwrap_or("sprat");
    let name = format!("{}_{}", pick(&ADJECTIVES), pick(&NOUNS));
    if tries < 3 { name } else { format!("{name}{}", rand::random_range(0..10_u64.pow(tries.min(15)))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_grammar() {
        for name in ["ab", "a_b.c-d", "/web", "0x", &"a".repeat(LONGEST)] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "a", "/", "_ab", "-ab", "a b", "a/b", "é2", "//ab", &"a".repeat(LONGEST + 1)] {
            assert!(check(name).is_err(), "{name}");
        }
        let error = check("a").unwrap_err().to_string();
        assert_eq!(error, "Invalid container name (a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    }

    #[test]
    fn made_up_names_are_valid_and_never_run_out() {
        for tries in 0..40 {
            assert!(check(&made_up(tries)).is_ok());
        }
    }
}
