//! Text to commands: how much of a text is read at a time, and what of the parser's answers means that more is to come.

use brush_parser::{ParseError, ParserOptions, parse_tokens, uncached_tokenize_str};

use crate::lower;
use crate::syntax::List;

/// How deep `( … )`, `$(…)` and `${…}` may be nested: the parser recurses, and a guest's stack is small.
pub(crate) const DEEPEST: usize = 60;

/// How many words that open a compound command may be open at a time.
const DEEPEST_COMPOUND: usize = 60;

/// Why a text is no script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyntaxError {
    /// The text ends in the middle of a command.
    Incomplete { line: usize, why: String },
    /// No continuation makes it one.
    Wrong { line: usize, why: String },
}

/// How words and commands are read.
pub(crate) fn options() -> ParserOptions {
    ParserOptions {
        enable_extended_globbing: false,
        posix_mode: true,
        sh_mode: true,
        tilde_expansion_at_word_start: false,
        tilde_expansion_after_colon: false,
        ..ParserOptions::default()
    }
}

/// Parses a whole text whose first line has the number `first`.
pub(crate) fn program(text: &str, first: usize) -> Result<List, SyntaxError> {
    if nesting(text) > DEEPEST {
        return Err(SyntaxError::Wrong { line: first, why: "nested too deeply".into() });
    }
    if ends_in_backslash(text) {
        return Err(SyntaxError::Incomplete { line: first, why: "end of file unexpected".into() });
    }
    let options = options();
    let last = first + text.matches('\n').count();
    let tokens = uncached_tokenize_str(&padded(text), &options.tokenizer_options()).map_err(|e| {
        let why = unterminated(&e.to_string());
        match e.is_incomplete() {
            true => SyntaxError::Incomplete { line: last, why },
            false => SyntaxError::Wrong { line: last, why },
        }
    })?;
    if tokens.windows(2).any(|pair| matches!(pair, [number, sign] if is_long_number(number) && redirects(sign))) {
        return Err(SyntaxError::Wrong { line: first, why: "Bad fd number".into() });
    }
    if compound_depth(&tokens) > DEEPEST_COMPOUND {
        return Err(SyntaxError::Wrong { line: first, why: "nested too deeply".into() });
    }
    let parsed = parse_tokens(&tokens, &options);
    if let (Err(_), Some((word, line))) = (&parsed, unopened(&tokens)) {
        let line = first + line.saturating_sub(1);
        return Err(SyntaxError::Wrong { line, why: format!("\"{word}\" unexpected") });
    }
    match parsed {
        Ok(program) => lower::program(program, first).map_err(|why| SyntaxError::Wrong { line: first, why }),
        Err(ParseError::ParsingAtEndOfInput) => {
            Err(SyntaxError::Incomplete { line: last, why: "end of file unexpected".into() })
        }
        Err(ParseError::ParsingNear(position)) => {
            let at = tokens.iter().find(|t| t.location().start.index == position.index);
            let what = match at.map(brush_parser::Token::to_str) {
                Some("\n") | None => "newline unexpected".to_owned(),
                Some(word @ (")" | ";" | ";;" | "&" | "|" | "&&" | "||" | "(" | "<" | ">")) => {
                    format!("\"{word}\" unexpected")
                }
                Some(word) if RESERVED.contains(&word) => format!("\"{word}\" unexpected"),
                Some(_) => "word unexpected".to_owned(),
            };
            Err(SyntaxError::Wrong { line: first + position.line.saturating_sub(1), why: what })
        }
        Err(other) => Err(SyntaxError::Wrong { line: first, why: other.to_string() }),
    }
}

/// The text with a newline for each substitution in it: brush-parser 0.4 takes it for granted that a character follows the end
/// of one, and panics in some broken here-documents inside of substitutions where none does.
fn padded(text: &str) -> String {
    let open = text.matches(['$', '`']).count();
    format!("{text}{}", "\n".repeat(open + 1))
}

/// A number that brush-parser 0.4 panics on where a descriptor's may stand.
fn is_long_number(token: &brush_parser::Token) -> bool {
    matches!(token, brush_parser::Token::Word(word, _) if word.len() > 9 && word.chars().all(|c| c.is_ascii_digit()))
}

fn redirects(token: &brush_parser::Token) -> bool {
    matches!(token, brush_parser::Token::Operator(sign, _) if sign.starts_with(['<', '>']))
}

const RESERVED: [&str; 16] =
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "{", "}", "!", "in"];

/// dash's words for a text that ends inside of something.
fn unterminated(what: &str) -> String {
    if what.contains("quote") && !what.contains("back") {
        "Unterminated quoted string".into()
    } else if what.contains("backquote") {
        "EOF in backquote substitution".into()
    } else if what.contains("variable") {
        "Missing '}'".into()
    } else {
        "end of file unexpected".into()
    }
}

/// Whether the last line continues on the next.
fn ends_in_backslash(text: &str) -> bool {
    let Some(body) = text.strip_suffix('\n') else { return false };
    body.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// The deepest nesting of what opens with `(`, `${` or a backquote's escapes, judged without regard to quotes.
fn nesting(text: &str) -> usize {
    let (mut round, mut curly, mut deepest, mut before) = (0_usize, 0_usize, 0_usize, ' ');
    for c in text.chars() {
        match c {
            '(' => round += 1,
            ')' => round = round.saturating_sub(1),
            '{' if before == '$' => curly += 1,
            '}' => curly = curly.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(round + curly);
        before = c;
    }
    deepest
}

/// How many compound commands are open at the most, judged by reserved words where a command may begin.
fn compound_depth(tokens: &[brush_parser::Token]) -> usize {
    let (mut depth, mut deepest, mut begins) = (0_usize, 0_usize, true);
    for token in tokens {
        match token {
            brush_parser::Token::Operator(sign, _) => {
                begins = true;
                match sign.as_str() {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            brush_parser::Token::Word(word, _) => match word.as_str() {
                "if" | "while" | "until" | "for" | "case" | "{" if begins => depth += 1,
                "fi" | "done" | "esac" | "}" if begins => {
                    depth = depth.saturating_sub(1);
                }
                "then" | "else" | "elif" | "do" | "!" | "in" => {}
                _ => begins = false,
            },
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The first word that closes or continues a compound command that is not open, and its line.
fn unopened(tokens: &[brush_parser::Token]) -> Option<(&str, usize)> {
    let (mut open, mut begins) = (Vec::new(), true);
    for token in tokens {
        let word = match token {
            brush_parser::Token::Operator(sign, _) => {
                begins = !matches!(sign.as_str(), "<" | ">" | ">>" | "<<" | "<<-" | "<&" | ">&" | "<>" | ">|");
                continue;
            }
            brush_parser::Token::Word(word, _) => word.as_str(),
        };
        if !std::mem::take(&mut begins) {
            continue;
        }
        let closes = match word {
            "if" | "while" | "until" | "for" | "case" | "{" => {
                open.push(word);
                begins = !matches!(word, "for" | "case");
                continue;
            }
            "then" | "else" | "elif" | "fi" => open.last() == Some(&"if"),
            "do" | "done" => matches!(open.last(), Some(&("while" | "until" | "for"))),
            "esac" => open.last() == Some(&"case"),
            "}" => open.last() == Some(&"{"),
            "!" => {
                begins = true;
                continue;
            }
            _ => continue,
        };
        if !closes {
            return Some((word, token.location().start.line));
        }
        match word {
            "fi" | "done" | "esac" | "}" => {
                open.pop();
            }
            _ => begins = true,
        }
    }
    None
}

/// The next whole commands of a text that is read line by line, and how many bytes they took: at least a line. `None` at the end.
pub(crate) fn next(text: &str, first: usize) -> Option<(Result<List, SyntaxError>, usize)> {
    let mut end = 0;
    while end < text.len() {
        let rest = text.get(end..).unwrap_or_default();
        end += rest.find('\n').map_or(rest.len(), |at| at + 1);
        let so_far = text.get(..end).unwrap_or_default();
        match program(so_far, first) {
            Err(SyntaxError::Incomplete { .. }) if end < text.len() => {}
            Err(SyntaxError::Incomplete { .. }) => return Some((at_end(so_far, first), end)),
            result => return Some((result, end)),
        }
    }
    None
}

/// A text that nothing follows: a here-document without its last line, or a last backslash, is good enough.
pub(crate) fn at_end(text: &str, first: usize) -> Result<List, SyntaxError> {
    let result = program(text, first);
    if !matches!(result, Err(SyntaxError::Incomplete { .. })) {
        return result;
    }
    if ends_in_backslash(text) {
        return program(text.trim_end_matches(['\n', '\\']), first);
    }
    let delimiters = text.split("<<").skip(1).filter_map(|after| {
        let word = after.trim_start_matches('-').trim_start();
        let end = word.find(|c: char| c.is_whitespace() || ";|&()<>".contains(c)).unwrap_or(word.len());
        word.get(..end).map(|w| w.replace(['\'', '"', '\\'], "")).filter(|w| !w.is_empty())
    });
    for delimiter in delimiters {
        let line = if text.ends_with('\n') { "" } else { "\n" };
        if let Ok(list) = program(&format!("{text}{line}{delimiter}\n"), first) {
            return Ok(list);
        }
    }
    result
}
