//! [`CliError`]: what a user reads when something fails: what happened, why, what to do.

use std::fmt;

/// An error for the user. Exit statuses are docker's: 125 the daemon, 126 can't be run, 127 not found, 1 the rest.
#[derive(Debug)]
pub(crate) struct CliError {
    /// What happened.
    pub what: String,
    /// Why; empty if `what` says it.
    pub why: String,
    /// What to do; empty if there is nothing to say.
    pub fix: String,
    /// Exit status of the process.
    pub status: u8,
    /// The daemon knows nothing of that name.
    pub missing: bool,
}

impl CliError {
    /// An error with status 1.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: String::new(), fix: String::new(), status: 1, missing: false }
    }

    /// Adds why it happened.
    #[must_use]
    pub(crate) fn why(mut self, why: impl fmt::Display) -> Self {
        self.why = why.to_string();
        self
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Sets the exit status.
    #[must_use]
    pub(crate) const fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        use std::io::Write as _;
        let bold = "\u{1b}[1;31m";
        let plain = "\u{1b}[0m";
        let mut err = anstream::stderr().lock();
        // Nothing can be done when stderr is closed.
        let _ = writeln!(err, "{bold}error{plain}: {}", self.what);
        if !self.why.is_empty() {
            let _ = writeln!(err, "  why: {}", self.why);
        }
        if !self.fix.is_empty() {
            let _ = writeln!(err, "  fix: {}", self.fix);
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::new("the daemon's answer could not be read")
            .why(error)
            .fix("is it Sprat that answers, and of this version? see `sprat version`")
    }
}

/// The result of a command: its exit status.
pub(crate) type Outcome = Result<u8, CliError>;
