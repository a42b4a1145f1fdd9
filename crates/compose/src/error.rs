//! [`ComposeError`]: what is wrong with a project: which file, where in it, what, and what to do.

use std::fmt;

/// The kind of an error: what the caller does next follows from it. Its name is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Code {
    /// A file is missing or can't be read.
    #[error("compose-file")]
    File,
    /// A file is no YAML, or passes a limit.
    #[error("compose-syntax")]
    Syntax,
    /// A variable's use is malformed, or a required one is missing.
    #[error("compose-interpolation")]
    Interpolation,
    /// A key is unknown, or a value is of the wrong type.
    #[error("compose-schema")]
    Schema,
    /// A value has the right type and no meaning.
    #[error("compose-value")]
    Value,
    /// A name is used that nothing defines.
    #[error("compose-reference")]
    Reference,
    /// Something depends on itself.
    #[error("compose-cycle")]
    Cycle,
}

/// What is wrong with a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeError {
    /// The kind.
    pub code: Code,
    /// The file; empty where several files together are wrong.
    pub file: String,
    /// Where in the file: `services.web.ports`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do; empty if `what` says it.
    pub fix: String,
}

impl ComposeError {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, file: String::new(), path: String::new(), what: what.into(), fix: String::new() }
    }

    /// Sets where it is; an inner place that is known already stays.
    #[must_use]
    pub(crate) fn at(mut self, path: impl fmt::Display) -> Self {
        if self.path.is_empty() {
            self.path = path.to_string();
        }
        self
    }

    /// Sets the file; an inner one that is known already stays.
    #[must_use]
    pub(crate) fn of_file(mut self, file: impl fmt::Display) -> Self {
        if self.file.is_empty() {
            self.file = file.to_string();
        }
        self
    }

    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words of Compose itself, which people search for.
        if self.code == Code::Schema && !self.file.is_empty() {
            let space = if self.path.is_empty() { "" } else { " " };
            return write!(f, "validating {}: {}{space}{}", self.file, self.path, self.what);
        }
        for part in [&self.file, &self.path] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ComposeError {}
