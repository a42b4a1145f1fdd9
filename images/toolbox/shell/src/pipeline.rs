//! Pipelines and the background.
//!
//! Nothing that writes to a pipe runs in the process that reads it. All members but the last are processes of their own:
//! programs, or child shells that are sent the command and this shell's state. The last runs here, as a subshell.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::builtins;
use crate::shell::{Flow, Job, Run, Shell};
use crate::simple::Meaning;
use crate::state::State;
use crate::stream::{self, Capture, PIPE_HOLDS, Stream};
use crate::syntax::{Command, Item, Kind, Piece, Pipeline, Redirect, Word};

/// What a child shell is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) state: State,
    pub(crate) command: Rc<Command>,
}

/// The argument that comes before an errand. Not for users: its form changes with each version.
pub(crate) const ERRAND: &str = "--errand";

/// The same, but the argument is the name of a file, which the child removes.
pub(crate) const ERRAND_FILE: &str = "--errand-file";

/// Bytes of an errand that fit among the arguments.
const LONGEST_ERRAND: usize = 32 * 1024;

/// A member of a pipeline that was started.
#[derive(Debug, Clone, Copy)]
enum Member {
    Process(u32),
    Done(i32),
}

impl Shell {
    pub(crate) fn pipeline(&mut self, pipeline: &Pipeline) -> Run {
        match pipeline.commands.as_slice() {
            [one] => self.command(one),
            commands => self.connect(commands),
        }
    }

    fn connect(&mut self, commands: &[Rc<Command>]) -> Run {
        let Some((last, before)) = commands.split_last() else { return Ok(0) };
        let (mut members, mut input) = (Vec::new(), None);
        for command in before {
            let (reader, writer) = self.system.pipe().map_err(|e| self.abort(&format!("Pipe call failed: {e}")))?;
            members.push(self.member(command, input.take(), Some(Stream::file(writer)), true));
            input = Some(self.instead.take().unwrap_or_else(|| Stream::file(reader)));
        }
        // A program before this one may write errors into a substitution. Then this shell has to read, and nothing else.
        let entangled = stream::captures(&self.table).iter().any(|capture| capture.is_open());
        if entangled {
            members.push(self.member(last, input.take(), None, false));
        } else {
            let input = input.take();
            let status = self.subshell(|shell| {
                if let (Some(entry), Some(input)) = (shell.table.get_mut(0), input) {
                    *entry = Some(input);
                }
                shell.command(last)
            });
            members.push(Member::Done(status));
        }
        let mut statuses = Vec::new();
        for member in members {
            statuses.push(match member {
                Member::Process(process) => self.await_process(process)?,
                Member::Done(status) => status,
            });
        }
        let failed = statuses.iter().rev().copied().find(|status| *status != 0);
        let last = statuses.last().copied().unwrap_or(0);
        Ok(if self.state.options.pipe_fail { failed.unwrap_or(0) } else { last })
    }

    /// Starts a member. What it does to the state stays its own.
    fn member(&mut self, command: &Rc<Command>, input: Option<Stream>, output: Option<Stream>, inline: bool) -> Member {
        let (state, table) = (self.state.clone(), self.table.clone());
        for (number, stream) in [(0, input), (1, output)] {
            if let (Some(entry), Some(stream)) = (self.table.get_mut(number), stream) {
                *entry = Some(stream);
            }
        }
        let conditions = self.conditions;
        let member = self.start(command, inline);
        self.conditions = conditions;
        self.state = state;
        self.table = table;
        member.unwrap_or_else(|flow| match flow {
            Flow::Exit(status) | Flow::Abort(status) | Flow::Return(status) => Member::Done(status),
            Flow::Break(_) | Flow::Continue(_) => Member::Done(0),
        })
    }

    fn start(&mut self, command: &Rc<Command>, inline: bool) -> Result<Member, Flow> {
        self.state.line = command.line;
        let Kind::Simple { assignments, words } = &command.kind else { return self.errand(command) };
        let fields = self.fields(words)?;
        let Some(name) = fields.first() else { return self.errand(command) };
        match self.meaning(name) {
            Meaning::Program => {
                if !self.redirect(&command.redirects)? {
                    return Ok(Member::Done(2));
                }
                self.assign_for_now(assignments)?;
                Ok(self.launch(&fields).map_or_else(Member::Done, Member::Process))
            }
            Meaning::Special(_) | Meaning::Builtin(_) if inline && builtins::only_writes(name) => {
                self.write_into_pipe(&fields, assignments, &command.redirects)
            }
            _ => self.errand(&Rc::new(expanded(command.line, &fields, assignments, &command.redirects))),
        }
    }

    /// Runs a builtin that only writes, here, as long as the new pipe holds what it writes.
    fn write_into_pipe(
        &mut self,
        fields: &[String],
        assignments: &[(String, Word)],
        redirects: &[Redirect],
    ) -> Result<Member, Flow> {
        let words: Vec<Word> = fields.iter().map(|field| vec![Piece::Quoted(field.clone())]).collect();
        let capture = Rc::new(Capture::default());
        let Some(output) = self.table.get_mut(1) else { return Ok(Member::Done(1)) };
        let pipe = output.replace(Stream::Capture(Rc::clone(&capture)));
        let status = self.subshell(|shell| shell.simple(assignments, &words, redirects));
        let written = capture.take();
        if let Some(output) = self.table.get_mut(1) {
            *output = pipe;
        }
        if written.len() > PIPE_HOLDS {
            let file = self.temporary(&written).map_err(|e| self.abort(&format!("too much output for a pipe: {e}")))?;
            self.instead = Some(Stream::file(file));
            return Ok(Member::Done(status));
        }
        // Nobody reads: then nobody misses it.
        let _ = self.table.get(1).and_then(Option::as_ref).map(|pipe| pipe.write(&written));
        Ok(Member::Done(status))
    }

    /// Starts a child shell for a command.
    fn errand(&mut self, command: &Rc<Command>) -> Result<Member, Flow> {
        let mut state = self.state.clone();
        state.inherited_traps = true;
        state.options.interactive = false;
        state.loops = 0;
        // Where failures do not count here, they do not there.
        state.options.exit_on_error &= self.conditions == 0;
        let errand = Errand { state, command: Rc::clone(command) };
        let errand = serde_json::to_string(&errand).map_err(|e| self.abort(&format!("Cannot fork: {e}")))?;
        let args = match errand.len() > LONGEST_ERRAND {
            false => [self.state.name.clone(), ERRAND.to_owned(), errand],
            true => {
                let path = self.temporary_path(errand.as_bytes());
                let path = path.map_err(|e| self.abort(&format!("Cannot fork: {e}")))?;
                [self.state.name.clone(), ERRAND_FILE.to_owned(), path]
            }
        };
        let shell = self.system.shell();
        match self.spawn(&shell, &args) {
            Ok(process) => Ok(Member::Process(process)),
            Err(e) => Err(self.abort(&format!("Cannot fork: {}: {e:?}", shell.display()))),
        }
    }

    /// Starts a command that nobody waits for.
    pub(crate) fn background(&mut self, item: &Item) -> Run {
        self.reap();
        let table = self.table.clone();
        if !self.state.options.interactive && !self.state.options.monitor {
            // Without job control the background must not take the script's input (XCU 2.9.3).
            let nothing = self.document("").map_err(|why| self.abort(&why))?;
            if let Some(input) = self.table.get_mut(0) {
                *input = Some(nothing);
            }
        }
        let alone = match (item.first.commands.as_slice(), item.rest.is_empty(), item.first.negated) {
            ([one], true, false) => Some(Rc::clone(one)),
            _ => None,
        };
        let command = alone.unwrap_or_else(|| {
            let item = Item { background: false, ..item.clone() };
            Rc::new(Command { line: self.state.line, kind: Kind::Group(vec![item]), redirects: Vec::new() })
        });
        let member = self.member(&command, None, None, false);
        for capture in stream::captures(&self.table) {
            capture.postpone();
        }
        self.table = table;
        let job = match member {
            Member::Process(process) => Job { process, status: None },
            // It failed to start: there is no process, but `wait` shall find its status. No process has the number 0.
            Member::Done(status) => Job { process: 0, status: Some(status) },
        };
        self.state.last_background = Some(job.process);
        if self.state.options.interactive {
            let _ = self.write(2, &format!("[{}] {}\n", self.jobs.len() + 1, job.process));
        }
        self.jobs.push(job);
        Ok(0)
    }

    /// Takes note of jobs that have ended.
    pub(crate) fn reap(&mut self) {
        for job in self.jobs.iter_mut().filter(|job| job.status.is_none()) {
            match self.system.wait(Some(job.process), false) {
                Ok(Some((_, status))) => job.status = Some(status),
                Ok(None) => {}
                Err(_) => job.status = Some(127),
            }
        }
    }
}

/// A command whose words are expanded, so that a child does not do it again.
fn expanded(line: usize, fields: &[String], assignments: &[(String, Word)], redirects: &[Redirect]) -> Command {
    let words = fields.iter().map(|field| vec![Piece::Quoted(field.clone())]).collect();
    Command { line, kind: Kind::Simple { assignments: assignments.to_vec(), words }, redirects: redirects.to_vec() }
}
