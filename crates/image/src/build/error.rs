//! [`BuildError`]: why a build failed; and [`StepError`], the same without the line.

use crate::dockerfile::{DockerfileError, ExpandError, Problem};
use crate::layer::LayerError;
use crate::{MAX_CONFIG_BYTES, StoreError, TreeError};

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile is wrong; the message names the line.
    #[error("dockerfile parse error on line {line}: {message}")]
    Dockerfile {
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A step failed.
    #[error("line {line}: {message}")]
    Step {
        /// Line of the instruction, from 1.
        line: usize,
        /// What happened.
        message: String,
    },
    /// A RUN step's program ended with another status than 0.
    #[error("The command '{command}' returned a non-zero code: {code} (line {line} of the Dockerfile)")]
    Run {
        /// Line of the instruction, from 1.
        line: usize,
        /// The program and its arguments.
        command: String,
        /// Its exit status.
        code: i32,
    },
    /// The context is malformed, hostile or too large.
    #[error("invalid build context: {0}")]
    Context(String),
    /// The store or a registry failed at a step.
    #[error("line {line}: {source}")]
    Content {
        /// Line of the instruction, from 1.
        line: usize,
        /// Why.
        source: StoreError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BuildError {
    /// A stable code, such as `build_step_failed`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dockerfile { .. } => "invalid_dockerfile",
            Self::Step { .. } => "build_step_failed",
            Self::Run { .. } => "build_program_failed",
            Self::Context(_) => "invalid_build_context",
            Self::Content { source, .. } | Self::Store(source) => source.code(),
        }
    }
}

impl From<DockerfileError> for BuildError {
    fn from(error: DockerfileError) -> Self {
        Self::Dockerfile { line: error.line, message: error.problem.to_string() }
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// What the instruction says is wrong, as its variables show.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The variables of all instructions so far have become too much.
    #[error(
        "the instructions before this one have grown beyond {MAX_CONFIG_BYTES} bytes, more than an image's configuration may have: use shorter variables"
    )]
    Grown,
    /// A source is not there.
    #[error("{word} failed: {place}stat {path}: file does not exist{elsewhere}")]
    Missing {
        /// COPY or ADD.
        word: &'static str,
        /// Where it was looked for, for people.
        place: &'static str,
        /// The source as written.
        path: String,
        /// Where it is instead, if that is known; begins with a comma.
        elsewhere: String,
    },
    /// A pattern matches nothing.
    #[error("{word} failed: no source files were specified: nothing matches {pattern}")]
    NoMatch {
        /// COPY or ADD.
        word: &'static str,
        /// The pattern.
        pattern: String,
    },
    /// A source lies outside of the context.
    #[error("{word} failed: forbidden path outside the build context: {path}")]
    Outside {
        /// COPY or ADD.
        word: &'static str,
        /// The source as written.
        path: String,
    },
    /// The target can't take what is copied.
    #[error("{word} failed: cannot copy to {path}: {reason}")]
    Target {
        /// COPY or ADD.
        word: &'static str,
        /// The target.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// An archive that ADD can't unpack.
    #[error("ADD failed: cannot unpack {path}: {reason}")]
    Archive {
        /// The archive.
        path: String,
        /// Why.
        reason: String,
    },
    /// `--chown` or USER names nobody.
    #[error("unable to find {kind} {name}: {hint}")]
    Owner {
        /// User or group.
        kind: &'static str,
        /// The name.
        name: String,
        /// What to do.
        hint: String,
    },
    /// `--chmod` is no mode.
    #[error(
        "invalid chmod parameter: '{text}'. it should be an octal number of 3 or 4 digits, such as {octal}, or changes as chmod has them, such as u+x"
    )]
    Mode {
        /// As written.
        text: String,
        /// An octal form.
        octal: &'static str,
    },
    /// A stage or image of `--from`.
    #[error("invalid from flag value {name}: {reason}")]
    From {
        /// As written.
        name: String,
        /// Why.
        reason: String,
    },
    /// A program could not be run at all.
    #[error("cannot run {command}: {reason}")]
    Start {
        /// The program and its arguments.
        command: String,
        /// Why.
        reason: String,
    },
    /// A program failed.
    #[error("The command '{command}' returned a non-zero code: {code}")]
    Exit {
        /// The program and its arguments.
        command: String,
        /// Its exit status.
        code: i32,
    },
    /// The files of a stage or the context can't be read.
    #[error("cannot read the files of the build")]
    Files(#[source] std::io::Error),
    /// Layers can't be opened.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A layer can't be made.
    #[error("cannot make the layer")]
    Layer(#[from] LayerError),
    /// The store or a registry failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ExpandError> for StepError {
    fn from(error: ExpandError) -> Self {
        Self::Problem(error.into())
    }
}

impl StepError {
    pub(super) fn at(self, line: usize) -> BuildError {
        match self {
            Self::Store(source) => BuildError::Content { line, source },
            Self::Exit { command, code } => BuildError::Run { line, command, code },
            other => BuildError::Step { line, message: chain(&other) },
        }
    }
}

/// An error's text with those of its sources.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
