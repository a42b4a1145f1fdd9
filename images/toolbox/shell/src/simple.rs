//! Simple commands (POSIX.1-2017, XCU 2.9.1): what a name means, and how it is run.

use std::path::PathBuf;
use std::rc::Rc;

use crate::builtins::{self, Builtin};
use crate::shell::{Flow, Run, Shell};
use crate::state::Variable;
use crate::stream;
use crate::syntax::{Command, Redirect, Word};
use crate::system::{Launch, LaunchError};
use crate::text;

/// What the name of a command means.
#[derive(Debug, Clone)]
pub(crate) enum Meaning {
    Special(Builtin),
    Function(Rc<Command>),
    Builtin(Builtin),
    Program,
}

/// The value that variables had before a command, each by its name.
type Saved = Vec<(String, Option<Variable>)>;

impl Shell {
    pub(crate) fn meaning(&self, name: &str) -> Meaning {
        if let Some(builtin) = builtins::special(name) {
            return Meaning::Special(builtin);
        }
        if let Some(body) = self.state.functions.get(name) {
            return Meaning::Function(Rc::clone(body));
        }
        builtins::regular(name).map_or(Meaning::Program, Meaning::Builtin)
    }

    /// Runs a simple command in this shell.
    pub(crate) fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], redirects: &[Redirect]) -> Run {
        self.substituted = None;
        let fields = self.fields(words)?;
        let Some(name) = fields.first() else { return self.nameless(assignments, redirects) };
        let meaning = self.meaning(name);
        let table = self.table.clone();
        let result = match meaning {
            Meaning::Special(builtin) => self.special(&builtin, &fields, assignments, redirects),
            meaning => self.ordinary(&meaning, &fields, assignments, redirects),
        };
        // `exec` alone changes the shell's own descriptors.
        if name != "exec" || result != Ok(0) {
            self.table = table;
        }
        result
    }

    /// A command of only assignments and redirections.
    fn nameless(&mut self, assignments: &[(String, Word)], redirects: &[Redirect]) -> Run {
        let table = self.table.clone();
        let redirected = self.redirect(redirects);
        self.table = table;
        let redirected = redirected?;
        self.trace(assignments, &[])?;
        for (name, word) in assignments {
            let value = self.text(word)?;
            self.assign(name, &value)?;
        }
        Ok(if redirected { self.substituted.unwrap_or(0) } else { 2 })
    }

    fn special(
        &mut self,
        run: &Builtin,
        fields: &[String],
        assignments: &[(String, Word)],
        redirects: &[Redirect],
    ) -> Run {
        if !self.redirect(redirects)? {
            return Err(Flow::Abort(2));
        }
        self.trace(assignments, fields)?;
        for (name, word) in assignments {
            let value = self.text(word)?;
            self.assign(name, &value)?;
            if let Some(variable) = self.state.variables.get_mut(name) {
                variable.exported |= fields.first().is_some_and(|name| name == "exec");
            }
        }
        run(self, fields)
    }

    fn ordinary(
        &mut self,
        meaning: &Meaning,
        fields: &[String],
        assignments: &[(String, Word)],
        redirects: &[Redirect],
    ) -> Run {
        if !self.redirect(redirects)? {
            return Ok(2);
        }
        self.trace(assignments, fields)?;
        let saved = self.assign_for_now(assignments)?;
        let result = match meaning {
            Meaning::Function(body) => self.call(body, fields),
            Meaning::Special(builtin) | Meaning::Builtin(builtin) => builtin(self, fields),
            Meaning::Program => self.program(fields),
        };
        self.restore(saved);
        result
    }

    /// Sets variables for the time of one command, exported; gives what they were.
    pub(crate) fn assign_for_now(&mut self, assignments: &[(String, Word)]) -> Result<Saved, Flow> {
        let mut saved = Saved::new();
        for (name, word) in assignments {
            let value = self.text(word)?;
            saved.push((name.clone(), self.state.variables.get(name).cloned()));
            self.assign(name, &value)?;
            if let Some(variable) = self.state.variables.get_mut(name) {
                variable.exported = true;
            }
        }
        Ok(saved)
    }

    fn restore(&mut self, saved: Saved) {
        for (name, variable) in saved.into_iter().rev() {
            match variable {
                Some(variable) => self.state.variables.insert(name, variable),
                None => self.state.variables.remove(&name),
            };
        }
    }

    /// Runs a function.
    pub(crate) fn call(&mut self, body: &Command, fields: &[String]) -> Run {
        let positional = fields.iter().skip(1).map(|field| field.as_str().into()).collect();
        let positional = std::mem::replace(&mut self.state.positional, positional);
        let loops = std::mem::take(&mut self.state.loops);
        let line = self.state.line;
        self.locals.push(Default::default());
        self.state.depth += 1;
        let result = self.nest(|shell| shell.command(body));
        self.state.depth = self.state.depth.saturating_sub(1);
        for (name, variable) in self.locals.pop().unwrap_or_default() {
            match variable {
                Some(variable) => self.state.variables.insert(name, variable),
                None => self.state.variables.remove(&name),
            };
        }
        self.state.line = line;
        self.state.loops = loops;
        self.state.positional = positional;
        match result {
            Err(Flow::Return(status)) => Ok(status),
            other => other,
        }
    }

    /// Starts a program and waits for its end.
    pub(crate) fn program(&mut self, fields: &[String]) -> Run {
        match self.launch(fields) {
            Ok(process) => self.await_process(process),
            Err(status) => Ok(status),
        }
    }

    /// Waits for a process in the foreground, reading what it writes into a substitution.
    pub(crate) fn await_process(&mut self, process: u32) -> Run {
        for capture in stream::captures(&self.table) {
            capture.drain().map_err(|e| self.abort(&format!("read error: {e}")))?;
        }
        match self.system.wait(Some(process), true) {
            Ok(ended) => Ok(ended.map_or(127, |(_, status)| status)),
            Err(e) => {
                self.complain(&format!("wait: {e}"));
                Ok(127)
            }
        }
    }

    /// Starts a program with the shell's descriptors. An error is told, and its status given.
    pub(crate) fn launch(&mut self, fields: &[String]) -> Result<u32, i32> {
        let name = fields.first().map_or("", String::as_str);
        let path = match self.find(name) {
            Some(path) => path,
            None => return Err(self.fail(127, &format!("{name}: not found"))),
        };
        match self.spawn(&path, fields) {
            Err(LaunchError::NotAProgram) => self.launch_script(&path, fields),
            result => result.map_err(|e| self.launch_failed(name, &e)),
        }
    }

    fn fail(&self, status: i32, why: &str) -> i32 {
        self.complain(why);
        status
    }

    fn launch_failed(&self, name: &str, error: &LaunchError) -> i32 {
        match error {
            LaunchError::Missing => self.fail(127, &format!("{name}: not found")),
            LaunchError::Denied => self.fail(126, &format!("{name}: Permission denied")),
            LaunchError::NotAProgram => self.fail(126, &format!("{name}: Exec format error")),
            LaunchError::Other(e) => self.fail(126, &format!("{name}: {}", crate::describe(e))),
        }
    }

    /// A file that is no program is a script, for the interpreter that its first line names.
    fn launch_script(&mut self, path: &std::path::Path, fields: &[String]) -> Result<u32, i32> {
        let name = fields.first().map_or("", String::as_str);
        let first = script_line(path).ok_or_else(|| self.launch_failed(name, &LaunchError::NotAProgram))?;
        let file = match name.contains('/') {
            true => name.to_owned(),
            false => text::decode(path.as_os_str().as_encoded_bytes()),
        };
        let mut words = first.strip_prefix("#!").unwrap_or("").trim().splitn(2, [' ', '\t']);
        let interpreter = words.next().filter(|word| !word.is_empty()).unwrap_or("/bin/sh").to_owned();
        let mut args = vec![interpreter.clone()];
        args.extend(words.next().map(|word| word.trim().to_owned()));
        args.push(file);
        args.extend(fields.iter().skip(1).cloned());
        let shell = matches!(interpreter.rsplit('/').next(), Some("sh" | "ash" | "dash"));
        let program = if shell { self.system.shell() } else { PathBuf::from(&interpreter) };
        self.spawn(&program, &args).map_err(|e| self.launch_failed(name, &e))
    }

    /// Starts a program file.
    pub(crate) fn spawn(&mut self, path: &std::path::Path, args: &[String]) -> Result<u32, LaunchError> {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| text::encode(arg)).collect();
        let env = self.state.environment();
        let mut files = [None, None, None];
        for (file, stream) in files.iter_mut().zip(&self.table) {
            let opened = stream.as_ref().map(|stream| stream.for_program(&*self.system));
            *file = opened.transpose().map_err(LaunchError::Other)?;
        }
        let launch = Launch {
            path,
            args: &args,
            env: &env,
            folder: &self.state.folder,
            streams: files.each_ref().map(Option::as_deref),
        };
        self.system.spawn(&launch)
    }

    /// The file of a program: by PATH unless its name has a slash.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() {
            return None;
        }
        if name.contains('/') {
            let path = self.path(name);
            return path.exists().then_some(path).or_else(|| self.system.builtin_program(name));
        }
        let path = self.state.get("PATH").unwrap_or_default();
        let candidates = path.split(':').map(|folder| self.path(folder).join(crate::pattern::native(name)));
        let mut denied = None;
        for candidate in candidates {
            if self.system.is_executable(&candidate) {
                return Some(candidate);
            }
            if denied.is_none() && candidate.is_file() {
                denied = Some(candidate);
            }
        }
        denied.or_else(|| self.system.builtin_program(name))
    }

    /// `set -x`.
    fn trace(&mut self, assignments: &[(String, Word)], fields: &[String]) -> Result<(), Flow> {
        if !self.state.options.trace {
            return Ok(());
        }
        let mut shown = Vec::new();
        let substituted = self.substituted;
        for (name, word) in assignments {
            shown.push(format!("{name}={}", self.text(word)?));
        }
        self.substituted = substituted;
        shown.extend(fields.iter().cloned());
        let prefix = self.state.get("PS4").unwrap_or("+ ").to_owned();
        let prefix = self.text(&crate::lower::document(&prefix))?;
        // As with complaints: nobody to tell.
        let _ = self.write(2, &format!("{prefix}{}\n", shown.join(" ")));
        Ok(())
    }
}

/// The first line of a text file; `None` if it is no text.
fn script_line(path: &std::path::Path) -> Option<String> {
    use std::io::Read as _;
    let mut start = Vec::new();
    std::fs::File::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
    let line = start.split(|byte| *byte == b'\n').next()?;
    (!line.contains(&0)).then(|| text::decode(line))
}
