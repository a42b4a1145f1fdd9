//! Patterns (POSIX.1-2017, XCU 2.13): `*`, `?`, `[…]`; a backslash makes the next character stand for itself.

use std::path::{Path, PathBuf};

/// Steps that one match may take: patterns with many stars are exponential by nature.
const MOST_STEPS: usize = 1_000_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    Any,
    Many,
    Set { negated: bool, members: Vec<Member> },
}

#[derive(Debug, Clone, PartialEq)]
enum Member {
    Range(char, char),
    Class(String),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(c) = chars.get(at) {
            at += 1;
            match c {
                '*' if tokens.last() == Some(&Token::Many) => {}
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::Any),
                '\\' => {
                    tokens.push(Token::Char(chars.get(at).copied().unwrap_or('\\')));
                    at += 1;
                }
                '[' => match set(chars.get(at..).unwrap_or_default()) {
                    Some((token, length)) => {
                        tokens.push(token);
                        at += length;
                    }
                    None => tokens.push(Token::Char('[')),
                },
                c => tokens.push(Token::Char(*c)),
            }
        }
        Self { tokens }
    }

    /// Whether anything but one text can match.
    fn is_literal(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Char(_)))
    }

    fn literal(&self) -> String {
        self.tokens.iter().filter_map(|t| if let Token::Char(c) = t { Some(*c) } else { None }).collect()
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        self.matches_chars(&chars)
    }

    /// Goes back only to the last star: linear in most cases, quadratic at worst.
    fn matches_chars(&self, text: &[char]) -> bool {
        let (mut token, mut at, mut star, mut steps) = (0, 0, None, 0);
        loop {
            steps += 1;
            if steps > MOST_STEPS {
                return false;
            }
            let fits = match (self.tokens.get(token), text.get(at)) {
                (Some(Token::Many), _) => {
                    star = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                (None, None) => return true,
                (Some(Token::Any), Some(_)) => true,
                (Some(Token::Char(expected)), Some(c)) => expected == c,
                (Some(Token::Set { negated, members }), Some(c)) => members.iter().any(|m| m.has(*c)) != *negated,
                _ => false,
            };
            if fits {
                token += 1;
                at += 1;
                continue;
            }
            match star {
                Some((after, from)) if from < text.len() => {
                    star = Some((after, from + 1));
                    token = after;
                    at = from + 1;
                }
                _ => return false,
            }
        }
    }

    /// The text without the shortest or longest prefix that matches.
    pub(crate) fn without_prefix(&self, text: &str, longest: bool) -> String {
        let chars: Vec<char> = text.chars().collect();
        let fits = |end: &usize| self.matches_chars(chars.get(..*end).unwrap_or_default());
        let end = if longest { (0..=chars.len()).rev().find(fits) } else { (0..=chars.len()).find(fits) };
        chars.get(end.unwrap_or(0)..).unwrap_or_default().iter().collect()
    }

    /// The text without the shortest or longest suffix that matches.
    pub(crate) fn without_suffix(&self, text: &str, longest: bool) -> String {
        let chars: Vec<char> = text.chars().collect();
        let fits = |start: &usize| self.matches_chars(chars.get(*start..).unwrap_or_default());
        let start = if longest { (0..=chars.len()).find(fits) } else { (0..=chars.len()).rev().find(fits) };
        chars.get(..start.unwrap_or(chars.len())).unwrap_or_default().iter().collect()
    }
}

impl Member {
    fn has(&self, c: char) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&c),
            Self::Class(name) => match name.as_str() {
                "alnum" => c.is_alphanumeric(),
                "alpha" => c.is_alphabetic(),
                "blank" => c == ' ' || c == '\t',
                "cntrl" => c.is_control(),
                "digit" => c.is_ascii_digit(),
                "graph" => !c.is_control() && !c.is_whitespace(),
                "lower" => c.is_lowercase(),
                "print" => !c.is_control(),
                "punct" => c.is_ascii_punctuation(),
                "space" => c.is_whitespace(),
                "upper" => c.is_uppercase(),
                "xdigit" => c.is_ascii_hexdigit(),
                _ => false,
            },
        }
    }
}

/// A bracket expression after its `[`, and its length; `None` if it does not end.
fn set(chars: &[char]) -> Option<(Token, usize)> {
    let mut at = 0;
    let negated = matches!(chars.first(), Some('!' | '^'));
    at += usize::from(negated);
    let (mut members, first) = (Vec::new(), at);
    loop {
        let c = *chars.get(at)?;
        if c == ']' && at > first {
            return Some((Token::Set { negated, members }, at + 1));
        }
        if c == '[' && chars.get(at + 1) == Some(&':') {
            let rest = chars.get(at + 2..)?;
            if let Some(end) = rest.windows(2).position(|pair| pair == [':', ']']) {
                members.push(Member::Class(rest.get(..end)?.iter().collect()));
                at += end + 4;
                continue;
            }
        }
        let (start, next) = one(chars, at)?;
        at = next;
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']') {
            let (end, next) = one(chars, at + 1)?;
            at = next;
            members.push(Member::Range(start, end));
        } else {
            members.push(Member::Range(start, start));
        }
    }
}

fn one(chars: &[char], at: usize) -> Option<(char, usize)> {
    match chars.get(at)? {
        '\\' => Some((*chars.get(at + 1)?, at + 2)),
        c => Some((*c, at + 1)),
    }
}

/// The paths that match, sorted; empty if there is none.
pub(crate) fn paths(pattern: &str, folder: &Path) -> Vec<String> {
    let absolute = pattern.starts_with('/');
    let mut found = vec![if absolute { "/".to_owned() } else { String::new() }];
    let parts: Vec<&str> = pattern.split('/').collect();
    let last = parts.len() - 1;
    for (number, part) in parts.iter().enumerate() {
        if part.is_empty() {
            if number == last && number > 0 {
                found.retain(|path| folder.join(path).is_dir());
                found.iter_mut().filter(|path| !path.ends_with('/')).for_each(|path| path.push('/'));
            }
            continue;
        }
        let compiled = Pattern::new(part);
        found = found.iter().flat_map(|base| children(base, &compiled, folder, number == last)).collect();
    }
    found.retain(|path| !path.is_empty());
    found
}

fn children(base: &str, pattern: &Pattern, folder: &Path, last: bool) -> Vec<String> {
    let below = |name: &str| match base {
        "" => name.to_owned(),
        _ if base.ends_with('/') => format!("{base}{name}"),
        _ => format!("{base}/{name}"),
    };
    let path: PathBuf = if base.is_empty() { folder.to_path_buf() } else { folder.join(native(base)) };
    if pattern.is_literal() {
        let name = pattern.literal();
        let exists = path.join(native(&name)).symlink_metadata().is_ok();
        return if exists { vec![below(&name)] } else { Vec::new() };
    }
    let hidden = pattern.tokens.first() == Some(&Token::Char('.'));
    let Ok(entries) = std::fs::read_dir(&path) else { return Vec::new() };
    let names = entries.flatten().map(|entry| crate::text::decode(entry.file_name().as_encoded_bytes()));
    let mut names: Vec<String> =
        names.chain(hidden.then(|| [".".to_owned(), "..".to_owned()]).into_iter().flatten()).collect();
    names.retain(|name| (hidden || !name.starts_with('.')) && pattern.matches(name));
    names.sort();
    names.dedup();
    let mut found: Vec<String> = names.iter().map(|name| below(name)).collect();
    if !last {
        found.retain(|path| folder.join(native(path)).is_dir());
    }
    found
}

/// The shell's text as a path.
pub(crate) fn native(text: &str) -> PathBuf {
    use std::ffi::OsString;
    let bytes = crate::text::encode(text);
    match String::from_utf8(bytes) {
        Ok(text) => PathBuf::from(text),
        #[cfg(unix)]
        Err(e) => PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(e.into_bytes())),
        #[cfg(not(unix))]
        Err(e) => PathBuf::from(OsString::from(String::from_utf8_lossy(e.as_bytes()).into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_posix_says() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("[a-c]?", "bz", true),
            ("[!a-c]", "b", false),
            ("[]x]", "]", true),
            ("[[:digit:]]*", "7up", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[", "[", true),
            ("[a", "[a", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_end() {
        let pattern = Pattern::new(&"*a".repeat(60));
        assert!(!pattern.matches(&"a".repeat(59)));
    }

    #[test]
    fn prefixes_and_suffixes_are_removed() {
        let pattern = Pattern::new("*/");
        assert_eq!(pattern.without_prefix("a/b/c", false), "b/c");
        assert_eq!(pattern.without_prefix("a/b/c", true), "c");
        let pattern = Pattern::new("/*");
        assert_eq!(pattern.without_suffix("a/b/c", false), "a/b");
        assert_eq!(pattern.without_suffix("a/b/c", true), "a");
    }
}
