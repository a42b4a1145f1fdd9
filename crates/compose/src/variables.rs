//! Variables in text: `$X ${X} ${X:-d} ${X-d} ${X:?e} ${X?e} ${X:+r} ${X+r} $$` (Compose Specification, "Interpolation").

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Code, ComposeError};

/// Levels of `${A:-${B:-…}}`.
pub const MAX_NESTING: usize = 32;

/// Bytes of a text after its variables were put in.
pub const MAX_TEXT: usize = 1 << 20;

/// Variables, and which of them were asked for in vain.
#[derive(Debug, Default)]
pub(crate) struct Variables<'a> {
    values: Option<&'a BTreeMap<String, String>>,
    /// Looked at before `values`.
    first: Option<&'a BTreeMap<String, String>>,
    missing: std::cell::RefCell<BTreeSet<String>>,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self { values: Some(values), ..Self::default() }
    }

    /// With others that win.
    pub(crate) fn over(first: &'a BTreeMap<String, String>, values: &'a BTreeMap<String, String>) -> Self {
        Self { values: Some(values), first: Some(first), ..Self::default() }
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let of = |map: Option<&'a BTreeMap<String, String>>| map.and_then(|m| m.get(name)).map(String::as_str);
        of(self.first).or_else(|| of(self.values))
    }

    /// Those that were asked for and had no value and no default.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.missing.borrow().iter().cloned().collect()
    }

    /// Puts variables in.
    pub(crate) fn substitute(&self, text: &str) -> Result<String, ComposeError> {
        self.expand(text, 0)
    }

    fn expand(&self, text: &str, depth: usize) -> Result<String, ComposeError> {
        if depth > MAX_NESTING {
            return Err(invalid(text).fix(format!("nest variables at most {MAX_NESTING} levels deep")));
        }
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            written.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                written.push('$');
                rest = after;
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = closing(inner).ok_or_else(|| invalid(text))?;
                let (expression, after) = inner.split_at(end);
                written.push_str(&self.braced(expression, text, depth)?);
                rest = after.get(1..).unwrap_or_default();
            } else {
                let end = name_end(after);
                if end == 0 {
                    return Err(invalid(text));
                }
                let (name, after) = after.split_at(end);
                written.push_str(self.or_empty(name));
                rest = after;
            }
            if written.len() > MAX_TEXT {
                return Err(ComposeError::new(Code::Interpolation, format!("more than {MAX_TEXT} bytes of text")));
            }
        }
        written.push_str(rest);
        Ok(written)
    }

    fn or_empty(&self, name: &str) -> &'a str {
        self.get(name).unwrap_or_else(|| {
            self.missing.borrow_mut().insert(name.to_owned());
            ""
        })
    }

    fn braced(&self, expression: &str, text: &str, depth: usize) -> Result<String, ComposeError> {
        let (name, operator) = expression.split_at(name_end(expression));
        if name.is_empty() {
            return Err(invalid(text));
        }
        if operator.is_empty() {
            return Ok(self.or_empty(name).to_owned());
        }
        let value = self.get(name);
        let (colon, operator) = operator.strip_prefix(':').map_or((false, operator), |rest| (true, rest));
        // With a colon, an empty value counts as none.
        let given = value.filter(|v| !colon || !v.is_empty());
        let mut letters = operator.chars();
        let kind = letters.next();
        let word = letters.as_str();
        match (kind, given) {
            (Some('-' | '?'), Some(value)) => Ok(value.to_owned()),
            (Some('-'), None) | (Some('+'), Some(_)) => self.expand(word, depth + 1),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) => {
                let message = self.expand(word, depth + 1)?;
                let colon = if message.is_empty() { "" } else { ": " };
                Err(ComposeError::new(
                    Code::Interpolation,
                    format!("required variable {name} is missing a value{colon}{message}"),
                )
                .fix(format!("set {name} in the environment, or in the .env file beside the Compose file")))
            }
            _ => Err(invalid(text)),
        }
    }
}

fn invalid(text: &str) -> ComposeError {
    let shown: String = text.chars().take(80).collect();
    ComposeError::new(Code::Interpolation, format!("invalid interpolation format: {shown:?}"))
        .fix("you may need to escape any $ with another $")
}

fn name_end(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Where the brace closes that is open already.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> BTreeMap<String, String> {
        [("A", "a"), ("EMPTY", ""), ("B_1", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn all_forms_mean_what_the_specification_says() {
        for (text, expected) in [
            ("$A-${A}.$B_1", "a-a.b"),
            ("$$A $${A}", "$A ${A}"),
            ("${NO:-d} ${NO-d} ${EMPTY:-d} ${EMPTY-d}", "d d d "),
            ("${A:-d} ${A-d} ${A:?x} ${A?x} ${EMPTY?x}", "a a a a "),
            ("${A:+r} ${A+r} ${EMPTY:+r} ${EMPTY+r} ${NO:+r} ${NO+r}", "r r  r  "),
            ("${NO:-${ALSO:-${A}}}", "a"),
            ("${NO:-a:-b?c}", "a:-b?c"),
            ("${NO:-{x}}", "{x}"),
            ("x${NO}y", "xy"),
        ] {
            assert_eq!(Variables::new(&known()).substitute(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_malformed_or_missing_is_an_error_and_what_is_unset_is_told() {
        let known = known();
        for text in ["${", "$", "${}", "${A", "$-", "${1}", "${A!x}", "${A:}", "a $ b"] {
            assert!(Variables::new(&known).substitute(text).is_err(), "{text}");
        }
        let error = Variables::new(&known).substitute("${NO:?say ${A}}").unwrap_err();
        assert_eq!(error.what, "required variable NO is missing a value: say a");
        assert!(Variables::new(&known).substitute("${EMPTY:?}").is_err());
        let variables = Variables::new(&known);
        variables.substitute("$X ${Y} ${Z:-}").unwrap();
        assert_eq!(variables.missing(), ["X", "Y"]);
    }

    #[test]
    fn nesting_and_length_end_at_their_limits() {
        let nested = |n: usize| "${N:-".repeat(n) + &"}".repeat(n);
        let known = known();
        assert!(Variables::new(&known).substitute(&nested(MAX_NESTING)).is_ok());
        assert!(Variables::new(&known).substitute(&nested(MAX_NESTING + 1)).is_err());
        let long = BTreeMap::from([("L".to_owned(), "x".repeat(MAX_TEXT / 2 + 1))]);
        assert!(Variables::new(&long).substitute("$L").is_ok() && Variables::new(&long).substitute("$L$L").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"[\$\{\}A:?+\-a é]{0,40}") {
            let _ = Variables::new(&known()).substitute(&text);
        }

        #[test]
        fn text_without_dollars_stays(text in "[^$]{0,40}") {
            prop_assert_eq!(Variables::new(&known()).substitute(&text).unwrap(), text);
        }
    }
}
