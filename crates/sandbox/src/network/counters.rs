//! [`Counters`]: what a guest's network moved and refused.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// What a guest's network moved and refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUsage {
    /// Bytes received.
    pub received_bytes: u64,
    /// Reads and datagrams that brought some.
    pub received_packets: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Writes and datagrams that took some.
    pub sent_packets: u64,
    /// Connections, datagrams and names that its egress rules refused.
    pub refused: u64,
}

/// The same while it counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    received_bytes: AtomicU64,
    received_packets: AtomicU64,
    sent_bytes: AtomicU64,
    sent_packets: AtomicU64,
    refused: AtomicU64,
    /// Bytes that wait to be read: of what it wrote to connections in memory, and of the datagrams that came for it.
    buffered: AtomicUsize,
}

/// Bytes of one container that may wait to be read before its buffers become small. They are the host's memory, not the
/// guest's, and peers that never read must not take more of it.
pub(crate) const MAX_BUFFERED: usize = 64 << 20;

impl Counters {
    pub(super) fn buffer(&self, bytes: usize) {
        self.buffered.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn unbuffer(&self, bytes: usize) {
        self.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// So much waits to be read that there are only small buffers.
    pub(super) fn is_full(&self) -> bool {
        self.buffered.load(Ordering::Relaxed) >= MAX_BUFFERED
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.received_packets.fetch_add(u64::from(bytes > 0), Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.sent_packets.fetch_add(u64::from(bytes > 0), Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn usage(&self) -> NetworkUsage {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetworkUsage {
            received_bytes: load(&self.received_bytes),
            received_packets: load(&self.received_packets),
            sent_bytes: load(&self.sent_bytes),
            sent_packets: load(&self.sent_packets),
            refused: load(&self.refused),
        }
    }
}
