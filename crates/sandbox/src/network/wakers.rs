//! [`Wakers`]: who waits for something to happen.

use std::task::{Context, Waker};

/// Waiters that one thing may have; past it the oldest is woken, so that it looks again.
const MAX_WAKERS: usize = 32;

/// Who waits for something to happen. Mostly there is one, and it allocates nothing then.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    /// Wakes whoever polls with `cx` at the next [`Self::wake`].
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        let waker = cx.waker();
        match &mut self.first {
            None => self.first = Some(waker.clone()),
            Some(first) if first.will_wake(waker) => {}
            Some(_) if self.more.iter().any(|other| other.will_wake(waker)) => {}
            Some(_) => {
                if self.more.len() >= MAX_WAKERS {
                    self.more.swap_remove(0).wake();
                }
                self.more.push(waker.clone());
            }
        }
    }

    /// All who wait; the caller wakes them when it holds no lock.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Wakes all.
    pub(super) fn wake(self) {
        self.first.into_iter().chain(self.more).for_each(Waker::wake);
    }
}
