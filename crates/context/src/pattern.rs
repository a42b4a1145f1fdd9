//! [`Pattern`]: one shell-like pattern, as Go's `filepath.Match` reads it, and `**` where `.dockerignore` knows it.
//!
//! Matching keeps a set of positions instead of going back, so its time is at most the product of both lengths:
//! no pattern is slow on purpose.

/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// A compiled pattern. `*` and `?` never match a `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Plain text that each match starts with. Most paths differ from most patterns here already.
    prefix: String,
    /// What follows the prefix.
    tokens: Vec<Token>,
    /// Plain text that each match ends with; part of `tokens`.
    suffix: String,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A class is not closed or empty, or a backslash stands at the end.
    #[error("syntax error in pattern {0:?}: close each [ with ] and write \\\\ for a backslash")]
    Syntax(String),
    /// `!` without a pattern.
    #[error("illegal exclusion pattern: \"!\"")]
    EmptyException,
    /// The pattern is too long.
    #[error("a pattern is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    /// The file has too many patterns or bytes.
    #[error("there are more than {limit} {unit}")]
    TooMany {
        /// The limit.
        limit: usize,
        /// Its unit.
        unit: &'static str,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This character.
    Char(char),
    /// `?`: one character but `/`.
    One,
    /// `*`: any number of characters but `/`.
    Star,
    /// `**/`: nothing, or anything up to and with a `/`.
    Folders,
    /// `**` at an end: anything.
    All,
    /// `[a-z]`, `[^a-z]`.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Pattern {
    /// A pattern of `filepath.Match`, as COPY and ADD use it.
    ///
    /// # Errors
    /// The pattern is malformed or too long.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, false)
    }

    /// A pattern of `.dockerignore`, in which `**` crosses folders.
    ///
    /// # Errors
    /// The pattern is malformed or too long.
    pub fn with_double_star(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, true)
    }

    /// Whether `text` has a character that means something in a pattern.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '\\'])
    }

    fn compile(text: &str, double_star: bool) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        let syntax = || PatternError::Syntax(text.to_owned());
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' if double_star && chars.next_if_eq(&'*').is_some() => {
                    let slash = chars.next_if_eq(&'/').is_some();
                    double_star_token(slash, tokens.is_empty(), chars.clone())
                }
                '*' => Token::Star,
                '?' => Token::One,
                '[' => class(&mut chars).ok_or_else(syntax)?,
                '\\' => Token::Char(chars.next().ok_or_else(syntax)?),
                c => Token::Char(c),
            };
            tokens.push(token);
        }
        let prefix: String = tokens.iter().map_while(Token::plain).collect();
        tokens.drain(..prefix.chars().count());
        let mut suffix: Vec<char> = tokens.iter().rev().map_while(Token::plain).collect();
        suffix.reverse();
        Ok(Self { prefix, tokens, suffix: suffix.into_iter().collect() })
    }

    /// Whether the whole of `path` matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(&self.prefix) {
            None => false,
            Some(rest) if self.tokens.is_empty() => rest.is_empty(),
            Some(rest) => rest.ends_with(&self.suffix) && self.matches_rest(rest),
        }
    }

    fn matches_rest(&self, rest: &str) -> bool {
        let mut now = vec![false; self.tokens.len() + 1];
        let mut next = now.clone();
        self.enter(&mut now, 0);
        for c in rest.chars() {
            next.fill(false);
            for (at, token) in self.tokens.iter().enumerate() {
                if now.get(at) == Some(&true) {
                    self.step(token, at, c, &mut next);
                }
            }
            std::mem::swap(&mut now, &mut next);
            if !now.contains(&true) {
                return false;
            }
        }
        now.last() == Some(&true)
    }

    /// Marks `at` and every position that is reached from it without a character.
    fn enter(&self, states: &mut [bool], mut at: usize) {
        while let Some(state) = states.get_mut(at) {
            if std::mem::replace(state, true) {
                return;
            }
            match self.tokens.get(at) {
                Some(Token::Star | Token::Folders | Token::All) => at += 1,
                _ => return,
            }
        }
    }

    fn step(&self, token: &Token, at: usize, c: char, next: &mut [bool]) {
        let passes = match token {
            Token::Char(wanted) => c == *wanted,
            Token::One => c != '/',
            Token::Class { negated, ranges } => {
                c != '/' && *negated != ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
            }
            Token::Star | Token::All => {
                if c != '/' || *token == Token::All {
                    self.enter(next, at);
                }
                false
            }
            Token::Folders => {
                // Inside the folders' names we may not leave without a slash: stay, and leave at each slash.
                if let Some(state) = next.get_mut(at) {
                    *state = true;
                }
                c == '/'
            }
        };
        if passes {
            self.enter(next, at + 1);
        }
    }

    /// Whether something below `folder` could match: false only where it is sure that nothing does.
    pub(crate) fn may_match_below(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        // Either the folder is on the way to what the pattern names, or the pattern names the folder or a parent of it.
        self.prefix.starts_with(&below)
            || if self.tokens.is_empty() {
                below.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('/'))
            } else {
                below.starts_with(&self.prefix)
            }
    }
}

impl Token {
    fn plain(&self) -> Option<char> {
        match self {
            Self::Char(c) => Some(*c),
            _ => None,
        }
    }
}

/// What `**` means: with a slash behind it, or before other text, it stands for folders; at the end for all.
///
/// A leading `**` without a slash stands for all when only plain text follows: `**.log` is any path that ends so.
fn double_star_token(slash: bool, first: bool, rest: impl Iterator<Item = char>) -> Token {
    let mut rest = rest.peekable();
    if rest.peek().is_none() {
        return Token::All;
    }
    let plain = first && !slash && !rest.any(|c| matches!(c, '*' | '?' | '[' | ']' | '\\'));
    if plain { Token::All } else { Token::Folders }
}

/// Reads a class behind its `[` (Go's `filepath.Match`: at least one range; `\` escapes).
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let low = class_char(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { low };
        ranges.push((low, high));
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ignored(pattern: &str, path: &str) -> bool {
        Pattern::with_double_star(pattern).unwrap().matches(path)
    }

    #[test]
    fn patterns_match_as_docker_documents_them() {
        for (pattern, path, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("*/temp*", "some/temporary.txt", true),
            ("*/temp*", "temporary.txt", false),
            ("*/*/temp*", "a/b/temp1", true),
            ("temp?", "tempa", true),
            ("temp?", "temp/", false),
            ("temp?", "temp", false),
            ("**", "a/b/c", true),
            ("**/*.go", "x.go", true),
            ("**/*.go", "a/b/x.go", true),
            ("**/foo", "barfoo", false),
            ("**/foo", "foo", true),
            ("**/foo", "a/foo", true),
            ("**.log", "a/b.log", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("**/**/foo", "x/foo", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "/x", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a.b", "axb", false),
            ("é?", "éß", true),
            ("arr[[]0].txt", "arr[0].txt", true),
        ] {
            assert_eq!(ignored(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_double_star_is_a_single_one_outside_of_dockerignore() {
        let pattern = Pattern::new("**/x").unwrap();
        assert!(pattern.matches("a/x"));
        assert!(!pattern.matches("a/b/x"));
    }

    #[test]
    fn malformed_patterns_are_errors() {
        for text in ["[", "[]", "[a", "[a-]", "a\\", "[-a]", "[^]"] {
            assert_eq!(Pattern::new(text), Err(PatternError::Syntax(text.to_owned())), "{text}");
        }
        assert_eq!(Pattern::new(&"a".repeat(MAX_PATTERN_BYTES + 1)), Err(PatternError::TooLong));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = Pattern::with_double_star(&"**/*a".repeat(200)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "a/a".repeat(300))));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_matcher_panic(pattern in any::<String>(), path in any::<String>()) {
            if let Ok(pattern) = Pattern::with_double_star(&pattern) {
                let _ = pattern.matches(&path);
                let _ = pattern.may_match_below(&path);
            }
        }

        #[test]
        fn a_folder_with_a_match_in_it_is_never_passed_over(pattern in "[ab/*?]{0,6}", folder in "[ab]{1,2}(/[ab]{1,2})?", name in "[ab]{1,2}") {
            let pattern = Pattern::with_double_star(&pattern).unwrap();
            let path = format!("{folder}/{name}");
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            if ends.into_iter().any(|end| pattern.matches(&path[..end])) {
                prop_assert!(pattern.may_match_below(&folder));
            }
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(text in "[a-z*?/\\[\\]]{0,12}", other in "[a-z*?/\\[\\]]{0,12}") {
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            let pattern = Pattern::new(&escaped).unwrap();
            prop_assert!(pattern.matches(&text));
            prop_assert_eq!(pattern.matches(&other), text == other);
        }
    }
}
