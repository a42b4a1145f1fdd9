//! What the shell runs: commands and words, independent of the parser they came from.
//!
//! They can be serialised, because a member of a pipeline that is no program of its own runs in a child shell, which is sent
//! the command and the shell's state.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// Commands one after another.
pub(crate) type List = Vec<Item>;

/// One entry of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) first: Pipeline,
    pub(crate) rest: Vec<(Connector, Pipeline)>,
    pub(crate) background: bool,
}

/// What stands between two pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Connector {
    And,
    Or,
}

/// Commands whose output is the next one's input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) negated: bool,
    pub(crate) commands: Vec<Rc<Command>>,
}

/// A command with its redirections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    pub(crate) redirects: Vec<Redirect>,
}

/// The forms of commands (POSIX.1-2017, XCU 2.9).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Kind {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word> },
    Group(List),
    Subshell(List),
    If { branches: Vec<(List, List)>, otherwise: Option<List> },
    For { name: String, words: Option<Vec<Word>>, body: List },
    Loop { until: bool, condition: List, body: List },
    Case { word: Word, arms: Vec<Arm> },
    Function { name: String, body: Rc<Command> },
}

/// One choice of a `case`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arm {
    pub(crate) patterns: Vec<Word>,
    pub(crate) body: List,
    /// `;&`: the next arm's body follows.
    pub(crate) falls_through: bool,
}

/// A redirection (XCU 2.7).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub(crate) descriptor: Option<u32>,
    pub(crate) target: Target,
}

/// What a redirection does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Target {
    Read(Word),
    Write { path: Word, clobber: bool },
    Append(Word),
    ReadWrite(Word),
    DuplicateInput(Word),
    DuplicateOutput(Word),
    Document(Word),
}

/// Pieces that stand side by side.
pub(crate) type Word = Vec<Piece>;

/// A piece of a word.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Piece {
    /// Text without quotes: its `*`, `?` and `[` are patterns.
    Text(String),
    /// Text that stands for itself.
    Quoted(String),
    /// Between double quotes.
    Double(Word),
    Parameter(Parameter, Operation),
    /// `$(…)` or backquotes, parsed when it is run.
    Command {
        text: String,
        line: usize,
    },
    Arithmetic(Word),
    Tilde(Option<String>),
    /// What dash calls a bad substitution: an error once it is expanded.
    Bad,
}

/// What `$` refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Parameter {
    Named(String),
    Positional(usize),
    /// One of `@ * # ? - $ !`; `$0` is positional.
    Special(char),
}

impl Parameter {
    /// As error messages show it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Positional(number) => number.to_string(),
            Self::Special(sign) => sign.to_string(),
        }
    }
}

/// What is done to a parameter's value (XCU 2.6.2). `empty_too` is the colon.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Operation {
    Value,
    Length,
    Default { empty_too: bool, word: Word },
    Assign { empty_too: bool, word: Word },
    Require { empty_too: bool, word: Option<Word> },
    Alternative { empty_too: bool, word: Word },
    RemovePrefix { longest: bool, pattern: Word },
    RemoveSuffix { longest: bool, pattern: Word },
}
