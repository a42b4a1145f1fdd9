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
    /// It is being started; requests to stop and to hold it wait.
    Starting { live: Live, stop: Option<Stop>, paused: bool },
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
        Self { id, started_ns, within, phase: Mutex::new(Phase::Starting { live, stop: None, paused: false }) }
    }

    /// A guest of an earlier worker, from its journal.
    pub(crate) const fn recorded(id: GuestId, exit: Exit, at_ns: i64, usage: Usage) -> Self {
        Self { id, started_ns: 0, within: None, phase: Mutex::new(Phase::Exited { exit, at_ns, usage }) }
    }

    /// It was started. Passes on the requests that came meanwhile.
    pub(crate) fn started(&self, guest: G) {
        let mut phase = self.phase.lock();
        if let Phase::Starting { live, stop, paused } = &*phase {
            let paused = *paused;
            if paused {
                guest.pause(true);
            }
            if let Some(why) = stop {
                guest.stop(*why);
            }
            *phase = Phase::Running { live: live.clone(), guest, paused };
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
            Phase::Starting { paused, .. } => {
                *paused = hold;
                Ok(())
            }
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
            Phase::Starting { paused: false, .. } => (GuestState::Running, Usage::default()),
            Phase::Starting { paused: true, .. } => (GuestState::Paused, Usage::default()),
            Phase::Running { guest, paused: false, .. } => (GuestState::Running, guest.usage()),
            Phase::Running { guest, paused: true, .. } => (GuestState::Paused, guest.usage()),
            Phase::Exited { exit, at_ns, usage } => (GuestState::Exited { exit: exit.clone(), at_ns: *at_ns }, *usage),
        };
        GuestStatus { id: self.id.clone(), state, started_ns: self.started_ns, usage, within: self.within.clone() }
    }
}

#[cfg(test)]
mod tests {
    use sprat_sandbox::{EndpointSpec, NetworkError, ProcessStatus};

    use super::*;

    /// Remembers what it was told.
    #[derive(Debug, Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Running for Told {
        fn stop(&self, why: Stop) {
            self.0.lock().push(format!("{why:?}"));
        }

        async fn wait(&self) -> Exit {
            Exit::Code(0)
        }

        fn usage(&self) -> Usage {
            Usage::default()
        }

        fn pause(&self, paused: bool) {
            self.0.lock().push(format!("paused: {paused}"));
        }

        fn connect(&self, endpoint: EndpointSpec) -> Result<(), NetworkError> {
            Err(NetworkError::NotVirtual(endpoint.network))
        }

        fn disconnect(&self, network: &str) -> Result<(), NetworkError> {
            Err(NetworkError::NotThere(network.to_owned()))
        }

        fn refresh(&self) {}

        fn pid(&self) -> u32 {
            1
        }

        fn processes(&self) -> Vec<ProcessStatus> {
            Vec::new()
        }

        fn interrupt_children(&self) -> bool {
            false
        }
    }

    #[test]
    fn what_is_asked_during_a_start_is_done_after_it() {
        let live = Live { streams: Arc::default(), terminal: None };
        let (entry, guest) = (Entry::starting("bass".to_owned(), None, 0, live), Told::default());
        for hold in [true, false, true] {
            entry.pause(hold).unwrap();
        }
        assert_eq!(entry.status().state, GuestState::Paused);
        entry.stop(Stop::Terminate).unwrap();
        entry.started(guest.clone());
        assert_eq!(*guest.0.lock(), ["paused: true", "Terminate"]);
        assert_eq!(entry.status().state, GuestState::Paused);
    }
}
