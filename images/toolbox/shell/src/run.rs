//! Lists and compound commands (POSIX.1-2017, XCU 2.9).

use std::rc::Rc;

use crate::shell::{Flow, Run, Shell};
use crate::syntax::{Arm, Command, Connector, Item, Kind, List, Pipeline, Word};

impl Shell {
    /// Runs commands one after another.
    pub(crate) fn list(&mut self, list: &[Item]) -> Run {
        let mut status = 0;
        for item in list {
            if self.state.options.no_execute && !self.state.options.interactive {
                return Ok(0);
            }
            status = if item.background { self.background(item)? } else { self.item(item)? };
            self.state.status = status;
        }
        Ok(status)
    }

    /// Pipelines joined by `&&` and `||`.
    pub(crate) fn item(&mut self, item: &Item) -> Run {
        let last = item.rest.len();
        let mut status = self.connected(&item.first, last == 0)?;
        for (number, (connector, pipeline)) in item.rest.iter().enumerate() {
            let wanted = match connector {
                Connector::And => status == 0,
                Connector::Or => status != 0,
            };
            if wanted {
                status = self.connected(pipeline, number + 1 == last)?;
            }
        }
        Ok(status)
    }

    /// A pipeline; only the last one's failure counts for `set -e`, and not behind `!`.
    fn connected(&mut self, pipeline: &Pipeline, last: bool) -> Run {
        let condition = usize::from(!last || pipeline.negated);
        self.conditions += condition;
        let result = self.pipeline(pipeline);
        self.conditions -= condition;
        let status = match result? {
            status if pipeline.negated => i32::from(status == 0),
            status => status,
        };
        self.state.status = status;
        let fails = status != 0 && !pipeline.negated && self.state.options.exit_on_error;
        if fails && last && self.conditions == 0 {
            return Err(Flow::Exit(status));
        }
        Ok(status)
    }

    /// A command, in this shell.
    pub(crate) fn command(&mut self, command: &Command) -> Run {
        self.state.line = command.line;
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, &command.redirects);
        }
        if command.redirects.is_empty() {
            return self.compound(&command.kind);
        }
        let table = self.table.clone();
        let result = match self.redirect(&command.redirects) {
            Ok(true) => self.compound(&command.kind),
            Ok(false) => Ok(2),
            Err(flow) => Err(flow),
        };
        self.table = table;
        result
    }

    fn compound(&mut self, kind: &Kind) -> Run {
        match kind {
            Kind::Simple { assignments, words } => self.simple(assignments, words, &[]),
            Kind::Group(list) => self.nest(|shell| shell.list(list)),
            Kind::Subshell(list) => self.nest(|shell| Ok(shell.subshell(|shell| shell.list(list)))),
            Kind::If { branches, otherwise } => self.nest(|shell| shell.branch(branches, otherwise.as_ref())),
            Kind::For { name, words, body } => self.nest(|shell| shell.iterate(name, words.as_deref(), body)),
            Kind::Loop { until, condition, body } => self.nest(|shell| shell.repeat(*until, condition, body)),
            Kind::Case { word, arms } => self.nest(|shell| shell.choose(word, arms)),
            Kind::Function { name, body } => {
                self.state.functions.insert(name.clone(), Rc::clone(body));
                Ok(0)
            }
        }
    }

    fn condition(&mut self, list: &List) -> Run {
        self.conditions += 1;
        let result = self.list(list);
        self.conditions -= 1;
        result
    }

    fn branch(&mut self, branches: &[(List, List)], otherwise: Option<&List>) -> Run {
        for (condition, body) in branches {
            if self.condition(condition)? == 0 {
                return self.list(body);
            }
        }
        otherwise.map_or(Ok(0), |body| self.list(body))
    }

    fn iterate(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Run {
        let values = match words {
            Some(words) => self.fields(words)?,
            None => self.state.positional.iter().map(|value| value.to_string()).collect(),
        };
        self.state.loops += 1;
        let mut result = Ok(0);
        for value in values {
            if let Err(flow) = self.assign(name, &value) {
                result = Err(flow);
                break;
            }
            let run = self.list(body);
            if let Some(end) = turn(run, &mut result) {
                result = end;
                break;
            }
        }
        self.state.loops = self.state.loops.saturating_sub(1);
        result
    }

    fn repeat(&mut self, until: bool, condition: &List, body: &List) -> Run {
        self.state.loops += 1;
        let mut result = Ok(0);
        loop {
            let judged = self.condition(condition);
            match judged {
                Ok(status) if (status == 0) == until => break,
                Ok(_) => {
                    let run = self.list(body);
                    if let Some(end) = turn(run, &mut result) {
                        result = end;
                        break;
                    }
                }
                flow => {
                    if let Some(end) = turn(flow, &mut result) {
                        result = end;
                        break;
                    }
                }
            }
        }
        self.state.loops = self.state.loops.saturating_sub(1);
        result
    }

    fn choose(&mut self, word: &Word, arms: &[Arm]) -> Run {
        let value = self.text(word)?;
        let mut arms = arms.iter();
        let mut chosen = None;
        for arm in arms.by_ref() {
            if self.matches(arm, &value)? {
                chosen = Some(arm);
                break;
            }
        }
        let mut status = 0;
        while let Some(arm) = chosen {
            status = self.list(&arm.body)?;
            chosen = if arm.falls_through { arms.next() } else { None };
        }
        Ok(status)
    }

    fn matches(&mut self, arm: &Arm, value: &str) -> Result<bool, Flow> {
        for pattern in &arm.patterns {
            if self.pattern(pattern)?.matches(value) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What one turn of a loop means for the loop: its end, or nothing.
fn turn(run: Run, last: &mut Run) -> Option<Run> {
    match run {
        Ok(status) => {
            *last = Ok(status);
            None
        }
        Err(Flow::Continue(1)) => {
            *last = Ok(0);
            None
        }
        Err(Flow::Break(1)) => Some(Ok(0)),
        Err(Flow::Break(more)) => Some(Err(Flow::Break(more - 1))),
        Err(Flow::Continue(more)) => Some(Err(Flow::Continue(more - 1))),
        Err(flow) => Some(Err(flow)),
    }
}
