//! Words of an instruction: by white space, by quotes, as JSON.

use super::{Pair, Problem};

/// The first word and what follows it, without white space between and around.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

/// A JSON array of strings, if the text is one.
pub(super) fn json_array(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// The strings of a JSON array, or the words of plain text.
pub(super) fn json_or_words(text: &str) -> Vec<String> {
    json_array(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Words by white space that is neither quoted nor escaped. Quotes and escapes stay in them.
pub(super) fn quoted_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The pairs of ENV and LABEL: `a=b "c d"=e`, or the old form `a the rest`.
pub(super) fn pairs(word: &str, text: &str, escape: char) -> Result<Vec<Pair>, Problem> {
    let words = quoted_words(text, escape);
    let first =
        words.first().ok_or_else(|| Problem::Arguments { word: word.to_owned(), needs: "at least one argument" })?;
    if !first.contains('=') {
        let (name, value) = split_word(text);
        if value.is_empty() {
            return Err(Problem::Arguments { word: word.to_owned(), needs: "a name and a value: write name=value" });
        }
        return Ok(vec![Pair { name: name.to_owned(), value: value.to_owned() }]);
    }
    words.iter().map(|text| pair(word, text)).collect()
}

fn pair(word: &str, text: &str) -> Result<Pair, Problem> {
    let (name, value) = text.split_once('=').ok_or_else(|| Problem::NoEquals(text.to_owned()))?;
    if name.is_empty() {
        return Err(Problem::BlankName(word.to_owned()));
    }
    Ok(Pair { name: name.to_owned(), value: value.to_owned() })
}

/// The instruction whose name is closest to `word`, if one is close.
pub(super) fn closest(word: &str, names: &[&'static str]) -> Option<&'static str> {
    let limit = if word.len() <= 3 { 1 } else { 2 };
    let near = names.iter().map(|name| (distance(word, name), *name)).min()?;
    (near.0 <= limit).then_some(near.1)
}

/// Edits that make `a` of `b`: a letter more, less or other, or two neighbours swapped.
fn distance(a: &str, b: &str) -> usize {
    const FAR: usize = 32;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(FAR).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, x) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, y) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(FAR);
            let mut best = (at(&above, column) + usize::from(x != y)).min(at(&above, column + 1) + 1);
            best = best.min(at(&current, column) + 1);
            if row > 0 && column > 0 && a.get(row - 1) == Some(y) && b.get(column - 1) == Some(x) {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(FAR)
}
