//! [`Table`]: which processes a container has, whose children they are, and who waits for whom.
//!
//! Process 1 is the first program and has an entry from the beginning. A process that ended stays until its parent asked
//! for its status, and counts until then. One that has no parent to ask (it was started from outside, its parent ended, or
//! gave it up) is gone at once; process 1 is shown as its parent, but need not wait for it. Numbers are not used again before
//! all others were.
//!
//! A state machine without clocks, tasks or locks; what is to be woken is given back to the caller.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::Stop;

/// The number of the first program.
pub(crate) const FIRST: u32 = 1;

/// The largest number of a process; languages keep it in a signed integer.
const LAST: u32 = i32::MAX.cast_unsigned();

/// Why no process can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many as there may be.
    Full,
    /// The first program ended, or is ending.
    Closed,
}

/// The processes of one container; `P` is what there is of a running one.
#[derive(Debug)]
pub(crate) struct Table<P> {
    entries: BTreeMap<u32, Entry<P>>,
    limit: usize,
    next: u32,
    closed: bool,
    /// Whoever waits until only the first is left.
    closers: Vec<Waker>,
}

#[derive(Debug)]
struct Entry<P> {
    parent: u32,
    /// Nobody will ask for its status.
    detached: bool,
    /// It started a process.
    parented: bool,
    state: State<P>,
    /// Whoever waits for one of its children.
    waiters: Vec<Waker>,
}

#[derive(Debug)]
enum State<P> {
    /// It is being started; a request to stop it waits.
    Starting { stop: Option<Stop> },
    /// It runs. The first program has nothing here.
    Running(Option<P>),
    /// It ended with this status.
    Ended(u8),
}

/// What a look for an ended child gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// This child ended with this status, and is gone now.
    Ended(u32, u8),
    /// None has ended yet.
    Running,
    /// There is no such child.
    NoChild,
}

/// What a number stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<P> {
    First,
    Running(P),
    /// It is not started yet; a request to stop it was noted.
    Starting,
    Ended,
}

impl<P: Clone> Table<P> {
    /// At most `limit` processes, the first included.
    pub(crate) fn new(limit: u32) -> Self {
        let first =
            Entry { parent: 0, detached: true, parented: false, state: State::Running(None), waiters: Vec::new() };
        Self {
            entries: BTreeMap::from([(FIRST, first)]),
            limit: limit as usize,
            next: FIRST + 1,
            closed: false,
            closers: Vec::new(),
        }
    }

    /// A number for a process that is about to be started. `detached`: nobody will ask for its status.
    pub(crate) fn claim(&mut self, parent: u32, detached: bool) -> Result<u32, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        if self.entries.len() >= self.limit {
            return Err(Refused::Full);
        }
        // There are fewer entries than numbers.
        while self.entries.contains_key(&self.next) {
            self.next = if self.next >= LAST { FIRST + 1 } else { self.next + 1 };
        }
        let pid = self.next;
        self.next = if pid >= LAST { FIRST + 1 } else { pid + 1 };
        let state = State::Starting { stop: None };
        self.entries.insert(pid, Entry { parent, detached, parented: false, state, waiters: Vec::new() });
        if let Some(parent) = self.entries.get_mut(&parent) {
            parent.parented = true;
        }
        Ok(pid)
    }

    /// A process was started. What is given back it is to be asked at once.
    pub(crate) fn started(&mut self, pid: u32, process: P) -> Option<Stop> {
        let closed = self.closed.then_some(Stop::Kill);
        let Some(entry) = self.entries.get_mut(&pid) else { return closed };
        let stop = if let State::Starting { stop } = entry.state { stop } else { None };
        entry.state = State::Running(Some(process));
        stop.or(closed)
    }

    /// A process could not be started.
    #[must_use = "who is to be woken"]
    pub(crate) fn release(&mut self, pid: u32) -> Vec<Waker> {
        self.entries.remove(&pid);
        self.emptied()
    }

    /// A process ended.
    #[must_use = "who is to be woken"]
    pub(crate) fn ended(&mut self, pid: u32, status: u8) -> Vec<Waker> {
        if pid == FIRST {
            return Vec::new();
        }
        self.orphan(pid);
        let Some(entry) = self.entries.get_mut(&pid) else { return Vec::new() };
        let (parent, detached) = (entry.parent, entry.detached);
        entry.state = State::Ended(status);
        let mut wakers = std::mem::take(&mut entry.waiters);
        if detached {
            self.entries.remove(&pid);
        } else if let Some(parent) = self.entries.get_mut(&parent) {
            wakers.append(&mut parent.waiters);
        }
        wakers.append(&mut self.emptied());
        wakers
    }

    /// The children of a process that ended have no parent.
    fn orphan(&mut self, pid: u32) {
        self.entries.retain(|_, child| {
            if child.parent != pid {
                return true;
            }
            child.parent = FIRST;
            child.detached = true;
            !matches!(child.state, State::Ended(_))
        });
    }

    /// Nobody will ask for the status of this child.
    pub(crate) fn give_up(&mut self, pid: u32) {
        let Some(entry) = self.entries.get_mut(&pid) else { return };
        entry.detached = true;
        if matches!(entry.state, State::Ended(_)) {
            self.entries.remove(&pid);
        }
    }

    /// Takes the status of a child that ended: of this one, or of any. `waker` is woken when another look is worth while.
    pub(crate) fn wait(&mut self, parent: u32, which: Option<u32>, waker: Option<&Waker>) -> Waited {
        let mut children = self.entries.iter().filter(|(pid, entry)| {
            entry.parent == parent && !entry.detached && which.is_none_or(|which| which == **pid)
        });
        let mut any = false;
        let ended = children.find_map(|(pid, entry)| {
            any = true;
            if let State::Ended(status) = entry.state { Some((*pid, status)) } else { None }
        });
        if let Some((pid, status)) = ended {
            self.entries.remove(&pid);
            return Waited::Ended(pid, status);
        }
        if !any {
            return Waited::NoChild;
        }
        if let (Some(waker), Some(parent)) = (waker, self.entries.get_mut(&parent)) {
            remember(&mut parent.waiters, waker);
        }
        Waited::Running
    }

    /// The status of a child, if it ended; it stays. `waker` as in [`Self::wait`].
    pub(crate) fn peek(&mut self, pid: u32, waker: Option<&Waker>) -> Option<u8> {
        let entry = self.entries.get(&pid)?;
        if let State::Ended(status) = entry.state {
            return Some(status);
        }
        let parent = entry.parent;
        if let (Some(waker), Some(parent)) = (waker, self.entries.get_mut(&parent)) {
            remember(&mut parent.waiters, waker);
        }
        None
    }

    /// What a number stands for; a request to stop what is not started yet is noted.
    pub(crate) fn find(&mut self, pid: u32, why: Option<Stop>) -> Option<Found<P>> {
        let entry = self.entries.get_mut(&pid)?;
        Some(match &mut entry.state {
            State::Running(Some(process)) => Found::Running(process.clone()),
            State::Running(None) => Found::First,
            State::Starting { stop } => {
                *stop = stop.or(why);
                Found::Starting
            }
            State::Ended(_) => Found::Ended,
        })
    }

    /// The number of a process's parent.
    pub(crate) fn parent(&self, pid: u32) -> u32 {
        self.entries.get(&pid).map_or(FIRST, |entry| entry.parent)
    }

    /// The parent and what there is of all that run, in the order of numbers; not the first.
    pub(crate) fn running(&self) -> impl Iterator<Item = (u32, &P)> {
        self.entries.values().filter_map(|entry| match &entry.state {
            State::Running(Some(process)) => Some((entry.parent, process)),
            State::Starting { .. } | State::Running(None) | State::Ended(_) => None,
        })
    }

    /// Whether it ever started a process.
    pub(crate) fn is_parent(&self, pid: u32) -> bool {
        self.entries.get(&pid).is_some_and(|entry| entry.parented)
    }

    /// All that a process started and that run, and what those started.
    pub(crate) fn descendants(&self, pid: u32) -> Vec<P> {
        let mut found = Vec::new();
        let mut ancestors = vec![pid];
        while let Some(ancestor) = ancestors.pop() {
            // Orphans are shown as the first's, but are not its own.
            let children = self.entries.iter().filter(|(_, entry)| entry.parent == ancestor && !entry.detached);
            for (child, entry) in children {
                ancestors.push(*child);
                if let State::Running(Some(process)) = &entry.state {
                    found.push(process.clone());
                }
            }
        }
        found
    }

    /// Starts no more, and gives what runs, to be ended.
    pub(crate) fn close(&mut self) -> Vec<P> {
        self.closed = true;
        self.running().map(|(_, process)| process.clone()).collect()
    }

    /// Whether nothing but the first runs or is being started. If not, `waker` is woken when it is so.
    pub(crate) fn is_alone(&mut self, waker: &Waker) -> bool {
        let alone = self.alone();
        if !alone {
            remember(&mut self.closers, waker);
        }
        alone
    }

    fn alone(&self) -> bool {
        self.entries.iter().all(|(pid, entry)| *pid == FIRST || matches!(entry.state, State::Ended(_)))
    }

    fn emptied(&mut self) -> Vec<Waker> {
        if self.closers.is_empty() || !self.alone() { Vec::new() } else { std::mem::take(&mut self.closers) }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Remembers a waker, once.
pub(crate) fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|other| other.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

#[cfg(test)]
mod tests;
