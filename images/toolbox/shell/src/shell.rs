//! [`Shell`]: one shell, its state, its descriptors and its children.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::state::{State, Variable};
use crate::stream::{self, Stream, Table};
use crate::system::System;
use crate::text;

/// What ends the normal order of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// `break N`, with what is left of N.
    Break(usize),
    /// `continue N`.
    Continue(usize),
    /// `return` from a function or a file.
    Return(i32),
    /// `exit`, or `set -e`.
    Exit(i32),
    /// An error that ends a shell unless it is interactive (XCU 2.8.1).
    Abort(i32),
}

/// The status of what was run, or why the rest is not.
pub(crate) type Run = Result<i32, Flow>;

/// A command in the background.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) process: u32,
    pub(crate) status: Option<i32>,
}

/// How many commands may be nested in functions, `eval` and substitutions: a guest's stack is small.
pub(crate) const DEEPEST_CALL: usize = 200;

/// A shell.
#[derive(Debug)]
pub struct Shell {
    pub(crate) system: Rc<dyn System>,
    pub(crate) state: State,
    pub(crate) table: Table,
    /// How many conditions are being judged: `set -e` does not count there.
    pub(crate) conditions: usize,
    pub(crate) jobs: Vec<Job>,
    /// What `local` has to put back, a map for each function.
    pub(crate) locals: Vec<BTreeMap<String, Option<Variable>>>,
    /// The status of the last command substitution, for commands that are only assignments.
    pub(crate) substituted: Option<i32>,
    /// How deep functions, `eval` and substitutions are nested.
    pub(crate) calls: usize,
    /// What the next member of a pipeline reads instead of its pipe, which was too small.
    pub(crate) instead: Option<Stream>,
}

impl Shell {
    /// A shell with the process's environment and streams.
    #[must_use]
    pub fn new(system: Rc<dyn System>, name: &str, folder: PathBuf) -> Self {
        let mut variables = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let name = text::decode(name.as_encoded_bytes());
            if text::is_name(&name) {
                let value = Some(text::decode(value.as_encoded_bytes()).into());
                variables.insert(name, Variable { value, exported: true, read_only: false });
            }
        }
        let (process, parent) = system.identity();
        let plain = |value: &str| Variable { value: Some(value.into()), exported: false, read_only: false };
        variables.insert("IFS".into(), plain(" \t\n"));
        variables.insert("OPTIND".into(), plain("1"));
        variables.insert("PS1".into(), plain("$ "));
        variables.insert("PS2".into(), plain("> "));
        variables.insert("PS4".into(), plain("+ "));
        variables.insert("PPID".into(), plain(&parent.to_string()));
        variables.entry("PATH".into()).or_insert_with(|| plain(crate::DEFAULT_PATH));
        variables.entry("PWD".into()).or_default().value =
            Some(text::decode(folder.as_os_str().as_encoded_bytes()).into());
        let state = State {
            variables,
            functions: BTreeMap::new(),
            options: crate::state::Options::default(),
            name: name.to_owned(),
            positional: Vec::new(),
            status: 0,
            process,
            last_background: None,
            folder,
            mask: 0o22,
            traps: BTreeMap::new(),
            line: 1,
            depth: 0,
            loops: 0,
            inherited_traps: false,
            option_offset: 0,
        };
        Self::with_state(system, state)
    }

    /// A shell that goes on where another's state was.
    pub(crate) fn with_state(system: Rc<dyn System>, state: State) -> Self {
        let mut table = Table::default();
        for (number, entry) in (0..).zip(table.iter_mut().take(3)) {
            *entry = system.standard_stream(number).map(Stream::file);
        }
        Self {
            system,
            state,
            table,
            conditions: 0,
            jobs: Vec::new(),
            locals: Vec::new(),
            substituted: None,
            calls: 0,
            instead: None,
        }
    }

    /// Writes to a descriptor; a failure is the caller's to tell.
    pub(crate) fn write(&self, descriptor: usize, what: &str) -> std::io::Result<()> {
        match self.table.get(descriptor).and_then(Option::as_ref) {
            Some(stream) => stream.write(&text::encode(what)),
            None => Err(std::io::Error::other("Bad file descriptor")),
        }
    }

    /// Writes a builtin's output and gives its status.
    pub(crate) fn print(&mut self, what: &str) -> i32 {
        match self.write(1, what) {
            Ok(()) => 0,
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => 1,
            Err(_) => {
                self.complain("write error");
                1
            }
        }
    }

    /// Writes an error message as dash does: name, line, what.
    pub(crate) fn complain(&self, what: &str) {
        // There is nobody to tell that nobody can be told.
        let _ = self.write(2, &format!("{}: {}: {what}\n", self.state.name, self.state.line));
    }

    /// Complains, and gives the flow of an error that ends the shell.
    pub(crate) fn abort(&self, what: &str) -> Flow {
        self.complain(what);
        Flow::Abort(2)
    }

    /// A path as the shell's working folder has it.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.state.folder.join(crate::pattern::native(text))
    }

    /// Sets a variable, or ends the shell if it is read-only.
    pub(crate) fn assign(&mut self, name: &str, value: &str) -> Result<(), Flow> {
        self.state.set(name, value).map_err(|why| self.abort(&why))
    }

    /// Runs something as a subshell does: its state, descriptors and jobs are forgotten at its end.
    pub(crate) fn subshell(&mut self, run: impl FnOnce(&mut Self) -> Run) -> i32 {
        let state = self.state.clone();
        let table = self.table.clone();
        let jobs = std::mem::take(&mut self.jobs);
        let (locals, conditions, calls) = (self.locals.clone(), self.conditions, self.calls);
        self.enter_subshell();
        let result = run(self);
        let status = self.finish(result);
        self.state = state;
        self.table = table;
        self.jobs.splice(.., jobs);
        self.locals = locals;
        self.conditions = conditions;
        self.calls = calls;
        status
    }

    /// Traps that are not ignored signals hold for the shell that set them alone.
    pub(crate) fn enter_subshell(&mut self) {
        self.state.inherited_traps = true;
        self.state.options.interactive = false;
        self.state.loops = 0;
    }

    /// The end of a shell: its EXIT trap, and its status.
    pub(crate) fn finish(&mut self, result: Run) -> i32 {
        let status = match result {
            Ok(status) | Err(Flow::Return(status) | Flow::Exit(status) | Flow::Abort(status)) => status,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.state.status,
        };
        if self.state.inherited_traps {
            return status;
        }
        let Some(action) = self.state.traps.remove("EXIT").filter(|action| !action.is_empty()) else { return status };
        self.state.status = status;
        self.conditions = 0;
        match self.evaluate(&action) {
            Err(Flow::Exit(status) | Flow::Abort(status)) => status,
            _ => status,
        }
    }

    /// Runs commands whose standard output is gathered; gives the output and the status.
    pub(crate) fn capture(&mut self, run: impl FnOnce(&mut Self) -> Run) -> Result<(Vec<u8>, i32), Flow> {
        let capture = Rc::new(stream::Capture::default());
        let sink = Rc::clone(&capture);
        let status = self.subshell(move |shell| {
            if let Some(output) = shell.table.get_mut(1) {
                *output = Some(Stream::Capture(sink));
            }
            run(shell)
        });
        if let Err(e) = capture.drain_pending() {
            return Err(self.abort(&format!("read error: {e}")));
        }
        Ok((capture.take(), status))
    }

    /// Parses and runs a text in this shell, as `eval` does.
    pub(crate) fn evaluate(&mut self, script: &str) -> Run {
        self.nest(|shell| {
            let line = shell.state.line;
            let result = shell.evaluate_from(script, line);
            shell.state.line = line;
            result
        })
    }

    /// Runs what may nest without end, but no deeper than the limit.
    pub(crate) fn nest(&mut self, run: impl FnOnce(&mut Self) -> Run) -> Run {
        if self.calls >= DEEPEST_CALL {
            return Err(self.abort("nested too deeply"));
        }
        self.calls += 1;
        let result = run(self);
        self.calls -= 1;
        result
    }

    fn evaluate_from(&mut self, script: &str, first: usize) -> Run {
        // What can be read as a whole is; else the commands before the error still run.
        if let Ok(list) = crate::parse::at_end(script, first) {
            return self.list(&list);
        }
        let (mut rest, mut line, mut status) = (script, first, 0);
        while let Some((result, length)) = crate::parse::next(rest, line) {
            match result {
                Ok(list) => status = self.list(&list)?,
                Err(error) => return Err(self.syntax_error(&error)),
            }
            let (done, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
            line += done.matches('\n').count();
            rest = left;
        }
        Ok(status)
    }

    /// Tells of a syntax error.
    pub(crate) fn syntax_error(&mut self, error: &crate::parse::SyntaxError) -> Flow {
        let (crate::parse::SyntaxError::Incomplete { line, why } | crate::parse::SyntaxError::Wrong { line, why }) =
            error;
        self.state.line = *line;
        self.abort(&format!("Syntax error: {why}"))
    }
}
