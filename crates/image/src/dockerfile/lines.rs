//! Logical lines: directives and comments are gone, continuation lines joined, heredocs attached.

use super::words::{json_array, split_word};
use super::{DockerfileError, Heredoc, MAX_DOCKERFILE_BYTES, MAX_LINE_BYTES, MAX_LINES, Problem};

/// One instruction's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first line, from 1.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) heredocs: Vec<Heredoc>,
}

/// Splits a Dockerfile's text. Returns the escape character as well.
pub(super) fn read(text: &str) -> Result<(char, Vec<Line>), DockerfileError> {
    if text.len() > MAX_DOCKERFILE_BYTES {
        return Err(Problem::TooLarge.at(1));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = directives(text)?;
    let mut reader = Reader { lines: text.lines().enumerate(), escape };
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line()? {
        lines.push(line);
    }
    Ok((escape, lines))
}

/// Reads the parser directives, `# name=value` lines at the very top. Returns the escape character.
fn directives(text: &str) -> Result<char, DockerfileError> {
    let mut escape = '\\';
    let mut seen: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((name, value)) = line.trim_start().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            break;
        };
        let name = name.trim().to_ascii_lowercase();
        if !matches!(name.as_str(), "escape" | "syntax" | "check") {
            break;
        }
        if name == "escape" {
            escape = match value.trim() {
                "\\" => '\\',
                "`" => '`',
                other => return Err(Problem::Escape(other.to_owned()).at(index + 1)),
            };
        }
        if seen.contains(&name) {
            return Err(Problem::DuplicateDirective(name).at(index + 1));
        }
        seen.push(name);
    }
    Ok(escape)
}

struct Reader<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    escape: char,
}

impl<'a> Reader<'a> {
    fn physical(&mut self) -> Result<Option<(usize, &'a str)>, DockerfileError> {
        match self.lines.next() {
            Some((index, _)) if index >= MAX_LINES => Err(Problem::TooManyLines.at(index + 1)),
            Some((index, line)) => Ok(Some((index + 1, line))),
            None => Ok(None),
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, DockerfileError> {
        let (number, first) = loop {
            match self.physical()? {
                None => return Ok(None),
                Some((_, line)) if is_blank_or_comment(line) => {}
                Some((number, line)) => break (number, line.trim_start()),
            }
        };
        let mut text = String::new();
        let mut part = first;
        while self.append(&mut text, part) {
            if text.len() > MAX_LINE_BYTES {
                return Err(Problem::LineTooLong.at(number));
            }
            let Some(next) = self.continuation()? else { break };
            part = next;
        }
        if text.len() > MAX_LINE_BYTES {
            return Err(Problem::LineTooLong.at(number));
        }
        let text = text.trim_end().to_owned();
        let heredocs = self.heredocs(number, &text)?;
        Ok(Some(Line { number, text, heredocs }))
    }

    /// Appends a line without its continuation mark. True if it has one.
    fn append(&self, text: &mut String, part: &str) -> bool {
        let trimmed = part.trim_end_matches([' ', '\t', '\r']);
        match trimmed.strip_suffix(self.escape) {
            // A doubled escape character stands for itself.
            Some(body) if !body.ends_with(self.escape) => {
                text.push_str(body);
                true
            }
            _ => {
                text.push_str(part);
                false
            }
        }
    }

    /// The next line that is neither blank nor a comment: both may stand within an instruction.
    fn continuation(&mut self) -> Result<Option<&'a str>, DockerfileError> {
        loop {
            match self.physical()? {
                None => return Ok(None),
                Some((_, line)) if is_blank_or_comment(line) => {}
                Some((_, line)) => return Ok(Some(line)),
            }
        }
    }

    fn heredocs(&mut self, number: usize, text: &str) -> Result<Vec<Heredoc>, DockerfileError> {
        let (word, rest) = split_word(text);
        let holds = ["COPY", "ADD", "RUN"].iter().any(|name| word.eq_ignore_ascii_case(name));
        if !holds || json_array(rest).is_some() {
            return Ok(Vec::new());
        }
        rest.split_whitespace().filter_map(marker).map(|marker| self.heredoc(number, &marker)).collect()
    }

    fn heredoc(&mut self, number: usize, marker: &Marker<'_>) -> Result<Heredoc, DockerfileError> {
        let mut content = String::new();
        while let Some((_, line)) = self.physical()? {
            let line = if marker.strip_tabs { line.trim_start_matches('\t') } else { line };
            if line == marker.name {
                return Ok(Heredoc { name: marker.name.to_owned(), content, expand: marker.expand });
            }
            content.push_str(line);
            content.push('\n');
        }
        Err(Problem::HeredocEnd(marker.name.to_owned()).at(number))
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// `<<NAME`, `<<-NAME`, `<<"NAME"`.
pub(super) struct Marker<'a> {
    name: &'a str,
    strip_tabs: bool,
    expand: bool,
}

/// Reads a word as the start of a heredoc.
pub(super) fn marker(word: &str) -> Option<Marker<'_>> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let unquoted = ['"', '\''].into_iter().find_map(|quote| rest.strip_prefix(quote)?.strip_suffix(quote));
    let name = unquoted.unwrap_or(rest);
    (!name.is_empty() && !name.contains(['<', '"', '\''])).then_some(Marker {
        name,
        strip_tabs,
        expand: unquoted.is_none(),
    })
}
