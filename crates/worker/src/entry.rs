//! [`Entry`]: one guest of a worker, from its start until its owner forgets it.

use std::sync::Arc;

use parking_lot::Mutex;
use sprat_sandbox::{Exit, Stop, Usage};

use crate::host::Running;
use crate::stdio::Streams;
use crate::terminal::Terminal;
use crate::{GuestId, GuestState, GuestStatus};

/// One guest.
#[derive(Debug)]
pub(crate) struct Entry<G> {
    pub(crate) id: GuestId,
    pub(crate) started_ns: i64,
    /// The guest in whose container it runs, if it is a further process.
    pub(crate) within: Option<GuestId>,
    phase: Mutex<Phase<G>>,
}

#[derive(Debug)]
enum Phase<G> {
    /// It is being started; a request to stop it waits.
    Starting { live: Live, stop: Option<Stop> },
    /// It runs.
    Running { live: Live, guest: G, paused: bool },
    /// It ended.
    Exited { exit: Exit, at_ns: i64, usage: Usage },
}

/// What a guest has until it ends.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) streams: Arc<Streams>,
    pub(crate) terminal: Option<Arc<Terminal>>,
}

/// The guest has ended; what was asked of it makes no sense any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

impl<G: Running> Entry<G> {
    /// A guest that is about to be started.
    pub(crate) const fn starting(id: GuestId, within: Option<GuestId>, started_ns: i64, live: Live) -> Self {
        Self { id, started_ns, within, phase: Mutex::new(Phase::Starting { live, stop: None }) }
    }

    /// A guest of an earlier worker, from its journal.
    pub(crate) const fn recorded(id: GuestId, exit: Exit, at_ns: i64, usage: Usage) -> Self {
        Self { id, started_ns: 0, within: None, phase: Mutex::new(Phase::Exited { exit, at_ns, usage }) }
    }

    /// It was started. Passes on the request to stop that came meanwhile.
    pub(crate) fn started(&self, guest: G) {
        let mut phase = self.phase.lock();
        if let Phase::Starting { live, stop } = &*phase {
            if let Some(why) = stop {
                guest.stop(*why);
            }
            *phase = Phase::Running { live: live.clone(), guest, paused: false };
        }
    }

    /// Asks it to end.
    pub(crate) fn stop(&self, why: Stop) -> Result<(), Ended> {
        match &mut *self.phase.lock() {
            Phase::Starting { stop, .. } => {
                stop.get_or_insert(why);
                Ok(())
            }
            Phase::Running { guest, .. } => {
                guest.stop(why);
                Ok(())
            }
            Phase::Exited { .. } => Err(Ended),
        }
    }

    /// Holds it, or lets it go on.
    pub(crate) fn pause(&self, hold: bool) -> Result<(), Ended> {
        match &mut *self.phase.lock() {
            Phase::Starting { .. } => Ok(()),
            Phase::Running { guest, paused, .. } => {
                guest.pause(hold);
                *paused = hold;
                Ok(())
            }
            Phase::Exited { .. } => Err(Ended),
        }
    }

    /// What it has until it ends.
    pub(crate) fn live(&self) -> Result<Live, Ended> {
        match &*self.phase.lock() {
            Phase::Starting { live, .. } | Phase::Running { live, .. } => Ok(live.clone()),
            Phase::Exited { .. } => Err(Ended),
        }
    }

    /// The guest itself, while it runs.
    pub(crate) fn guest(&self) -> Option<G> {
        match &*self.phase.lock() {
            Phase::Running { guest, .. } => Some(guest.clone()),
            Phase::Starting { .. } | Phase::Exited { .. } => None,
        }
    }

    /// Notes its end, once; what `record` does happens before anybody can see it. `None`: it had ended already.
    pub(crate) fn ended(&self, exit: Exit, at_ns: i64, record: impl FnOnce(&Exit)) -> Option<Usage> {
        let mut phase = self.phase.lock();
        let usage = match &*phase {
            Phase::Starting { .. } => Usage::default(),
            Phase::Running { guest, .. } => guest.usage(),
            Phase::Exited { .. } => return None,
        };
        record(&exit);
        *phase = Phase::Exited { exit, at_ns, usage };
        Some(usage)
    }

    /// Whether it ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(&*self.phase.lock(), Phase::Exited { .. })
    }

    /// What it uses, or used in all.
    pub(crate) fn usage(&self) -> Usage {
        match &*self.phase.lock() {
            Phase::Starting { .. } => Usage::default(),
            Phase::Running { guest, .. } => guest.usage(),
            Phase::Exited { usage, .. } => *usage,
        }
    }

    /// Where it stands.
    pub(crate) fn status(&self) -> GuestStatus {
        let (state, usage) = match &*self.phase.lock() {
            Phase::Starting { .. } => (GuestState::Running, Usage::default()),
            Phase::Running { guest, paused: false, .. } => (GuestState::Running, guest.usage()),
            Phase::Running { guest, paused: true, .. } => (GuestState::Paused, guest.usage()),
            Phase::Exited { exit, at_ns, usage } => (GuestState::Exited { exit: exit.clone(), at_ns: *at_ns }, *usage),
        };
        GuestStatus { id: self.id.clone(), state, started_ns: self.started_ns, usage, within: self.within.clone() }
    }
}
