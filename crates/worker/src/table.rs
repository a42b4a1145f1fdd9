//! [`Table`]: all guests of a worker by id, and the attachments that came before their guest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::entry::Entry;
use crate::host::Running;
use crate::stdio::Streams;
use crate::wire::{ListPage, Refusal, code};
use crate::{GuestId, GuestState};

/// Ids that may have attachments but no guest.
const AWAITED: usize = 4096;

/// Guests in one answer to `list`.
const PAGE_GUESTS: usize = 1000;

/// Text of exits in one answer to `list`, in bytes.
const PAGE_BYTES: usize = 1 << 20;

/// All guests of a worker.
#[derive(Debug)]
pub(crate) struct Table<G> {
    slots: Mutex<Slots<G>>,
}

#[derive(Debug)]
struct Slots<G> {
    guests: BTreeMap<GuestId, Arc<Entry<G>>>,
    awaited: BTreeMap<GuestId, Arc<Streams>>,
    /// The further processes of each container that has some.
    further: BTreeMap<GuestId, BTreeSet<GuestId>>,
}

impl<G> Slots<G> {
    fn remove(&mut self, id: &str) -> Option<Arc<Entry<G>>> {
        let entry = self.guests.remove(id)?;
        if let Some(container) = &entry.within
            && let Some(further) = self.further.get_mut(container)
        {
            further.remove(id);
            if further.is_empty() {
                self.further.remove(container);
            }
        }
        Some(entry)
    }
}

impl<G: Running> Table<G> {
    pub(crate) fn new(recorded: impl Iterator<Item = Entry<G>>) -> Self {
        let guests = recorded.map(|entry| (entry.id.clone(), Arc::new(entry))).collect();
        Self { slots: Mutex::new(Slots { guests, awaited: BTreeMap::new(), further: BTreeMap::new() }) }
    }

    /// Takes a place for a guest, or for a further process of a container; `make` is given the streams that attachments already wait on.
    pub(crate) fn claim(
        &self,
        id: &str,
        within: Option<&str>,
        make: impl FnOnce(Arc<Streams>) -> Result<Entry<G>, Refusal>,
    ) -> Result<Arc<Entry<G>>, Refusal> {
        let mut slots = self.slots.lock();
        if let Some(other) = slots.guests.get(id) {
            let what = if other.has_ended() { "is not forgotten yet" } else { "runs already" };
            return Err(Refusal::new(code::ID_TAKEN, format!("guest {id} {what}")));
        }
        let streams = slots.awaited.remove(id).unwrap_or_default();
        let entry = Arc::new(make(streams)?);
        slots.guests.insert(id.to_owned(), Arc::clone(&entry));
        if let Some(container) = within {
            slots.further.entry(container.to_owned()).or_default().insert(id.to_owned());
        }
        Ok(entry)
    }

    /// Gives back the place of a guest that could not be started.
    pub(crate) fn release(&self, id: &str) {
        self.slots.lock().remove(id);
    }

    /// A guest ended. A further process whose container is forgotten already nobody will forget.
    pub(crate) fn ended(&self, entry: &Entry<G>) {
        let Some(container) = &entry.within else { return };
        let mut slots = self.slots.lock();
        if !slots.guests.contains_key(container) {
            slots.remove(&entry.id);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Result<Arc<Entry<G>>, Refusal> {
        self.slots
            .lock()
            .guests
            .get(id)
            .cloned()
            .ok_or_else(|| Refusal::new(code::NO_SUCH_GUEST, format!("this worker has no guest {id}")))
    }

    /// The streams of a guest that runs or will be started.
    pub(crate) fn streams(&self, id: &str) -> Result<Arc<Streams>, Refusal> {
        let mut slots = self.slots.lock();
        if let Some(entry) = slots.guests.get(id) {
            let ended = |_| Refusal::new(code::ENDED, format!("guest {id} has ended"));
            return Ok(entry.live().map_err(ended)?.streams);
        }
        if slots.awaited.len() >= AWAITED && !slots.awaited.contains_key(id) {
            let message = format!("{AWAITED} guests that are not started have attachments; start or detach some");
            return Err(Refusal::new(code::BUSY, message));
        }
        Ok(Arc::clone(slots.awaited.entry(id.to_owned()).or_default()))
    }

    /// The last attachment of a guest went; if it never was started nothing of it stays.
    pub(crate) fn unattended(&self, id: &str, streams: &Arc<Streams>) {
        let mut slots = self.slots.lock();
        if slots.awaited.get(id).is_some_and(|awaited| Arc::ptr_eq(awaited, streams) && !streams.is_attached()) {
            slots.awaited.remove(id);
        }
    }

    /// Drops a guest that ended, with the further processes of its container that ended, or ends the attachments of one
    /// that never was started. False: no guest with a recorded exit was dropped.
    pub(crate) fn forget(&self, id: &str) -> Result<bool, Refusal> {
        let mut slots = self.slots.lock();
        match slots.guests.get(id) {
            None => {
                let awaited = slots.awaited.remove(id);
                drop(slots);
                if let Some(streams) = awaited {
                    streams.finish();
                }
                Ok(false)
            }
            Some(entry) if entry.has_ended() => {
                let recorded = entry.within.is_none();
                slots.remove(id);
                for further in slots.further.get(id).cloned().unwrap_or_default() {
                    if slots.guests.get(&further).is_some_and(|entry| entry.has_ended()) {
                        slots.remove(&further);
                    }
                }
                Ok(recorded)
            }
            Some(_) => Err(Refusal::new(code::STILL_RUNNING, format!("guest {id} still runs; stop it first"))),
        }
    }

    pub(crate) fn list(&self, after: Option<&str>) -> ListPage {
        let slots = self.slots.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = ListPage { guests: Vec::new(), more: false };
        let mut bytes = 0;
        for (_, entry) in slots.guests.range::<str, _>((from, Bound::Unbounded)) {
            if page.guests.len() >= PAGE_GUESTS || bytes >= PAGE_BYTES {
                page.more = true;
                break;
            }
            let status = entry.status();
            bytes += match &status.state {
                GuestState::Exited { exit, .. } => exit_text(exit).len(),
                GuestState::Running | GuestState::Paused => 0,
            };
            page.guests.push(status);
        }
        page
    }

    /// The guests that have not ended.
    pub(crate) fn living(&self) -> Vec<Arc<Entry<G>>> {
        self.slots.lock().guests.values().filter(|entry| !entry.has_ended()).cloned().collect()
    }
}

fn exit_text(exit: &sprat_sandbox::Exit) -> &str {
    use sprat_sandbox::Exit;
    match exit {
        Exit::Trap(text) | Exit::OutOfMemory(text) | Exit::Failed(text) => text,
        Exit::Code(_) | Exit::Signalled(_) | Exit::TimedOut => "",
    }
}
