//! [`Budget`]: bytes that a guest may use of something.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number of bytes with a limit. Never goes past its limit, whoever takes at the same time.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    /// At most `limit` bytes; `None` is no limit.
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { limit: limit.unwrap_or(u64::MAX), used: AtomicU64::new(0) }
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// Takes at most `bytes`, as many as there are, and says how many.
    pub(super) fn take_up_to(&self, bytes: u64) -> u64 {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let granted = bytes.min(self.limit.saturating_sub(used));
            match self.used.compare_exchange_weak(used, used + granted, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return granted,
                Err(now) => used = now,
            }
        }
    }

    /// Takes all of `bytes` or nothing.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let granted = self.take_up_to(bytes);
        if granted < bytes {
            self.give(granted);
        }
        granted == bytes
    }

    /// Gives bytes back.
    pub(super) fn give(&self, bytes: u64) {
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }

    /// Counts bytes that are there already, even past the limit.
    pub(super) fn add(&self, bytes: u64) {
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_add(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_never_passed() {
        let budget = Budget::new(Some(10));
        assert!(budget.take(7));
        assert!(!budget.take(4));
        assert_eq!(budget.take_up_to(u64::MAX), 3);
        assert_eq!((budget.used(), budget.left()), (10, 0));
        budget.give(u64::MAX);
        assert_eq!(budget.used(), 0);
    }
}
