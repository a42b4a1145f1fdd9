//! [`Ignore`]: what `.dockerignore` says.

use crate::{ContextError, Pattern, PatternError, clean};

/// Name of the file at the root of a context.
pub const IGNORE_FILE: &str = ".dockerignore";
/// Largest `.dockerignore`, in bytes.
pub const MAX_IGNORE_BYTES: usize = 64 << 10;
/// Most patterns of a `.dockerignore`.
pub const MAX_PATTERNS: usize = 10_000;

/// The patterns of a `.dockerignore`: the last one that matches a path or one of its parents decides.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    /// `!`: what matches is kept.
    exception: bool,
}

impl Ignore {
    /// Reads the text of a `.dockerignore`.
    ///
    /// # Errors
    /// A pattern is malformed (the error names its line), or the file is too large.
    pub fn parse(text: &str) -> Result<Self, ContextError> {
        if text.len() > MAX_IGNORE_BYTES {
            return Err(too_many(1, MAX_IGNORE_BYTES, "bytes"));
        }
        let mut rules = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let at = |source| ContextError::Ignore { line: index + 1, source };
            if let Some(rule) = Rule::parse(line).map_err(at)? {
                rules.push(rule);
            }
            if rules.len() > MAX_PATTERNS {
                return Err(too_many(index + 1, MAX_PATTERNS, "patterns"));
            }
        }
        Ok(Self { rules })
    }

    /// Whether `path` (relative, cleaned, with `/`) is left out: it or one of its parents matches, and no later
    /// exception brings it back.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        self.rules.iter().fold(false, |excluded, rule| {
            // A rule can only change the answer if it says the opposite of it.
            if rule.exception == excluded && rule.matches(path) { !rule.exception } else { excluded }
        })
    }

    /// Whether an exception may bring back something below a folder that is left out.
    #[must_use]
    pub fn may_keep_below(&self, folder: &str) -> bool {
        self.rules.iter().any(|rule| rule.exception && rule.pattern.may_match_below(folder))
    }

    /// True without any pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn too_many(line: usize, limit: usize, unit: &'static str) -> ContextError {
    ContextError::Ignore { line, source: PatternError::TooMany { limit, unit } }
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Self>, PatternError> {
        if line.starts_with('#') || line.trim().is_empty() {
            return Ok(None);
        }
        let line = line.trim();
        let (exception, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if text.is_empty() {
            return Err(PatternError::EmptyException);
        }
        let text = clean(text);
        let relative = if text.len() > 1 { text.strip_prefix('/').unwrap_or(&text) } else { &text };
        Ok(Some(Self { pattern: Pattern::with_double_star(relative)?, exception }))
    }

    fn matches(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain(std::iter::once(path.len()));
        ends.filter_map(|end| path.get(..end)).any(|prefix| self.pattern.matches(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<'a>(rules: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let ignore = Ignore::parse(rules).unwrap();
        paths.iter().copied().filter(|path| !ignore.excludes(path)).collect()
    }

    #[test]
    fn comments_blank_lines_and_a_byte_order_mark_are_no_patterns() {
        assert_eq!(kept("\u{feff}a\n# b\n\n  \n c \n", &["a", "b", "c", "# b"]), ["b", "# b"]);
    }

    #[test]
    fn a_comment_must_start_the_line() {
        assert_eq!(kept(" #a\n", &["#a", "a"]), ["a"]);
    }

    #[test]
    fn leading_and_trailing_slashes_do_not_matter() {
        assert_eq!(kept("/a\nb/\n./c\n", &["a", "a/x", "b", "b/y", "c", "d/a"]), ["d/a"]);
    }

    #[test]
    fn what_is_below_an_excluded_folder_is_excluded_unless_excepted() {
        let paths = ["dir/a", "dir/keep", "dir/sub/keep", "top"];
        assert_eq!(kept("dir\n!dir/keep\n", &paths), ["dir/keep", "top"]);
        assert_eq!(kept("dir\n!**/keep\n", &paths), ["dir/keep", "dir/sub/keep", "top"]);
    }

    #[test]
    fn the_last_matching_pattern_decides() {
        let paths = ["README.md", "README-secret.md", "x.md"];
        assert_eq!(kept("*.md\n!README*.md\nREADME-secret.md\n", &paths), ["README.md"]);
        assert_eq!(kept("*.md\nREADME-secret.md\n!README*.md\n", &paths), ["README.md", "README-secret.md"]);
    }

    #[test]
    fn a_dot_or_a_lone_slash_excludes_nothing() {
        assert_eq!(kept(".\n/\n", &["a", "a/b"]), ["a", "a/b"]);
    }

    #[test]
    fn windows_line_ends_are_no_part_of_patterns() {
        assert_eq!(kept("a\r\nb\r\n", &["a", "b"]), Vec::<&str>::new());
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("a\n!\n", ".dockerignore line 2: illegal exclusion pattern: \"!\""),
            (
                "[\n",
                ".dockerignore line 1: syntax error in pattern \"[\": close each [ with ] and write \\\\ for a backslash",
            ),
        ] {
            assert_eq!(Ignore::parse(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn too_many_patterns_or_bytes_are_refused() {
        assert!(Ignore::parse(&"a\n".repeat(MAX_PATTERNS)).is_ok());
        assert!(Ignore::parse(&"a\n".repeat(MAX_PATTERNS + 1)).is_err());
        assert!(Ignore::parse(&"#".repeat(MAX_IGNORE_BYTES + 1)).is_err());
    }

    #[test]
    fn a_folder_is_entered_only_if_an_exception_can_reach_below_it() {
        let ignore = Ignore::parse("*\n!src/main.rs\n").unwrap();
        assert!(ignore.may_keep_below("src"));
        assert!(!ignore.may_keep_below("target"));
        assert!(!ignore.may_keep_below("src2"));
        assert!(Ignore::parse("*\n!**/x\n").unwrap().may_keep_below("anything"));
        assert!(Ignore::parse("*\n!src\n").unwrap().may_keep_below("src/deep"));
    }
}
