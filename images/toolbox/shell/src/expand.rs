//! Expansion of words (POSIX.1-2017, XCU 2.6): tildes, parameters, commands, arithmetic; then fields and paths.

use crate::pattern::{self, Pattern};
use crate::shell::{Flow, Shell};
use crate::syntax::{Operation, Parameter, Piece};
use crate::{arithmetic, text};

/// Where a part of an expanded word came from, which says what is still done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Stands for itself.
    Quoted,
    /// Written without quotes: a pattern, but not split.
    Literal,
    /// From an expansion without quotes: split, and a pattern.
    Expanded,
}

/// A part of an expanded word.
#[derive(Debug, Clone)]
enum Part {
    Text(String, Origin),
    /// One field ends and another begins, as between the values of `"$@"`.
    Break,
}

impl Shell {
    /// The fields that words become, with paths for patterns.
    pub(crate) fn fields(&mut self, words: &[Vec<Piece>]) -> Result<Vec<String>, Flow> {
        let mut fields = Vec::new();
        for word in words {
            let parts = self.parts(word)?;
            for field in self.split(&parts) {
                self.push_field(&field, &mut fields);
            }
        }
        Ok(fields)
    }

    fn push_field(&self, field: &[(String, bool)], fields: &mut Vec<String>) {
        let plain: String = field.iter().map(|(text, _)| text.as_str()).collect();
        let wild = field.iter().any(|(text, quoted)| !quoted && text.contains(['*', '?', '[']));
        if wild && !self.state.options.no_glob {
            let pattern: String =
                field.iter().map(|(text, quoted)| if *quoted { escape(text) } else { text.clone() }).collect();
            let found = pattern::paths(&pattern, &self.state.folder);
            if !found.is_empty() {
                fields.extend(found);
                return;
            }
        }
        fields.push(plain);
    }

    /// The text that a word becomes where nothing is split: assignments, here-documents, names of files.
    pub(crate) fn text(&mut self, word: &[Piece]) -> Result<String, Flow> {
        let parts = self.parts(word)?;
        Ok(parts.iter().map(|part| if let Part::Text(text, _) = part { text.as_str() } else { " " }).collect())
    }

    /// The pattern that a word becomes: what was quoted stands for itself.
    pub(crate) fn pattern(&mut self, word: &[Piece]) -> Result<Pattern, Flow> {
        let parts = self.parts(word)?;
        let text = parts.iter().map(|part| match part {
            Part::Text(text, Origin::Quoted) => escape(text),
            Part::Text(text, _) => text.clone(),
            Part::Break => " ".to_owned(),
        });
        Ok(Pattern::new(&text.collect::<String>()))
    }

    fn parts(&mut self, word: &[Piece]) -> Result<Vec<Part>, Flow> {
        let mut parts = Vec::new();
        for piece in word {
            self.piece(piece, false, &mut parts)?;
        }
        Ok(parts)
    }

    fn piece(&mut self, piece: &Piece, quoted: bool, parts: &mut Vec<Part>) -> Result<(), Flow> {
        let origin = if quoted { Origin::Quoted } else { Origin::Expanded };
        match piece {
            Piece::Text(text) if text.is_empty() => {}
            Piece::Text(text) => {
                parts.push(Part::Text(text.clone(), if quoted { Origin::Quoted } else { Origin::Literal }))
            }
            Piece::Quoted(text) => parts.push(Part::Text(text.clone(), Origin::Quoted)),
            Piece::Double(inner) => {
                let before = parts.len();
                for piece in inner {
                    self.piece(piece, true, parts)?;
                }
                // `""` is a field, and `"$@"` without any is none.
                let all = |p: &Piece| matches!(p, Piece::Parameter(Parameter::Special('@'), Operation::Value));
                if parts.len() == before && !inner.iter().any(all) {
                    parts.push(Part::Text(String::new(), Origin::Quoted));
                }
            }
            Piece::Parameter(parameter, operation) => self.parameter(parameter, operation, quoted, parts)?,
            Piece::Command { text, line } => parts.push(Part::Text(self.substitute(text, *line)?, origin)),
            Piece::Arithmetic(word) => {
                let expression = self.text(word)?;
                let value = arithmetic::evaluate(&expression, &mut self.state).map_err(|why| self.abort(&why))?;
                parts.push(Part::Text(value.to_string(), origin));
            }
            Piece::Tilde(None) => {
                let home = self.state.get("HOME").map_or_else(|| "~".to_owned(), str::to_owned);
                parts.push(Part::Text(home, Origin::Quoted));
            }
            Piece::Tilde(Some(user)) => {
                let home = self.home_of(user);
                parts.push(Part::Text(home.unwrap_or_else(|| format!("~{user}")), Origin::Quoted));
            }
            Piece::Bad => return Err(self.abort("Bad substitution")),
        }
        Ok(())
    }

    fn home_of(&self, user: &str) -> Option<String> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let entry = users.lines().find(|line| line.split(':').next() == Some(user))?;
        entry.split(':').nth(5).map(str::to_owned)
    }

    /// Runs a command substitution.
    fn substitute(&mut self, script: &str, line: usize) -> Result<String, Flow> {
        let script = script.to_owned();
        let (bytes, status) = self.capture(|shell| {
            shell.state.line = line;
            shell.conditions = 0;
            shell.evaluate(&script)
        })?;
        self.substituted = Some(status);
        let mut output = text::decode(&bytes);
        output.retain(|c| c != '\0');
        output.truncate(output.trim_end_matches('\n').len());
        Ok(output)
    }

    fn value(&self, parameter: &Parameter) -> Option<String> {
        match parameter {
            Parameter::Named(name) if name == "LINENO" => Some(self.state.line.to_string()),
            Parameter::Named(name) => self.state.get(name).map(str::to_owned),
            Parameter::Positional(0) => Some(self.state.name.clone()),
            Parameter::Positional(number) => self.state.positional.get(number - 1).map(|value| value.to_string()),
            Parameter::Special('#') => Some(self.state.positional.len().to_string()),
            Parameter::Special('?') => Some(self.state.status.to_string()),
            Parameter::Special('$') => Some(self.state.process.to_string()),
            Parameter::Special('!') => self.state.last_background.map(|id| id.to_string()),
            Parameter::Special('-') => Some(self.state.options.letters()),
            Parameter::Special(_) => {
                let all: Vec<&str> = self.state.positional.iter().map(|value| &**value).collect();
                (!all.is_empty()).then(|| all.join(&self.joint()))
            }
        }
    }

    /// What `"$*"` is joined with.
    fn joint(&self) -> String {
        match self.state.get("IFS") {
            Some(separators) => separators.chars().next().map(String::from).unwrap_or_default(),
            None => " ".into(),
        }
    }

    fn parameter(
        &mut self,
        parameter: &Parameter,
        operation: &Operation,
        quoted: bool,
        parts: &mut Vec<Part>,
    ) -> Result<(), Flow> {
        let value = self.value(parameter);
        let origin = if quoted { Origin::Quoted } else { Origin::Expanded };
        let missing = |empty_too: bool| value.as_deref().is_none_or(|value| empty_too && value.is_empty());
        match operation {
            Operation::Value => {}
            Operation::Length => {
                self.check_set(parameter, value.is_some())?;
                let length = value.unwrap_or_default().chars().count();
                parts.push(Part::Text(length.to_string(), origin));
                return Ok(());
            }
            Operation::Default { empty_too, word } if missing(*empty_too) => return self.operand(word, parts),
            Operation::Assign { empty_too, word } if missing(*empty_too) => {
                let Parameter::Named(name) = parameter else {
                    return Err(self.abort(&format!("{}: bad variable name", parameter.name())));
                };
                let text = self.text(word)?;
                self.assign(name, &text)?;
                parts.push(Part::Text(text, origin));
                return Ok(());
            }
            Operation::Require { empty_too, word } if missing(*empty_too) => {
                let why = match word {
                    Some(word) => self.text(word)?,
                    None if *empty_too => "parameter not set or null".into(),
                    None => "parameter not set".into(),
                };
                return Err(self.abort(&format!("{}: {why}", parameter.name())));
            }
            Operation::Alternative { empty_too, .. } if missing(*empty_too) => return Ok(()),
            Operation::Alternative { word, .. } => return self.operand(word, parts),
            Operation::RemovePrefix { longest, pattern } => {
                self.check_set(parameter, value.is_some())?;
                let pattern = self.pattern(pattern)?;
                let rest = pattern.without_prefix(&value.unwrap_or_default(), *longest);
                parts.push(Part::Text(rest, origin));
                return Ok(());
            }
            Operation::RemoveSuffix { longest, pattern } => {
                self.check_set(parameter, value.is_some())?;
                let pattern = self.pattern(pattern)?;
                let rest = pattern.without_suffix(&value.unwrap_or_default(), *longest);
                parts.push(Part::Text(rest, origin));
                return Ok(());
            }
            Operation::Default { .. } | Operation::Assign { .. } | Operation::Require { .. } => {}
        }
        if matches!(parameter, Parameter::Special('@')) || (!quoted && matches!(parameter, Parameter::Special('*'))) {
            for (number, value) in self.state.positional.iter().enumerate() {
                if number > 0 {
                    parts.push(Part::Break);
                }
                parts.push(Part::Text(value.to_string(), origin));
            }
            return Ok(());
        }
        self.check_set(parameter, value.is_some())?;
        parts.push(Part::Text(value.unwrap_or_default(), origin));
        Ok(())
    }

    /// `set -u`.
    fn check_set(&mut self, parameter: &Parameter, set: bool) -> Result<(), Flow> {
        if set || !self.state.options.no_unset || matches!(parameter, Parameter::Special('@' | '*')) {
            return Ok(());
        }
        Err(self.abort(&format!("{}: parameter not set", parameter.name())))
    }

    /// The word of `${x:-word}`: what it has without quotes is split.
    fn operand(&mut self, word: &[Piece], parts: &mut Vec<Part>) -> Result<(), Flow> {
        let before = parts.len();
        for piece in word {
            self.piece(piece, false, parts)?;
        }
        for part in parts.iter_mut().skip(before) {
            if let Part::Text(_, origin @ Origin::Literal) = part {
                *origin = Origin::Expanded;
            }
        }
        Ok(())
    }

    /// Field splitting (XCU 2.6.5). A field is a row of texts, each with whether it stands for itself.
    fn split(&self, parts: &[Part]) -> Vec<Vec<(String, bool)>> {
        let separators = self.state.get("IFS").unwrap_or(" \t\n");
        let mut splitter = Splitter { separators, fields: Vec::new(), current: None, after_blank: false };
        for part in parts {
            match part {
                Part::Break => splitter.end(),
                Part::Text(text, Origin::Expanded) => text.chars().for_each(|c| splitter.expanded(c)),
                Part::Text(text, origin) => splitter.push(text, *origin == Origin::Quoted),
            }
        }
        splitter.end();
        splitter.fields
    }
}

struct Splitter<'a> {
    separators: &'a str,
    fields: Vec<Vec<(String, bool)>>,
    current: Option<Vec<(String, bool)>>,
    /// A blank ended the last field, so that a separator after it ends no other.
    after_blank: bool,
}

impl Splitter<'_> {
    fn push(&mut self, text: &str, quoted: bool) {
        let current = self.current.get_or_insert_default();
        match current.last_mut() {
            Some((last, q)) if *q == quoted => last.push_str(text),
            _ => current.push((text.to_owned(), quoted)),
        }
        self.after_blank = false;
    }

    fn end(&mut self) {
        self.fields.extend(self.current.take());
        self.after_blank = false;
    }

    fn expanded(&mut self, c: char) {
        if !self.separators.contains(c) {
            self.push(c.encode_utf8(&mut [0; 4]), false);
        } else if c.is_ascii_whitespace() {
            if self.current.is_some() {
                self.end();
                self.after_blank = true;
            }
        } else if self.current.is_some() {
            self.end();
        } else if self.after_blank {
            self.after_blank = false;
        } else {
            self.fields.push(vec![(String::new(), true)]);
        }
    }
}

/// A text as a pattern that only it matches.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '-' | '!' | '^') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
