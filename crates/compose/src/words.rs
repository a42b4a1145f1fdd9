//! Commands written as text, split into words as Compose splits them. Not a shell: at `&&`, `;`, `|`, `<` or `>` outside of
//! quotes the command ends, as there.

use crate::error::{Code, ComposeError};

/// Splits a command.
pub(crate) fn split(text: &str) -> Result<Vec<String>, ComposeError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next().ok_or_else(|| open(text))?),
            (_, Some(end)) if c == end => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (';' | '&' | '|' | '<' | '>', None) => break,
            (_, None) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(open(text));
    }
    words.extend(word);
    Ok(words)
}

fn open(text: &str) -> ComposeError {
    ComposeError::new(Code::Value, format!("invalid command line string {text:?}"))
        .fix("close its quotes, or write the command as a list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_work_as_in_compose() {
        for (text, words) in [
            ("echo  'a b' \"c \\\" d\"", vec!["echo", "a b", "c \" d"]),
            ("a '' \"\" > f", vec!["a", "", ""]),
            ("echo #x `q`; y", vec!["echo", "#x", "`q`"]),
            ("a 'b\\'c", vec!["a", "b\\c"]),
            ("  ", vec![]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        assert!(split("a 'b").is_err() && split("a \\").is_err());
    }
}
