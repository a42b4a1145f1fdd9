//! [`Tombstones`]: how containers ended that removed themselves just now.
//!
//! A container may run, end and be removed within a millisecond, before the client that started it can ask for its exit
//! status. So whoever waits for one that is gone by `--rm` is still told, for a while. Only `wait` looks here; for anybody
//! else it does not exist. Nothing of it is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ContainerId;

/// Ends that are remembered.
const MOST: usize = 1_000;
/// How long each is.
const KEPT: Duration = Duration::from_secs(60);
/// Bytes kept of the reason of a failed start.
const REASON_BYTES: usize = 1_024;

/// An exit status, and why there was no run if there was none.
pub(crate) type Outcome = (i64, Option<String>);

/// How containers ended that removed themselves just now; the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tombstones(Mutex<VecDeque<Tombstone>>);

#[derive(Debug)]
struct Tombstone {
    id: ContainerId,
    name: Arc<str>,
    outcome: Outcome,
    removed: Instant,
}

impl Tombstones {
    /// Remembers how a container ended.
    pub(crate) fn bury(&self, id: ContainerId, name: Arc<str>, (code, reason): Outcome) {
        self.bury_at(Instant::now(), id, name, (code, reason));
    }

    /// How the container with this id, name or short id ended; of several the last that was removed.
    pub(crate) fn outcome(&self, name: &str) -> Option<Outcome> {
        self.outcome_at(Instant::now(), name)
    }

    fn bury_at(&self, now: Instant, id: ContainerId, name: Arc<str>, (code, reason): Outcome) {
        let reason = reason.map(|mut reason| {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES));
            reason
        });
        let mut all = self.0.lock();
        forget_old(&mut all, now);
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back(Tombstone { id, name, outcome: (code, reason), removed: now });
    }

    fn outcome_at(&self, now: Instant, name: &str) -> Option<Outcome> {
        let mut all = self.0.lock();
        forget_old(&mut all, now);
        let plain = name.strip_prefix('/').unwrap_or(name);
        if let Some(named) = all.iter().rev().find(|tomb| *tomb.name == *plain) {
            return Some(named.outcome.clone());
        }
        let ids = ContainerId::range(name)?;
        let mut of_id = all.iter().filter(|tomb| ids.contains(&tomb.id));
        let found = of_id.next()?;
        // A short id that could be either's is nobody's.
        of_id.next().is_none().then(|| found.outcome.clone())
    }
}

fn forget_old(all: &mut VecDeque<Tombstone>, now: Instant) {
    while all.front().is_some_and(|oldest| now.saturating_duration_since(oldest.removed) >= KEPT) {
        all.pop_front();
    }
    if all.is_empty() {
        *all = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_found_by_id_short_id_and_name_and_the_last_of_a_name_counts() {
        let tombs = Tombstones::default();
        let (first, second) = (ContainerId::random(), ContainerId::random());
        tombs.bury(first, "bass".into(), (3, None));
        tombs.bury(second, "bass".into(), (4, Some("no such program".to_owned())));
        assert_eq!(tombs.outcome(&first.to_string()), Some((3, None)));
        assert_eq!(tombs.outcome(&first.short()), Some((3, None)));
        for name in ["bass", "/bass"] {
            assert_eq!(tombs.outcome(name), Some((4, Some("no such program".to_owned()))));
        }
        for name in ["", "/", "cod", "bas"] {
            assert_eq!(tombs.outcome(name), None, "{name:?}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_none_for_longer_than_its_time() {
        let name = |number: usize| Arc::<str>::from(format!("cod{number}"));
        let tombs = Tombstones::default();
        let begin = Instant::now();
        for number in 0..=MOST {
            tombs.bury_at(begin, ContainerId::random(), name(number), (0, Some("é".repeat(REASON_BYTES))));
        }
        assert_eq!(tombs.outcome_at(begin, &name(0)), None);
        assert!(tombs.outcome_at(begin, &name(1)).is_some());
        let last = Duration::from_nanos(1);
        let (_, reason) = tombs.outcome_at(begin + KEPT - last, &name(MOST)).unwrap();
        assert_eq!(reason.unwrap().len(), REASON_BYTES);
        assert_eq!(tombs.outcome_at(begin + KEPT, &name(MOST)), None);
        assert_eq!(tombs.0.lock().capacity(), 0);
    }
}
