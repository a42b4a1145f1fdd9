//! Variables: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`, `${NAME:?error}`, quotes and escapes.

use std::cell::Cell;
use std::iter::Peekable;
use std::str::Chars;

/// Deepest nesting of `${…}` within `${…}`.
pub const MAX_NESTING: usize = 32;
/// Most bytes that one word may grow to, and all words of one instruction together.
pub const MAX_EXPANDED_BYTES: usize = 1 << 20;

/// Why a word's variables can't be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote is open at the end.
    #[error("unexpected end of statement while looking for matching {0}")]
    OpenQuote(&'static str),
    /// `${` without its `}`.
    #[error("syntax error: missing '}}' in {0:?}")]
    OpenBrace(String),
    /// `${}` and the like.
    #[error("bad substitution in {0:?}")]
    BadSubstitution(String),
    /// `${NAME^}` and the like.
    #[error("unsupported modifier ({modifier}) in {word:?}: use :-, :+ or :?")]
    Modifier {
        /// What follows the name.
        modifier: char,
        /// The whole word.
        word: String,
    },
    /// `${NAME:?message}` where the name has no value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the Dockerfile says.
        message: String,
    },
    /// Too deep.
    #[error("${{…}} is nested deeper than {MAX_NESTING}")]
    TooDeep,
    /// Too long.
    #[error("a word or an instruction grows beyond {MAX_EXPANDED_BYTES} bytes")]
    TooLong,
}

/// What the words of one instruction have grown to. A short line can name a long variable thousands of times, so that
/// the limit of one word is none of their sum.
#[derive(Debug, Default)]
pub(crate) struct Growth(Cell<usize>);

impl Growth {
    /// Counts a word and gives it back.
    pub(crate) fn count(&self, word: String) -> Result<String, ExpandError> {
        self.0.set(self.0.get() + word.len());
        if self.0.get() > MAX_EXPANDED_BYTES { Err(ExpandError::TooLong) } else { Ok(word) }
    }
}

/// Replaces variables, and takes quotes and escapes away. Unknown variables are empty.
///
/// # Errors
/// The word is malformed, or a limit is passed.
pub fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let mut expander = Expander::new(word, escape, lookup, true);
    expander.until(None, 0)?;
    Ok(expander.out)
}

/// As [`expand`], and splits at white space that is not quoted, also where it comes from a variable.
///
/// # Errors
/// As [`expand`].
pub fn expand_words(
    word: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, ExpandError> {
    let mut expander = Expander::new(word, escape, lookup, true);
    expander.until(None, 0)?;
    expander.breaks.push(expander.out.len());
    let mut start = 0;
    let mut words = Vec::new();
    for end in expander.breaks {
        let part = expander.out.get(start..end).unwrap_or_default();
        words.push(part.to_owned());
        start = end;
    }
    // A break stands before the white space it splits at.
    let trimmed =
        words.iter().enumerate().map(|(index, word)| if index == 0 { word.as_str() } else { word.trim_start() });
    Ok(trimmed.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// Replaces variables in the content of a heredoc: quotes have no meaning there.
pub(crate) fn expand_text(
    text: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ExpandError> {
    let mut expander = Expander::new(text, escape, lookup, false);
    expander.until(None, 0)?;
    Ok(expander.out)
}

struct Expander<'a> {
    word: &'a str,
    chars: Peekable<Chars<'a>>,
    escape: char,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Whether quotes mean something.
    quotes: bool,
    out: String,
    /// Positions in `out` of unquoted white space.
    breaks: Vec<usize>,
}

impl<'a> Expander<'a> {
    fn new(word: &'a str, escape: char, lookup: &'a dyn Fn(&str) -> Option<String>, quotes: bool) -> Self {
        Self { word, chars: word.chars().peekable(), escape, lookup, quotes, out: String::new(), breaks: Vec::new() }
    }

    /// Reads up to `stop`, which is taken as well, or to the end.
    fn until(&mut self, stop: Option<char>, depth: usize) -> Result<(), ExpandError> {
        if depth > MAX_NESTING {
            return Err(ExpandError::TooDeep);
        }
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == stop => return Ok(()),
                '\'' if self.quotes => self.single_quotes()?,
                '"' if self.quotes => self.double_quotes(depth)?,
                '$' => {
                    let value = self.dollar(depth)?;
                    self.push_unquoted(&value)?;
                }
                c if c == self.escape => self.escaped(),
                c => self.push_unquoted(c.encode_utf8(&mut [0; 4]))?,
            }
        }
        if stop.is_some() { Err(ExpandError::OpenBrace(self.word.to_owned())) } else { Ok(()) }
    }

    fn escaped(&mut self) {
        if self.quotes {
            self.out.extend(self.chars.next());
            return;
        }
        match self.chars.next_if(|c| *c == '$' || *c == self.escape) {
            Some(c) => self.out.push(c),
            None => self.out.push(self.escape),
        }
    }

    fn single_quotes(&mut self) -> Result<(), ExpandError> {
        loop {
            match self.chars.next() {
                None => return Err(ExpandError::OpenQuote("single-quote")),
                Some('\'') => return Ok(()),
                Some(c) => self.out.push(c),
            }
        }
    }

    fn double_quotes(&mut self, depth: usize) -> Result<(), ExpandError> {
        loop {
            match self.chars.next() {
                None => return Err(ExpandError::OpenQuote("double-quote")),
                Some('"') => return Ok(()),
                Some('$') => {
                    let value = self.dollar(depth)?;
                    self.push(&value)?;
                }
                Some(c) if c == self.escape => {
                    match self.chars.next_if(|next| matches!(*next, '"' | '$') || *next == self.escape) {
                        Some(next) => self.out.push(next),
                        None => self.out.push(c),
                    }
                }
                Some(c) => self.out.push(c),
            }
        }
    }

    /// The value of what stands behind a `$`.
    fn dollar(&mut self, depth: usize) -> Result<String, ExpandError> {
        if self.chars.next_if_eq(&'{').is_some() {
            return self.braces(depth);
        }
        let name = self.name();
        Ok(if name.is_empty() { "$".to_owned() } else { (self.lookup)(&name).unwrap_or_default() })
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| *c == '_' || c.is_ascii_alphanumeric()) {
            name.push(c);
            // $1 is one digit, as in a shell; it never has a value.
            if name.len() == 1 && c.is_ascii_digit() {
                break;
            }
        }
        name
    }

    fn braces(&mut self, depth: usize) -> Result<String, ExpandError> {
        let name = self.name();
        if name.is_empty() {
            return Err(ExpandError::BadSubstitution(self.word.to_owned()));
        }
        let value = (self.lookup)(&name);
        match self.chars.next() {
            None => Err(ExpandError::OpenBrace(self.word.to_owned())),
            Some('}') => Ok(value.unwrap_or_default()),
            Some(':') => {
                let modifier = self.chars.next().unwrap_or(':');
                self.modified(&name, value.filter(|value| !value.is_empty()), modifier, depth)
            }
            Some(modifier) => self.modified(&name, value, modifier, depth),
        }
    }

    fn modified(
        &mut self,
        name: &str,
        value: Option<String>,
        modifier: char,
        depth: usize,
    ) -> Result<String, ExpandError> {
        if !matches!(modifier, '-' | '+' | '?') {
            return Err(ExpandError::Modifier { modifier, word: self.word.to_owned() });
        }
        let other = self.nested(depth)?;
        match (modifier, value) {
            ('+', Some(_)) => Ok(other),
            ('+', None) => Ok(String::new()),
            (_, Some(value)) => Ok(value),
            ('-', None) => Ok(other),
            (_, None) => {
                let message = if other.is_empty() { "is not allowed to be unset".to_owned() } else { other };
                Err(ExpandError::Required { name: name.to_owned(), message })
            }
        }
    }

    /// The word up to the closing brace.
    fn nested(&mut self, depth: usize) -> Result<String, ExpandError> {
        let outer = (std::mem::take(&mut self.out), std::mem::take(&mut self.breaks));
        let result = self.until(Some('}'), depth + 1);
        let inner = std::mem::replace(&mut self.out, outer.0);
        self.breaks = outer.1;
        result.map(|()| inner)
    }

    fn push(&mut self, text: &str) -> Result<(), ExpandError> {
        if self.out.len() + text.len() > MAX_EXPANDED_BYTES {
            return Err(ExpandError::TooLong);
        }
        self.out.push_str(text);
        Ok(())
    }

    fn push_unquoted(&mut self, text: &str) -> Result<(), ExpandError> {
        let start = self.out.len();
        self.push(text)?;
        let spaces = text.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| start + at);
        self.breaks.extend(spaces);
        Ok(())
    }
}
