//! [`Guest`]: a program being run, and [`Control`], what its handles share with its task.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::Waker;
use std::time::Instant;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::Exit;
use crate::files::FileView;

/// Why a guest is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// End at once, status 137.
    Kill,
    /// End at once, status 143 (commands; WASI has no signals).
    Terminate,
    /// End at once, status 130.
    Interrupt,
}

impl Stop {
    /// The exit status of a guest ended by this request.
    const fn status(self) -> u8 {
        match self {
            Self::Kill => 137,
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

/// What a guest uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Most linear memory it had, in bytes.
    pub peak_memory_bytes: u64,
    /// Time on a CPU in microseconds, to the epoch's precision.
    pub cpu_us: u64,
    /// Open files and folders.
    pub open_files: u32,
    /// Bytes it wrote to its upper folder.
    pub disk_bytes: u64,
}

/// A program being run. Dropping it does not end it.
#[derive(Debug, Clone)]
pub struct Guest {
    control: Arc<Control>,
}

impl Guest {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Asks it to end; the first request decides the status. Takes effect at the next epoch (1 ms) or await.
    pub fn stop(&self, why: Stop) {
        self.control.request_stop(why);
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Exit {
        self.control.ended().await
    }

    /// What it uses now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.control.usage()
    }

    /// Holds it at the next epoch, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.control.pause(paused);
    }
}

/// What a guest's task shares with its handles: requests one way, figures and the end the other way.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// 0, or the exit status that a stop request asks for.
    stop: AtomicU8,
    paused: AtomicBool,
    waker: AtomicWaker,
    memory: AtomicU64,
    peak_memory: AtomicU64,
    memory_denied: AtomicBool,
    cpu_ns: AtomicU64,
    /// Most CPU time that was told: what is told does not go back, though the present turn is only measured at its end.
    told_cpu_ns: AtomicU64,
    /// Nanoseconds on [`CLOCK`] since which it has been on a CPU; 0 when it is not.
    on_cpu_since: AtomicU64,
    disk: AtomicU64,
    files: Mutex<Option<Arc<FileView>>>,
    exit: OnceLock<Exit>,
    ended: Notify,
}

/// The zero of `on_cpu_since`.
static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now);

fn clock_ns() -> u64 {
    u64::try_from(CLOCK.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Control {
    /// The control of a guest with these files.
    pub(crate) fn new(files: Arc<FileView>) -> Self {
        Self { files: Mutex::new(Some(files)), ..Self::default() }
    }

    fn request_stop(&self, why: Stop) {
        let first = self.stop.compare_exchange(0, why.status(), Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if first {
            self.waker.wake();
        }
    }

    /// The status that a stop request asked for.
    pub(crate) fn stop_requested(&self) -> Option<u8> {
        match self.stop.load(Ordering::SeqCst) {
            0 => None,
            status => Some(status),
        }
    }

    fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
        self.waker.wake();
    }

    /// It is to be held.
    pub(crate) fn paused(&self) -> bool {
        self.paused.load(Ordering::SeqCst)
    }

    /// Wakes `waker` at the next request.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Notes that the guest got on a CPU.
    pub(crate) fn enter_cpu(&self) {
        self.on_cpu_since.store(clock_ns(), Ordering::Relaxed);
    }

    /// Notes that it left the CPU, having used `cpu_ns`.
    pub(crate) fn leave_cpu(&self, cpu_ns: u64) {
        self.on_cpu_since.store(0, Ordering::Relaxed);
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    /// CPU time so far, the present turn included. Never less than it was before.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let turn = match self.on_cpu_since.load(Ordering::Relaxed) {
            0 => 0,
            since => clock_ns().saturating_sub(since),
        };
        let now = self.cpu_ns.load(Ordering::Relaxed).saturating_add(turn);
        now.max(self.told_cpu_ns.fetch_max(now, Ordering::Relaxed))
    }

    /// Notes the size of its linear memories.
    pub(crate) fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
        // Only the guest's own task sets it.
        if bytes > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.store(bytes, Ordering::Relaxed);
        }
    }

    /// Notes that it was refused memory.
    pub(crate) fn deny_memory(&self) {
        self.memory_denied.store(true, Ordering::Relaxed);
    }

    /// It was refused memory.
    pub(crate) fn memory_denied(&self) -> bool {
        self.memory_denied.load(Ordering::Relaxed)
    }

    /// What it uses now; after its end what it had used.
    pub(crate) fn usage(&self) -> Usage {
        let files = self.files.lock();
        Usage {
            memory_bytes: self.memory.load(Ordering::Relaxed),
            peak_memory_bytes: self.peak_memory.load(Ordering::Relaxed),
            cpu_us: self.cpu_ns() / 1000,
            open_files: files.as_ref().map_or(0, |files| files.open_files()),
            disk_bytes: files.as_ref().map_or_else(|| self.disk.load(Ordering::Relaxed), |files| files.disk_bytes()),
        }
    }

    /// Publishes how it ended; only the first call counts. Lets its files go.
    pub(crate) fn end(&self, exit: Exit) {
        if let Some(files) = self.files.lock().take() {
            self.disk.store(files.disk_bytes(), Ordering::Relaxed);
        }
        self.memory.store(0, Ordering::Relaxed);
        if self.exit.set(exit).is_ok() {
            self.ended.notify_waiters();
        }
    }

    async fn ended(&self) -> Exit {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if let Some(exit) = self.exit.get() {
                return exit.clone();
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stop_request_decides_the_status() {
        let control = Control::default();
        assert_eq!(control.stop_requested(), None);
        control.request_stop(Stop::Terminate);
        control.request_stop(Stop::Kill);
        assert_eq!(control.stop_requested(), Some(143));
    }

    #[test]
    fn cpu_time_does_not_go_back_at_the_end_of_a_turn() {
        let control = Control::default();
        control.enter_cpu();
        while control.cpu_ns() < 1_000_000 {}
        // It was off the CPU for most of its turn.
        control.leave_cpu(1);
        assert!(control.cpu_ns() >= 1_000_000);
        control.leave_cpu(2_000_000_000);
        assert_eq!(control.cpu_ns(), 2_000_000_001);
    }

    #[tokio::test]
    async fn many_wait_for_one_end_and_later_waiters_have_it_at_once() {
        let guest = Guest::new(Arc::default());
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let guest = guest.clone();
                tokio::spawn(async move { guest.wait().await })
            })
            .collect();
        tokio::task::yield_now().await;
        guest.control.end(Exit::Code(3));
        guest.control.end(Exit::Code(4));
        for waiter in waiters {
            assert_eq!(waiter.await.expect("no panic"), Exit::Code(3));
        }
        assert_eq!(guest.wait().await, Exit::Code(3));
    }
}
