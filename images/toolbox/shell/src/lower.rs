//! The parser's tree to the shell's own: words are taken apart once, and what is bash's alone is refused.

use std::rc::Rc;

use brush_parser::ast;
use brush_parser::word::{self, Parameter as Named, ParameterExpr, ParameterTestType, SpecialParameter, WordPiece};

use crate::parse;
use crate::syntax::{
    Arm, Command, Connector, Item, Kind, List, Operation, Parameter, Piece, Pipeline, Redirect, Target, Word,
};

/// Lowers a program whose first line has the number `first`.
pub(crate) fn program(program: ast::Program, first: usize) -> Result<List, String> {
    let mut list = List::new();
    for complete in program.complete_commands {
        list.extend(Lower { first }.list(complete)?);
    }
    Ok(list)
}

/// Takes a text apart that is expanded as a here-document is: PS4, for example.
pub(crate) fn document(text: &str) -> Word {
    Lower { first: 1 }.quoted(text)
}

fn unexpected(what: &str) -> String {
    format!("\"{what}\" unexpected")
}

struct Lower {
    first: usize,
}

impl Lower {
    fn list(&self, list: ast::CompoundList) -> Result<List, String> {
        list.0.into_iter().map(|item| self.item(item)).collect()
    }

    fn item(&self, ast::CompoundListItem(and_or, separator): ast::CompoundListItem) -> Result<Item, String> {
        let rest = and_or.additional.into_iter().map(|next| match next {
            ast::AndOr::And(pipeline) => Ok((Connector::And, self.pipeline(pipeline)?)),
            ast::AndOr::Or(pipeline) => Ok((Connector::Or, self.pipeline(pipeline)?)),
        });
        Ok(Item {
            rest: rest.collect::<Result<_, String>>()?,
            first: self.pipeline(and_or.first)?,
            background: matches!(separator, ast::SeparatorOperator::Async),
        })
    }

    fn pipeline(&self, pipeline: ast::Pipeline) -> Result<Pipeline, String> {
        let commands = pipeline.seq.into_iter().map(|command| self.command(command).map(Rc::new));
        Ok(Pipeline { negated: pipeline.bang, commands: commands.collect::<Result<_, _>>()? })
    }

    fn command(&self, command: ast::Command) -> Result<Command, String> {
        match command {
            ast::Command::Simple(simple) => self.simple(simple),
            ast::Command::Compound(compound, redirects) => self.compound(compound, redirects),
            ast::Command::Function(function) => {
                if !crate::text::is_name(&function.fname.value) {
                    return Err("Bad function name".into());
                }
                let ast::FunctionBody(body, redirects) = function.body;
                let line = self.line(function.fname.loc.as_ref());
                let body = Rc::new(self.compound(body, redirects)?);
                Ok(Command { line, kind: Kind::Function { name: function.fname.value, body }, redirects: Vec::new() })
            }
            // POSIX leaves `[[` unspecified; to dash it is the name of a command.
            ast::Command::ExtendedTest(test, _) => Err(format!("\"[[\" unexpected: {}", test.expr)),
        }
    }

    fn line(&self, span: Option<&brush_parser::SourceSpan>) -> usize {
        span.map_or(self.first, |span| self.first + span.start.line.saturating_sub(1))
    }

    fn simple(&self, simple: ast::SimpleCommand) -> Result<Command, String> {
        let line = self.line(simple.word_or_name.as_ref().and_then(|w| w.loc.as_ref()));
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        for item in simple.prefix.into_iter().flat_map(|prefix| prefix.0) {
            match item {
                ast::CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => match self.assignment(assignment) {
                    Some(assignment) => assignments.push(assignment),
                    None => words.push(self.word(&word.value, line)),
                },
                ast::CommandPrefixOrSuffixItem::IoRedirect(redirect) => redirects.push(self.redirect(redirect, line)?),
                ast::CommandPrefixOrSuffixItem::Word(word) => words.push(self.word(&word.value, line)),
                ast::CommandPrefixOrSuffixItem::ProcessSubstitution(..) => return Err(unexpected("(")),
            }
        }
        let declares = |name: &str| matches!(name, "export" | "readonly" | "local");
        let declaration = simple.word_or_name.as_ref().is_some_and(|name| declares(&name.value));
        words.extend(simple.word_or_name.map(|name| self.word(&name.value, line)));
        for item in simple.suffix.into_iter().flat_map(|suffix| suffix.0) {
            match item {
                ast::CommandPrefixOrSuffixItem::IoRedirect(redirect) => redirects.push(self.redirect(redirect, line)?),
                ast::CommandPrefixOrSuffixItem::Word(word) => words.push(self.word(&word.value, line)),
                ast::CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => match self.assignment(assignment) {
                    Some((name, value)) if declaration => words.push(declared(&name, value)),
                    _ => words.push(self.word(&word.value, line)),
                },
                ast::CommandPrefixOrSuffixItem::ProcessSubstitution(..) => return Err(unexpected("(")),
            }
        }
        Ok(Command { line, kind: Kind::Simple { assignments, words }, redirects })
    }

    /// An assignment as POSIX knows it: no arrays, and no `+=`.
    fn assignment(&self, assignment: ast::Assignment) -> Option<(String, Word)> {
        let line = self.line(Some(&assignment.loc));
        match (assignment.name, assignment.value) {
            (ast::AssignmentName::VariableName(name), ast::AssignmentValue::Scalar(word)) if !assignment.append => {
                Some((name, with_tildes(self.raw_word(&word.value, line), true)))
            }
            _ => None,
        }
    }

    fn compound(
        &self,
        compound: ast::CompoundCommand,
        redirects: Option<ast::RedirectList>,
    ) -> Result<Command, String> {
        let (line, kind) = match compound {
            ast::CompoundCommand::BraceGroup(group) => {
                (self.line(Some(&group.loc)), Kind::Group(self.list(group.list)?))
            }
            ast::CompoundCommand::Subshell(shell) => {
                (self.line(Some(&shell.loc)), Kind::Subshell(self.list(shell.list)?))
            }
            ast::CompoundCommand::ForClause(clause) => {
                let line = self.line(Some(&clause.loc));
                let words = clause.values.map(|words| words.iter().map(|w| self.word(&w.value, line)).collect());
                if !crate::text::is_name(&clause.variable_name) {
                    return Err("Bad for loop variable".into());
                }
                (line, Kind::For { name: clause.variable_name, words, body: self.list(clause.body.list)? })
            }
            ast::CompoundCommand::CaseClause(case) => {
                let line = self.line(Some(&case.loc));
                let arms = case.cases.into_iter().map(|arm| self.arm(arm, line)).collect::<Result<_, _>>()?;
                (line, Kind::Case { word: self.word(&case.value.value, line), arms })
            }
            ast::CompoundCommand::IfClause(clause) => (self.line(Some(&clause.loc)), self.branches(clause)?),
            ast::CompoundCommand::WhileClause(ast::WhileOrUntilClauseCommand(condition, body, loc)) => {
                (self.line(Some(&loc)), self.repeat(false, condition, body)?)
            }
            ast::CompoundCommand::UntilClause(ast::WhileOrUntilClauseCommand(condition, body, loc)) => {
                (self.line(Some(&loc)), self.repeat(true, condition, body)?)
            }
            ast::CompoundCommand::Arithmetic(_) | ast::CompoundCommand::ArithmeticForClause(_) => {
                return Err(unexpected("(("));
            }
            ast::CompoundCommand::Coprocess(_) => return Err(unexpected("coproc")),
        };
        let redirects = redirects.into_iter().flat_map(|list| list.0).map(|one| self.redirect(one, line));
        Ok(Command { line, kind, redirects: redirects.collect::<Result<_, _>>()? })
    }

    fn repeat(&self, until: bool, condition: ast::CompoundList, body: ast::DoGroupCommand) -> Result<Kind, String> {
        Ok(Kind::Loop { until, condition: self.list(condition)?, body: self.list(body.list)? })
    }

    fn branches(&self, clause: ast::IfClauseCommand) -> Result<Kind, String> {
        let mut branches = vec![(self.list(clause.condition)?, self.list(clause.then)?)];
        let mut otherwise = None;
        for next in clause.elses.into_iter().flatten() {
            let body = self.list(next.body)?;
            match next.condition {
                Some(condition) => branches.push((self.list(condition)?, body)),
                None => otherwise = Some(body),
            }
        }
        Ok(Kind::If { branches, otherwise })
    }

    fn arm(&self, arm: ast::CaseItem, line: usize) -> Result<Arm, String> {
        Ok(Arm {
            patterns: arm.patterns.iter().map(|pattern| self.word(&pattern.value, line)).collect(),
            body: arm.cmd.map(|body| self.list(body)).transpose()?.unwrap_or_default(),
            falls_through: matches!(arm.post_action, ast::CaseItemPostAction::UnconditionallyExecuteNextCaseItem),
        })
    }

    fn redirect(&self, redirect: ast::IoRedirect, line: usize) -> Result<Redirect, String> {
        let (descriptor, target) = match redirect {
            ast::IoRedirect::File(descriptor, kind, target) => {
                let word = match target {
                    ast::IoFileRedirectTarget::Filename(word) | ast::IoFileRedirectTarget::Duplicate(word) => {
                        self.word(&word.value, line)
                    }
                    ast::IoFileRedirectTarget::Fd(number) => vec![Piece::Text(number.to_string())],
                    ast::IoFileRedirectTarget::ProcessSubstitution(..) => return Err(unexpected("(")),
                };
                let target = match kind {
                    ast::IoFileRedirectKind::Read => Target::Read(word),
                    ast::IoFileRedirectKind::Write => Target::Write { path: word, clobber: false },
                    ast::IoFileRedirectKind::Clobber => Target::Write { path: word, clobber: true },
                    ast::IoFileRedirectKind::Append => Target::Append(word),
                    ast::IoFileRedirectKind::ReadAndWrite => Target::ReadWrite(word),
                    ast::IoFileRedirectKind::DuplicateInput => Target::DuplicateInput(word),
                    ast::IoFileRedirectKind::DuplicateOutput => Target::DuplicateOutput(word),
                };
                (descriptor, target)
            }
            ast::IoRedirect::HereDocument(descriptor, document) => {
                let text = document.doc.value;
                let word = match document.requires_expansion {
                    true => self.quoted(&joined(&text)),
                    false => vec![Piece::Quoted(text)],
                };
                (descriptor, Target::Document(word))
            }
            ast::IoRedirect::HereString(..) => return Err("redirection unexpected".into()),
            ast::IoRedirect::OutputAndError(..) => return Err("redirection unexpected".into()),
        };
        let descriptor = descriptor.map(u32::try_from).transpose().map_err(|_| "Bad fd number".to_owned())?;
        Ok(Redirect { descriptor, target })
    }

    fn word(&self, text: &str, line: usize) -> Word {
        with_tildes(self.raw_word(text, line), false)
    }

    fn raw_word(&self, text: &str, line: usize) -> Word {
        match word::parse(text, &parse::options()) {
            Ok(pieces) => self.pieces(pieces, line, false),
            Err(_) => vec![Piece::Bad],
        }
    }

    /// A text between double quotes, or a here-document's, where quotes stand for themselves.
    fn quoted(&self, text: &str) -> Word {
        match word::parse_heredoc(text, &parse::options()) {
            Ok(pieces) => vec![Piece::Double(self.pieces(pieces, self.first, true))],
            Err(_) => vec![Piece::Bad],
        }
    }

    fn pieces(&self, pieces: Vec<word::WordPieceWithSource>, line: usize, quoted: bool) -> Word {
        let mut word = Word::new();
        let mut pieces = pieces.into_iter().map(|piece| piece.piece).peekable();
        while let Some(piece) = pieces.next() {
            let open = matches!(&piece, WordPiece::Text(text) if text == "$")
                && matches!(pieces.peek(), Some(WordPiece::Text(next)) if next.starts_with('{'));
            word.push(if open { Piece::Bad } else { self.piece(piece, line, quoted) });
        }
        word
    }

    fn piece(&self, piece: WordPiece, line: usize, quoted: bool) -> Piece {
        match piece {
            WordPiece::Text(text) if quoted => Piece::Quoted(text),
            WordPiece::Text(text) => Piece::Text(text),
            WordPiece::SingleQuotedText(text) => Piece::Quoted(text),
            // Bash's `$'…'` and `$"…"` are a dollar sign and quotes.
            WordPiece::AnsiCQuotedText(text) => Piece::Quoted(format!("${text}")),
            WordPiece::DoubleQuotedSequence(inner) => Piece::Double(self.pieces(inner, line, true)),
            WordPiece::GettextDoubleQuotedSequence(inner) => {
                let mut inner = self.pieces(inner, line, true);
                inner.insert(0, Piece::Quoted("$".into()));
                Piece::Double(inner)
            }
            // Tildes are found here, not by the parser (see `with_tildes`).
            WordPiece::TildeExpansion(_) => Piece::Text("~".into()),
            WordPiece::ParameterExpansion(expression) => self.parameter(expression, line, quoted),
            WordPiece::CommandSubstitution(text) => Piece::Command { text, line },
            WordPiece::BackquotedCommandSubstitution(text) => {
                let text = if quoted { text.replace("\\\"", "\"") } else { text };
                Piece::Command { text, line }
            }
            WordPiece::EscapeSequence(text) if text == "\\\n" => Piece::Quoted(String::new()),
            WordPiece::EscapeSequence(text) => Piece::Quoted(text.strip_prefix('\\').unwrap_or(&text).to_owned()),
            WordPiece::ArithmeticExpression(expression) => Piece::Arithmetic(self.quoted(&expression.value)),
        }
    }

    fn parameter(&self, expression: ParameterExpr, line: usize, quoted: bool) -> Piece {
        // `${#?}` and `${#-}` are lengths, not operations on `$#`.
        match &expression {
            ParameterExpr::IndicateErrorIfNullOrUnset {
                parameter,
                test_type: ParameterTestType::Unset,
                error_message,
                ..
            } if is_count(parameter) && error_message.as_deref().unwrap_or_default().is_empty() => {
                return Piece::Parameter(Parameter::Special('?'), Operation::Length);
            }
            ParameterExpr::UseDefaultValues {
                parameter, test_type: ParameterTestType::Unset, default_value, ..
            } if is_count(parameter) && default_value.as_deref().unwrap_or_default().is_empty() => {
                return Piece::Parameter(Parameter::Special('-'), Operation::Length);
            }
            _ => {}
        }
        let value = |text: Option<String>| self.operand(&text.unwrap_or_default(), line, quoted);
        let pattern = |text: Option<String>| self.word(&text.unwrap_or_default(), line);
        let empty_too = |test| matches!(test, ParameterTestType::UnsetOrNull);
        let (of, operation) = match expression {
            ParameterExpr::Parameter { parameter, indirect: false } => (parameter, Operation::Value),
            ParameterExpr::ParameterLength { parameter, indirect: false } => (parameter, Operation::Length),
            ParameterExpr::UseDefaultValues { parameter, indirect: false, test_type, default_value } => {
                (parameter, Operation::Default { empty_too: empty_too(test_type), word: value(default_value) })
            }
            ParameterExpr::AssignDefaultValues { parameter, indirect: false, test_type, default_value } => {
                (parameter, Operation::Assign { empty_too: empty_too(test_type), word: value(default_value) })
            }
            ParameterExpr::UseAlternativeValue { parameter, indirect: false, test_type, alternative_value } => {
                (parameter, Operation::Alternative { empty_too: empty_too(test_type), word: value(alternative_value) })
            }
            ParameterExpr::IndicateErrorIfNullOrUnset { parameter, indirect: false, test_type, error_message } => {
                let word = error_message.filter(|text| !text.is_empty()).map(|text| value(Some(text)));
                (parameter, Operation::Require { empty_too: empty_too(test_type), word })
            }
            ParameterExpr::RemoveSmallestPrefixPattern { parameter, indirect: false, pattern: text } => {
                (parameter, Operation::RemovePrefix { longest: false, pattern: pattern(text) })
            }
            ParameterExpr::RemoveLargestPrefixPattern { parameter, indirect: false, pattern: text } => {
                (parameter, Operation::RemovePrefix { longest: true, pattern: pattern(text) })
            }
            ParameterExpr::RemoveSmallestSuffixPattern { parameter, indirect: false, pattern: text } => {
                (parameter, Operation::RemoveSuffix { longest: false, pattern: pattern(text) })
            }
            ParameterExpr::RemoveLargestSuffixPattern { parameter, indirect: false, pattern: text } => {
                (parameter, Operation::RemoveSuffix { longest: true, pattern: pattern(text) })
            }
            _ => return Piece::Bad,
        };
        named(of).map_or(Piece::Bad, |of| Piece::Parameter(of, operation))
    }

    /// The word of `${x:-word}`. Between double quotes its own quotes only open and close what is quoted anyway.
    fn operand(&self, text: &str, line: usize, quoted: bool) -> Word {
        match quoted {
            true => self.quoted(&without_quotes(text)),
            false => self.word(text, line),
        }
    }
}

/// Finds tildes at the start of a word, and in an assignment's value after colons too (XCU 2.6.1). The parser could do it, but
/// brush-parser 0.4 panics on bash's `~N` with a large number.
fn with_tildes(word: Word, colons: bool) -> Word {
    let last = word.len().saturating_sub(1);
    let mut output = Word::new();
    for (number, piece) in word.into_iter().enumerate() {
        let Piece::Text(text) = piece else {
            output.push(piece);
            continue;
        };
        let parts: Vec<&str> = if colons { text.split_inclusive(':').collect() } else { vec![&text] };
        let ends = parts.len().saturating_sub(1);
        for (at, part) in parts.into_iter().enumerate() {
            let begins = at > 0 || number == 0;
            let (body, colon) = match part.strip_suffix(':').filter(|_| colons) {
                Some(body) => (body, ":"),
                None => (part, ""),
            };
            let prefix =
                body.strip_prefix('~').filter(|_| begins).map(|rest| rest.split_once('/').unwrap_or((rest, "")).0);
            // What is quoted or expanded within the prefix makes it none.
            let whole = body.contains('/') || !colon.is_empty() || (at == ends && number == last);
            let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            match prefix.filter(|user| whole && user.chars().all(named)) {
                Some(user) => {
                    output.push(Piece::Tilde((!user.is_empty()).then(|| user.to_owned())));
                    let rest = body.get(user.len() + 1..).unwrap_or_default();
                    output.push(Piece::Text(format!("{rest}{colon}")));
                }
                None => output.push(Piece::Text(part.to_owned())),
            }
        }
    }
    output
}

/// `export a=$b` keeps `$b` one word, as an assignment does.
fn declared(name: &str, value: Word) -> Word {
    let mut word = vec![Piece::Quoted(format!("{name}="))];
    word.extend(value.into_iter().map(|piece| match piece {
        Piece::Text(text) => Piece::Quoted(text),
        tilde @ Piece::Tilde(_) => tilde,
        other => Piece::Double(vec![other]),
    }));
    word
}

fn is_count(parameter: &Named) -> bool {
    matches!(parameter, Named::Special(SpecialParameter::PositionalParameterCount))
}

fn named(parameter: Named) -> Option<Parameter> {
    Some(match parameter {
        Named::Positional(number) => Parameter::Positional(usize::try_from(number).ok()?),
        Named::Named(name) => Parameter::Named(name),
        Named::NamedWithIndex { .. } | Named::NamedWithAllIndices { .. } => return None,
        Named::Special(special) => match special {
            SpecialParameter::AllPositionalParameters { concatenate: false } => Parameter::Special('@'),
            SpecialParameter::AllPositionalParameters { concatenate: true } => Parameter::Special('*'),
            SpecialParameter::PositionalParameterCount => Parameter::Special('#'),
            SpecialParameter::LastExitStatus => Parameter::Special('?'),
            SpecialParameter::CurrentOptionFlags => Parameter::Special('-'),
            SpecialParameter::ProcessId => Parameter::Special('$'),
            SpecialParameter::LastBackgroundProcessId => Parameter::Special('!'),
            SpecialParameter::ShellName => Parameter::Positional(0),
        },
    })
}

/// Joins lines that end in a backslash.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            joined.push(c);
            continue;
        }
        match chars.next() {
            Some('\n') => {}
            next => {
                joined.push('\\');
                joined.extend(next);
            }
        }
    }
    joined
}

/// Drops double quotes that no backslash escapes, outside of nested substitutions.
fn without_quotes(text: &str) -> String {
    let (mut kept, mut depth, mut escaped, mut before) = (String::new(), 0_usize, false, ' ');
    for c in text.chars() {
        match c {
            '(' | '{' if before == '$' && !escaped => depth += 1,
            ')' | '}' if !escaped => depth = depth.saturating_sub(1),
            '"' if depth == 0 && !escaped => continue,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        before = c;
        kept.push(c);
    }
    kept
}
