//! [`Limiter`]: the memory and table limits of one guest, over all its instances.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::Limits;
use crate::guest::Control;

/// Core instances of one guest; a component has one for each inner module.
const MAX_INSTANCES: usize = 64;

/// Tables of one guest.
const MAX_TABLES: usize = 64;

/// Linear memories of one guest.
const MAX_MEMORIES: usize = 64;

/// Counts what a guest's instances take.
#[derive(Debug)]
pub(crate) struct Limiter {
    control: Arc<Control>,
    memory_limit: u64,
    memory: u64,
    table_limit: u64,
    table: u64,
    /// What the last granted growth added, taken back if the engine could not do it.
    growth: u64,
}

impl Limiter {
    /// Limits as in `limits`, memory at most `max_memory` bytes.
    pub(crate) fn new(control: Arc<Control>, limits: &Limits, max_memory: u64) -> Self {
        Self {
            control,
            memory_limit: limits.memory_bytes.min(max_memory),
            memory: 0,
            table_limit: limits.table_elements,
            table: 0,
            growth: 0,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = (desired as u64).saturating_sub(current as u64);
        let total = self.memory.saturating_add(growth);
        if total > self.memory_limit {
            self.control.deny_memory();
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.growth = growth;
        self.memory = total;
        self.control.set_memory(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self.memory.saturating_sub(std::mem::take(&mut self.growth));
        self.control.set_memory(self.memory);
        self.control.deny_memory();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table.saturating_add((desired as u64).saturating_sub(current as u64));
        if total > self.table_limit || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table = total;
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

    const PAGE: usize = 65536;

    fn limiter(pages: usize) -> Limiter {
        let limits = Limits { memory_bytes: (pages * PAGE) as u64, table_elements: 10, ..Limits::default() };
        Limiter::new(Arc::default(), &limits, u64::MAX)
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
    fn tables_past_the_limit_do_not_grow() {
        let mut limiter = limiter(4);
        assert!(limiter.table_growing(0, 10, None).expect("no trap"));
        assert!(!limiter.table_growing(10, 11, None).expect("no trap"));
    }
}
