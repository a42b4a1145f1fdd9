//! YAML → values. Scalars are read as Compose's own parser reads them (YAML 1.2 with octal `0644` and `1_000`); anchors and
//! `<<` are resolved here, within limits: what a few lines unfold to is counted as if it were written out.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use crate::error::{Code, ComposeError};
use crate::path::Path;

/// Bytes of the longest file.
pub const MAX_FILE: usize = 4 << 20;

/// Values of one file, after aliases were unfolded.
pub const MAX_VALUES: usize = 200_000;

/// Levels of nesting.
pub const MAX_DEPTH: usize = 64;

/// What a tag says about merging with earlier files (Compose Specification, "Reset value" and "Replace value").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `!reset`: what earlier files say goes, and this too.
    Reset,
    /// `!override`: this replaces what earlier files say.
    Override,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Its content, without what is marked as reset.
    pub value: Value,
    /// Where earlier files are not merged.
    pub marks: Vec<Path>,
}

#[derive(Debug, Clone)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Debug, Clone)]
struct Node {
    content: Content,
    mark: Option<Mark>,
    /// Values in it, itself included.
    size: usize,
}

/// Reads all documents of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Document>, ComposeError> {
    if text.len() > MAX_FILE {
        return Err(ComposeError::new(Code::Syntax, format!("yaml: the file has more than {MAX_FILE} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), values: 0 };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            other => {
                let node = reader.node(other, span, 0)?;
                let mut marks = Vec::new();
                if let Some(value) = plain(node, &Path::default(), &mut marks) {
                    documents.push(Document { value, marks });
                }
            }
        }
    }
    Ok(documents)
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    values: usize,
}

fn wrong(span: Span, what: impl std::fmt::Display) -> ComposeError {
    ComposeError::new(Code::Syntax, format!("yaml: line {}: {what}", span.start.line()))
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ComposeError> {
        self.parser.next_event().transpose().map_err(|e| {
            let at = e.marker();
            ComposeError::new(Code::Syntax, format!("yaml: line {}, column {}: {}", at.line(), at.col() + 1, e.info()))
        })
    }

    fn need(&mut self, span: Span) -> Result<(Event<'a>, Span), ComposeError> {
        self.next()?.ok_or_else(|| wrong(span, "unexpected end"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, ComposeError> {
        if depth > MAX_DEPTH {
            return Err(wrong(span, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.count(1, span)?;
        let (content, anchor, tag) = match event {
            Event::Alias(id) => {
                let node =
                    self.anchors.get(&id).cloned().ok_or_else(|| wrong(span, "an alias within its own anchor"))?;
                self.count(node.size, span)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref()).map_err(|what| wrong(span, what))?;
                (Content::Scalar(value), anchor, tag)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.need(span)? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
                (Content::List(items), anchor, tag)
            }
            Event::MappingStart(anchor, tag) => (Content::Map(self.map(span, depth)?), anchor, tag),
            other => return Err(wrong(span, format!("unexpected {other:?}"))),
        };
        let mark = tag.as_deref().and_then(mark);
        let size = 1 + match &content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(|n| n.size).sum(),
            Content::Map(entries) => entries.iter().map(|(_, n)| n.size).sum(),
        };
        let node = Node { content, mark, size };
        if anchor > 0 {
            self.count(node.size, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), ComposeError> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES {
            return Err(wrong(span, format!("more than {MAX_VALUES} values, aliases unfolded")));
        }
        Ok(())
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<Vec<(String, Node)>, ComposeError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged = Vec::new();
        loop {
            let (key, plain, at) = match self.need(span)? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(text, style, _, _), at) => (text.into_owned(), style == ScalarStyle::Plain, at),
                (Event::Alias(id), at) => match self.anchors.get(&id).map(|n| &n.content) {
                    Some(Content::Scalar(Value::String(text))) => (text.clone(), false, at),
                    _ => return Err(wrong(at, "a key must be a string")),
                },
                (_, at) => return Err(wrong(at, "a key must be a string")),
            };
            let (event, value_at) = self.need(at)?;
            let value = self.node(event, value_at, depth + 1)?;
            if key == "<<" && plain {
                merged.push((value, value_at));
                continue;
            }
            if let Some(line) = lines.insert(key.clone(), at.start.line()) {
                return Err(wrong(at, format!("mapping key {key:?} already defined at line {line}")));
            }
            entries.push((key, value));
        }
        for (value, at) in merged {
            merge(&mut entries, &mut lines, value, at)?;
        }
        Ok(entries)
    }
}

/// `<<`: keys that are there already win, also over those of later maps of a list.
fn merge(
    entries: &mut Vec<(String, Node)>,
    known: &mut HashMap<String, usize>,
    from: Node,
    at: Span,
) -> Result<(), ComposeError> {
    match from.content {
        Content::Map(more) => {
            for (key, value) in more {
                if !known.contains_key(&key) {
                    known.insert(key.clone(), at.start.line());
                    entries.push((key, value));
                }
            }
            Ok(())
        }
        Content::List(maps) if maps.iter().all(|m| matches!(m.content, Content::Map(_))) => {
            maps.into_iter().try_for_each(|map| merge(entries, known, map, at))
        }
        _ => Err(wrong(at, "map merge requires a map or a list of maps as the value")),
    }
}

fn mark(tag: &Tag) -> Option<Mark> {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", "reset") => Some(Mark::Reset),
        ("!", "override") => Some(Mark::Override),
        _ => None,
    }
}

/// Values without marks, whose places are collected; nothing for what is reset.
fn plain(node: Node, path: &Path, marks: &mut Vec<Path>) -> Option<Value> {
    if let Some(mark) = node.mark {
        marks.push(path.clone());
        if mark == Mark::Reset {
            return None;
        }
    }
    Some(match node.content {
        Content::Scalar(value) => value,
        Content::List(items) => {
            let items = items.into_iter().enumerate();
            Value::Array(items.filter_map(|(i, item)| plain(item, &path.index(i), marks)).collect())
        }
        Content::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                if let Some(value) = plain(value, &path.key(&key), marks) {
                    map.insert(key, value);
                }
            }
            Value::Object(map)
        }
    })
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    if let Some(tag) = tag.filter(|tag| tag.is_yaml_core_schema()) {
        return match tag.suffix.as_str() {
            "str" => Ok(Value::String(text.to_owned())),
            "int" | "float" | "bool" | "null" => Ok(resolve(text)),
            other => Err(format!("unknown tag !!{other}")),
        };
    }
    if style == ScalarStyle::Plain { Ok(resolve(text)) } else { Ok(Value::String(text.to_owned())) }
}

/// What an unquoted word means.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Value::String(text.to_owned());
    }
    number(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let (negative, rest) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radix = |prefixes: [&str; 2], radix| {
        let rest = prefixes.iter().find_map(|p| rest.strip_prefix(p))?;
        if rest.starts_with(['+', '-']) { None } else { i64::from_str_radix(rest, radix).ok() }
    };
    let octal = || {
        let rest = rest.strip_prefix('0').filter(|r| !r.is_empty() && r.bytes().all(|b| (b'0'..=b'7').contains(&b)))?;
        i64::from_str_radix(rest, 8).ok()
    };
    let all_digits = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let decimal =
        || if all_digits && (rest == "0" || !rest.starts_with('0')) { rest.parse::<i64>().ok() } else { None };
    let whole = radix(["0x", "0X"], 16).or_else(|| radix(["0o", "0O"], 8)).or_else(|| radix(["0b", "0B"], 2));
    if let Some(n) = whole.or_else(octal).or_else(decimal) {
        return Some(Value::from(if negative { n.checked_neg()? } else { n }));
    }
    // Words such as `1e5x`, `inf` and `-` are strings; a float has digits, one dot at most, and an exponent at its end.
    let mantissa = rest.split(['e', 'E']).next().unwrap_or_default();
    let float = mantissa.bytes().any(|b| b.is_ascii_digit())
        && mantissa.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && mantissa.bytes().filter(|b| *b == b'.').count() <= 1;
    if !float {
        return None;
    }
    let n = digits.parse::<f64>().ok().filter(|n| n.is_finite())?;
    serde_json::Number::from_f64(n).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(text: &str) -> Value {
        parse(text).unwrap().remove(0).value
    }

    #[test]
    fn words_are_read_as_compose_reads_them() {
        let text = "{a: 0o17, b: 017, c: 1e3, d: yes, e: ~, g: 0x1f, h: 1_000, i: \"\", k: .5, n: +3, s: 1:30, t: 08, \
                    u: 1.2.3, v: +, w: 0, x: '1', y: -7, z: 1e999}";
        let expected = json!({"a": 15, "b": 15, "c": 1000.0, "d": "yes", "e": null, "g": 31, "h": 1000, "i": "",
            "k": 0.5, "n": 3, "s": "1:30", "t": 8.0, "u": "1.2.3", "v": "+", "w": 0, "x": "1", "y": -7, "z": "1e999"});
        assert_eq!(one(text), expected);
    }

    #[test]
    fn anchors_and_merges_are_resolved_and_own_keys_win() {
        let text = "x: &a {k: 1, l: 2}\ny: &b {l: 3, m: 4}\nz: {<<: [*a, *b], k: 9}\nw: {<<: *b, \"<<\": 1}";
        let value = one(text);
        assert_eq!(value["z"], json!({"k": 9, "l": 2, "m": 4}));
        assert_eq!(value["w"], json!({"l": 3, "m": 4, "<<": 1}));
    }

    #[test]
    fn a_billion_laughs_end_at_the_limit() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..10 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert!(parse(&text).unwrap_err().what.contains("more than 200000 values"));
        let deep = "[".repeat(MAX_DEPTH + 2) + &"]".repeat(MAX_DEPTH + 2);
        assert!(parse(&deep).unwrap_err().what.contains("nested deeper"));
        assert!(parse(&"#".repeat(MAX_FILE + 1)).is_err() && parse(&"#".repeat(MAX_FILE)).is_ok());
    }

    #[test]
    fn marks_are_kept_with_their_places_and_reset_values_go() {
        let document = parse("services: {a: {ports: !reset [], env: !override {B: 1}}}").unwrap().remove(0);
        assert_eq!(document.value, json!({"services": {"a": {"env": {"B": 1}}}}));
        let marks: Vec<_> = document.marks.iter().map(ToString::to_string).collect();
        assert_eq!(marks, ["services.a.ports", "services.a.env"]);
    }

    #[test]
    fn errors_name_the_line() {
        assert!(parse("a: 1\na: 2").unwrap_err().what.contains("line 2: mapping key \"a\" already defined at line 1"));
        assert!(parse("a: [b").unwrap_err().what.starts_with("yaml: line "));
        assert!(parse("a: b: c").is_err() && parse("a: *x").is_err() && parse("[a]: b").is_err());
        assert!(parse("").unwrap().is_empty() && parse("# nothing\n").unwrap().is_empty());
    }
}
