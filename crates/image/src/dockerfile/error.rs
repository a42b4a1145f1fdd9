//! [`DockerfileError`]: what is wrong with a Dockerfile, and on which line.

use super::{ExpandError, MAX_DOCKERFILE_BYTES, MAX_LINE_BYTES, MAX_LINES, MAX_STAGES, MAX_STEPS};

/// An error with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dockerfile parse error on line {line}: {problem}")]
pub struct DockerfileError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with an instruction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no instruction at all.
    #[error("file with no instructions: begin with FROM scratch or FROM and an image")]
    Empty,
    /// No instruction has this name.
    #[error("unknown instruction: {word}{}", did_you_mean(.suggestion))]
    UnknownInstruction {
        /// The word, in upper case.
        word: String,
        /// The closest instruction.
        suggestion: Option<&'static str>,
    },
    /// An instruction before the first FROM.
    #[error("no build stage in current context: only ARG may stand before the first FROM, not {0}")]
    BeforeFrom(String),
    /// Too few or too many arguments.
    #[error("{word} requires {needs}")]
    Arguments {
        /// The instruction.
        word: String,
        /// What it takes.
        needs: &'static str,
    },
    /// The instruction has no such flag.
    #[error("unknown flag: --{flag} ({word} knows {known})")]
    UnknownFlag {
        /// The instruction.
        word: String,
        /// The flag.
        flag: String,
        /// Its flags.
        known: String,
    },
    /// A flag stands twice.
    #[error("duplicate flag specified: --{0}")]
    DuplicateFlag(String),
    /// A flag's value is missing or malformed.
    #[error("invalid value for flag --{flag}: {reason}")]
    FlagValue {
        /// The flag.
        flag: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A shell form without a shell.
    #[error("{word} in shell form needs a shell; write {word} {example}")]
    ShellForm {
        /// The instruction.
        word: String,
        /// The exec form of what was written.
        example: String,
    },
    /// What looks like a JSON array is none.
    #[error(
        "{0} starts with [ but is no JSON array of strings: write each string in double quotes, with commas between"
    )]
    Json(String),
    /// Docker knows it, Sprat does not.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// What.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A pair without `=`.
    #[error("syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NoEquals(String),
    /// A pair without a name.
    #[error("{0} names can not be blank")]
    BlankName(String),
    /// A heredoc whose end is missing.
    #[error("unterminated heredoc: no line is {0:?}")]
    HeredocEnd(String),
    /// A heredoc's name is no file name.
    #[error("heredoc name {0:?} is not a file name")]
    HeredocName(String),
    /// The `escape` directive.
    #[error("invalid escape directive {0:?}: only ` and \\ are known")]
    Escape(String),
    /// A directive stands twice.
    #[error("only one {0} parser directive can be used")]
    DuplicateDirective(String),
    /// A stage's name.
    #[error("invalid name for build stage: {0:?}, name can't start with a number or contain symbols")]
    StageName(String),
    /// An instruction that ONBUILD can't hold.
    #[error("{0} isn't allowed as an ONBUILD trigger")]
    Trigger(String),
    /// Several sources and a target that is no folder.
    #[error("when using {0} with more than one source file, the destination must be a directory and end with a /")]
    ManySources(String),
    /// A port.
    #[error("invalid port {0:?}: write 80, 80/tcp, 53/udp or 8000-8010")]
    Port(String),
    /// A signal.
    #[error("invalid signal: {0:?}: write a name such as SIGTERM or a number from 1 to 64")]
    Signal(String),
    /// A duration of HEALTHCHECK.
    #[error("invalid duration {0:?}: write a number with a unit, such as 30s, 1m30s or 500ms, at least 1ms")]
    Duration(String),
    /// A variable can't be replaced.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// The file is too large.
    #[error("the Dockerfile is larger than {MAX_DOCKERFILE_BYTES} bytes")]
    TooLarge,
    /// The file has too many lines.
    #[error("the Dockerfile has more than {MAX_LINES} lines")]
    TooManyLines,
    /// An instruction is too long.
    #[error("an instruction is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    /// There are too many stages.
    #[error("there are more than {MAX_STAGES} stages")]
    TooManyStages,
    /// There are too many instructions.
    #[error("there are more than {MAX_STEPS} instructions")]
    TooManySteps,
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map(|word| format!(" (did you mean {word}?)")).unwrap_or_default()
}

impl Problem {
    pub(crate) fn at(self, line: usize) -> DockerfileError {
        DockerfileError { line, problem: self }
    }
}
