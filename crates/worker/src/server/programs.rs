//! The programs that guests want to start: the owner knows them.
//!
//! A question goes to the owner as an event with a ticket, and waits for the answer. It is asked again when a new owner
//! comes. Without an owner it is refused at once: what a container started before the sandbox remembers, and asks nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sprat_sandbox::{ProgramSpec, Resolver, Resolving, Stop, Unresolved, Wanted};
use tokio::sync::oneshot;

use super::Server;
use super::connection::send;
use crate::GuestId;
use crate::host::Host;
use crate::outbox::Outbox;
use crate::wire::{Payload, Refusal, SupplyRequest, WantedProgram, code};

/// Questions that may wait at once.
const QUESTIONS: usize = 1024;

/// How long a question waits for its answer: long enough to compile a large program.
const PATIENCE: Duration = Duration::from_secs(120);

type Answer = Result<ProgramSpec, Unresolved>;

/// Questions that wait for the owner's answer.
#[derive(Debug, Default)]
pub(super) struct Questions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    waiting: BTreeMap<u64, (WantedProgram, oneshot::Sender<Answer>)>,
}

/// A question that waits; it does so no more when this is dropped.
struct Question<'a> {
    questions: &'a Questions,
    ticket: u64,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.questions.state.lock().waiting.remove(&self.ticket);
    }
}

impl Questions {
    /// `None`: too many wait already.
    fn open(&self, id: &str, wanted: Wanted) -> Option<(Question<'_>, WantedProgram, oneshot::Receiver<Answer>)> {
        let mut state = self.state.lock();
        if state.waiting.len() >= QUESTIONS {
            return None;
        }
        state.last += 1;
        let (answer, answered) = oneshot::channel();
        let event = WantedProgram { ticket: state.last, id: id.to_owned(), wanted };
        state.waiting.insert(event.ticket, (event.clone(), answer));
        Some((Question { questions: self, ticket: event.ticket }, event, answered))
    }

    fn all(&self) -> Vec<WantedProgram> {
        self.state.lock().waiting.values().map(|(event, _)| event.clone()).collect()
    }

    fn answer(&self, request: SupplyRequest) -> Result<(), Refusal> {
        let gone =
            || Refusal::new(code::NO_SUCH_TICKET, format!("nobody waits for answer {} any more", request.ticket));
        let (_, waiting) = self.state.lock().waiting.remove(&request.ticket).ok_or_else(gone)?;
        waiting.send(request.answer).map_err(|_| gone())
    }
}

impl<H: Host> Server<H> {
    /// Answers a guest that wants to start a program.
    pub(super) fn supply(&self, request: SupplyRequest) -> Result<(), Refusal> {
        self.questions.answer(request)
    }

    /// Waits until there is no owner.
    #[cfg(test)]
    pub(crate) async fn disowned(&self) {
        while self.owner.lock().is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// Asks a new owner what the one before it did not answer.
    pub(super) fn ask_again(&self, owner: &Outbox) {
        for event in self.questions.all() {
            send(owner, 0, Payload::Wanted(event));
        }
    }

    async fn ask(&self, id: &str, wanted: Wanted) -> Answer {
        let unavailable = |what: &str| Err(Unresolved::Unavailable(what.to_owned()));
        let Some((_question, event, answered)) = self.questions.open(id, wanted) else {
            return unavailable("too many programs are waited for in this worker; try again later");
        };
        // After the question is there: an owner that comes meanwhile asks for all that are.
        let Some(owner) = self.owner.lock().clone() else {
            return unavailable("the daemon does not run, and only it knows this program; start it and try again");
        };
        send(&owner, 0, Payload::Wanted(event));
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            _ => unavailable("the daemon did not say in time what this program is; try again"),
        }
    }
}

/// Asks the owner for one guest.
pub(super) struct Asker<H: Host> {
    pub(super) server: Weak<Server<H>>,
    pub(super) id: GuestId,
}

impl<H: Host> std::fmt::Debug for Asker<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<H: Host> Resolver for Asker<H> {
    fn resolve(&self, wanted: Wanted) -> Resolving<'_> {
        let server = self.server.clone();
        Box::pin(async move {
            let Some(server) = server.upgrade() else {
                return Err(Unresolved::Unavailable("the worker is ending".to_owned()));
            };
            server.ask(&self.id, wanted).await
        })
    }

    fn stop_first(&self, why: Stop) {
        // Where it can be interrupted the sandbox has done so.
        if let Some(server) = self.server.upgrade().filter(|server| !server.options.shared) {
            // It may have ended just now.
            let _: Result<(), Refusal> = Arc::clone(&server).stop(&self.id, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use sprat_sandbox::User;

    use super::*;

    #[test]
    fn questions_past_the_limit_are_not_asked_until_one_is_answered_or_given_up() {
        let questions = Questions::default();
        let wanted = || Wanted { path: "/bin/sh".into(), user: User::default() };
        let mut open: Vec<_> = (0..QUESTIONS).map(|_| questions.open("a", wanted()).expect("a place")).collect();
        assert!(questions.open("a", wanted()).is_none());
        let ticket = open[7].1.ticket;
        let answer = || SupplyRequest { ticket, answer: Err(Unresolved::NotFound) };
        questions.answer(answer()).expect("somebody waits");
        assert_eq!(questions.answer(answer()).expect_err("nobody waits").code, code::NO_SUCH_TICKET);
        open.push(questions.open("a", wanted()).expect("a place"));
        assert!(questions.open("a", wanted()).is_none());
        drop(open);
        assert!(questions.all().is_empty());
    }
}
