//! `.dockerignore` files, and the patterns of COPY.

use sprat_context::{Ignore, Pattern, clean};

/// The last line is a path, those before it the file. A folder is passed over only if all in it is left out.
///
/// # Panics
/// A kept path lies in a folder that would be passed over, or a cleaned path is not clean.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (rules, path) = text.rsplit_once('\n').unwrap_or((text, "a/b"));
    let cleaned = clean(path);
    assert_eq!(clean(&cleaned), cleaned);
    if let Ok(pattern) = Pattern::new(path) {
        let _ = pattern.matches(&cleaned);
    }
    let Ok(ignore) = Ignore::parse(rules) else { return };
    if cleaned.starts_with(['/', '.']) {
        return;
    }
    let kept = !ignore.excludes(&cleaned);
    for (at, _) in cleaned.match_indices('/') {
        let folder = cleaned.get(..at).unwrap_or_default();
        let passed_over = ignore.excludes(folder) && !ignore.may_keep_below(folder);
        assert!(!(kept && passed_over), "{cleaned:?} is kept, but {folder:?} is passed over");
    }
}
