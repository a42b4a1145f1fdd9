//! [`Limiter`]: the memory and table limits of one container, over all instances of its processes.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::control::Control;

/// Core instances of one guest; a component has one for each inner module.
const MAX_INSTANCES: usize = 64;

/// Tables of one guest.
const MAX_TABLES: usize = 64;

/// Linear memories of one guest.
const MAX_MEMORIES: usize = 64;

/// Counts what a guest's instances take of what its container may have.
#[derive(Debug)]
pub(crate) struct Limiter {
    control: Arc<Control>,
    memory: u64,
    table: u64,
    /// What the last granted growth added, taken back if the engine could not do it.
    growth: u64,
    /// Some memory was refused.
    denied: bool,
}

impl Limiter {
    /// Limits of the container of a guest.
    pub(crate) const fn new(control: Arc<Control>) -> Self {
        Self { control, memory: 0, table: 0, growth: 0, denied: false }
    }
}

impl Limiter {
    /// Its instances were refused memory.
    pub(crate) const fn denied(&self) -> bool {
        self.denied
    }

    fn deny(&mut self) {
        self.denied = true;
        self.control.deny_memory();
    }

    /// Takes memory that is not linear memory, until the guest ends. False: the limit does not allow it.
    pub(crate) fn charge(&mut self, bytes: u64) -> bool {
        let taken = self.control.group().take_memory(bytes);
        if taken {
            self.memory = self.memory.saturating_add(bytes);
            self.control.set_memory(self.memory);
        }
        taken
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        let group = self.control.group();
        group.give_memory(self.memory);
        group.give_table(self.table);
        self.control.set_memory(0);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = (desired as u64).saturating_sub(current as u64);
        let group = self.control.group();
        if !group.take_memory(growth) {
            self.deny();
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            group.give_memory(growth);
            return Ok(false);
        }
        self.growth = growth;
        self.memory = self.memory.saturating_add(growth);
        self.control.set_memory(self.memory);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let growth = std::mem::take(&mut self.growth);
        self.control.group().give_memory(growth);
        self.memory = self.memory.saturating_sub(growth);
        self.control.set_memory(self.memory);
        self.deny();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = (desired as u64).saturating_sub(current as u64);
        let group = self.control.group();
        if maximum.is_some_and(|maximum| desired > maximum) || !group.take_table(growth) {
            return Ok(false);
        }
        self.table = self.table.saturating_add(growth);
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::control::alone::control;

    const PAGE: usize = 65536;

    fn limiter(pages: usize) -> Limiter {
        let limits = Limits { memory_bytes: (pages * PAGE) as u64, table_elements: 10, ..Limits::default() };
        Limiter::new(control(&limits))
    }

    #[test]
    fn all_memories_count_together() {
        let mut limiter = limiter(4);
        assert!(limiter.memory_growing(0, 2 * PAGE, None).expect("no trap"));
        assert!(limiter.memory_growing(0, 2 * PAGE, None).expect("no trap"));
        assert!(!limiter.control.memory_denied());
        assert!(!limiter.memory_growing(2 * PAGE, 3 * PAGE, None).expect("no trap"));
        assert!(limiter.control.memory_denied());
    }

    #[test]
    fn a_growth_past_the_programs_own_maximum_is_not_the_limits_fault() {
        let mut limiter = limiter(4);
        assert!(!limiter.memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE)).expect("no trap"));
        assert!(!limiter.control.memory_denied());
    }

    #[test]
    fn a_growth_the_host_could_not_do_is_taken_back() {
        let mut limiter = limiter(4);
        assert!(limiter.memory_growing(0, 3 * PAGE, None).expect("no trap"));
        limiter.memory_grow_failed(wasmtime::Error::msg("no")).expect("no trap");
        assert_eq!(limiter.control.usage().memory_bytes, 0);
        assert!(limiter.memory_growing(0, 4 * PAGE, None).expect("no trap"));
        assert_eq!(limiter.control.usage().peak_memory_bytes, 4 * PAGE as u64);
    }

    #[test]
    fn what_is_charged_counts_until_the_guest_ends() {
        let mut limiter = limiter(4);
        let control = Arc::clone(&limiter.control);
        assert!(limiter.charge(3 * PAGE as u64));
        assert!(!limiter.charge(2 * PAGE as u64));
        assert!(!limiter.memory_growing(0, 2 * PAGE, None).expect("no trap"));
        assert_eq!(control.usage().memory_bytes, 3 * PAGE as u64);
        drop(limiter);
        assert_eq!(control.usage().memory_bytes, 0);
    }

    #[test]
    fn tables_past_the_limit_do_not_grow() {
        let mut limiter = limiter(4);
        assert!(limiter.table_growing(0, 10, None).expect("no trap"));
        assert!(!limiter.table_growing(10, 11, None).expect("no trap"));
    }
}
