//! [`Figures`]: what a service counts, and [`ServiceUsage`], what is told of it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets for each doubling of a latency: what is told is at most a quarter too long.
const PARTS: u32 = 4;

/// Doublings from one microsecond on: the last one begins at 18 minutes.
const DOUBLINGS: u32 = 31;

/// What an HTTP service did, and does now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceUsage {
    /// Requests that came.
    pub requests: u64,
    /// Requests that were refused because too many waited, or waited too long (503).
    pub refused: u64,
    /// Requests whose instance trapped, never answered, or took too long.
    pub failed: u64,
    /// Instances that answer now.
    pub instances: u32,
    /// Most instances that answered at once.
    pub peak_instances: u32,
    /// Requests that wait for an instance now.
    pub queued: u32,
    /// Half of all answers had their head after this time, in microseconds, waiting included.
    pub p50_us: u64,
    /// 99 of 100 answers, likewise.
    pub p99_us: u64,
    /// Connections that are open now.
    pub connections: u32,
}

/// The same while it counts.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    requests: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    instances: AtomicU32,
    peak_instances: AtomicU32,
    pub(super) queued: AtomicU32,
    pub(super) connections: AtomicU32,
    /// Made by the first answer: most services of a crowd are idle.
    latencies: OnceLock<Box<Latencies>>,
}

impl Figures {
    pub(super) fn came(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn begin(&self) {
        let now = self.instances.fetch_add(1, Ordering::Relaxed) + 1;
        if now > self.peak_instances.load(Ordering::Relaxed) {
            self.peak_instances.fetch_max(now, Ordering::Relaxed);
        }
    }

    pub(super) fn end(&self) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, after: Duration) {
        self.latencies.get_or_init(Box::default).note(after);
    }

    pub(super) fn usage(&self) -> ServiceUsage {
        let latency = |part| self.latencies.get().map_or(0, |latencies| latencies.quantile_us(part));
        ServiceUsage {
            requests: self.requests.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            instances: self.instances.load(Ordering::Relaxed),
            peak_instances: self.peak_instances.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            p50_us: latency(0.5),
            p99_us: latency(0.99),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}

/// How long answers took.
#[derive(Debug)]
struct Latencies([AtomicU32; (PARTS * DOUBLINGS) as usize]);

impl Default for Latencies {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; _])
    }
}

impl Latencies {
    fn note(&self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.0.get(bucket(us)).or(self.0.last()) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The end of the bucket below which this part of all answers is.
    fn quantile_us(&self, part: f64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|bucket| u64::from(bucket.load(Ordering::Relaxed))).collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return 0;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = ((all as f64 * part).ceil() as u64).max(1);
        let mut below = 0;
        let at = counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        bound_us(at.unwrap_or(counts.len()))
    }
}

/// The bucket of a latency.
fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2();
    let part = (us - (1 << doubling)).saturating_mul(u64::from(PARTS)) >> doubling;
    usize::try_from(u64::from(doubling * PARTS) + part).unwrap_or(usize::MAX)
}

/// Where a bucket ends.
fn bound_us(bucket: usize) -> u64 {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let (doubling, part) = ((bucket / PARTS).min(DOUBLINGS), u64::from(bucket % PARTS));
    (1_u64 << doubling) + ((part + 1) << doubling) / u64::from(PARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_latency_is_told_at_most_a_quarter_too_long(us in 1_u64..1 << 30) {
            let told = bound_us(bucket(us));
            prop_assert!(told >= us && told <= us + us / 4 + 1, "{us} is told as {told}");
        }
    }

    #[test]
    fn quantiles_are_those_of_all_answers() {
        let latencies = Latencies::default();
        (0..99).for_each(|_| latencies.note(Duration::from_micros(100)));
        latencies.note(Duration::from_secs(1 << 20));
        assert!((100..=125).contains(&latencies.quantile_us(0.5)));
        assert!((100..=125).contains(&latencies.quantile_us(0.99)));
        assert!(latencies.quantile_us(1.0) > 1_000_000_000);
    }
}
