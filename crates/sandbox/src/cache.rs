//! [`Cache`]: values that are costly to load, shared by all guests that use them.
//!
//! Concurrent loads of one key share the work. A value stays while a guest uses it and [`KEEP`] after its last use; past
//! [`CAPACITY`] unused values go first. A failed load leaves nothing behind.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// How long an unused value is kept.
const KEEP: Duration = Duration::from_mins(10);

/// How often unused values are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// Unused values kept at most, in entries.
const CAPACITY: usize = 512;

/// Values by key.
pub(crate) struct Cache<K, V> {
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    by_key: HashMap<K, Entry<V>>,
    swept: Instant,
}

struct Entry<V> {
    cell: Arc<OnceCell<Arc<V>>>,
    used: Instant,
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("entries", &self.entries.lock().by_key.len()).finish()
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// An empty cache.
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(Entries { by_key: HashMap::new(), swept: Instant::now() }) }
    }

    /// The value of `key`, made by `load` unless it is there.
    pub(crate) async fn get_or_load<Q, E>(&self, key: &Q, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<Arc<V>, E>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let cell = self.entries.lock().cell(key, Instant::now());
        cell.get_or_try_init(async || load().await.map(Arc::new)).await.cloned()
    }
}

impl<K: Eq + Hash, V> Entries<K, V> {
    fn cell<Q>(&mut self, key: &Q, now: Instant) -> Arc<OnceCell<Arc<V>>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(entry) = self.by_key.get_mut(key) {
            entry.used = now;
            let cell = Arc::clone(&entry.cell);
            if now.saturating_duration_since(self.swept) >= SWEEP {
                self.sweep(now);
            }
            return cell;
        }
        self.sweep(now);
        let cell = Arc::new(OnceCell::new());
        self.by_key.insert(key.to_owned(), Entry { cell: Arc::clone(&cell), used: now });
        cell
    }

    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        let full = self.by_key.len() >= CAPACITY;
        self.by_key.retain(|_, entry| {
            entry.in_use() || (!full && entry.loaded() && now.saturating_duration_since(entry.used) < KEEP)
        });
    }
}

impl<V> Entry<V> {
    /// A guest has the value, or someone is loading it.
    fn in_use(&self) -> bool {
        Arc::strong_count(&self.cell) > 1 || self.cell.get().is_some_and(|value| Arc::strong_count(value) > 1)
    }

    fn loaded(&self) -> bool {
        self.cell.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn load(cache: &Cache<String, u32>, key: &str, value: u32) -> Arc<u32> {
        cache.get_or_load(key, async || Ok::<_, ()>(value)).await.expect("loads")
    }

    #[tokio::test]
    async fn a_value_is_loaded_once() {
        let cache = Cache::new();
        assert_eq!(*load(&cache, "a", 1).await, 1);
        assert_eq!(*load(&cache, "a", 2).await, 1);
    }

    #[tokio::test]
    async fn a_failed_load_is_tried_again() {
        let cache = Cache::new();
        assert_eq!(cache.get_or_load("a", async || Err::<u32, _>("no")).await, Err("no"));
        assert_eq!(*load(&cache, "a", 2).await, 2);
    }

    #[tokio::test]
    async fn unused_values_go_after_their_time_and_used_ones_stay() {
        let cache = Cache::new();
        let used = load(&cache, "used", 1).await;
        load(&cache, "unused", 2).await;
        let later = Instant::now() + KEEP;
        cache.entries.lock().sweep(later);
        assert_eq!(cache.entries.lock().by_key.len(), 1);
        drop(used);
        cache.entries.lock().sweep(later);
        assert!(cache.entries.lock().by_key.is_empty());
    }

    #[tokio::test]
    async fn it_holds_no_more_unused_values_than_its_capacity() {
        let cache = Cache::new();
        for i in 0..2 * CAPACITY {
            load(&cache, &i.to_string(), 0).await;
        }
        assert!(cache.entries.lock().by_key.len() <= CAPACITY);
    }
}
