//! [`Ticker`]: advances the epoch of the engines once a millisecond while a guest is on a CPU.
//!
//! It sleeps for good when no guest has been on a CPU for [`LINGER_TICKS`], so a process whose guests all wait uses no
//! CPU. Its thread ends with the last owner. It decides nothing: what happens at a tick is the guest's own business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::{Engine, EngineWeak};

/// Time between two ticks.
const TICK: Duration = Duration::from_millis(1);

/// Ticks without a running guest before the thread goes to sleep. Waking it costs a system call of whoever wakes it,
/// so it outlasts the short gaps of a busy worker.
const LINGER_TICKS: u32 = 20;

/// The owner of the ticking thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    beat: Arc<Beat>,
    thread: Thread,
}

/// What the thread and its owner share.
#[derive(Default)]
struct Beat {
    engines: Mutex<Vec<EngineWeak>>,
    running: AtomicU32,
    asleep: AtomicBool,
    ended: AtomicBool,
    ticks: AtomicU64,
}

impl std::fmt::Debug for Beat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beat").field("running", &self.running).field("ticks", &self.ticks).finish_non_exhaustive()
    }
}

/// A guest is on a CPU while this lives.
#[derive(Debug)]
pub(crate) struct OnCpu<'a>(&'a Beat);

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start() -> std::io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let shared = Arc::clone(&beat);
        let handle = std::thread::Builder::new().name("epoch".into()).spawn(move || shared.run())?;
        Ok(Self { beat, thread: handle.thread().clone() })
    }

    /// Adds an engine whose epoch is to advance.
    pub(crate) fn add(&self, engine: &Engine) {
        self.beat.engines.lock().push(engine.weak());
    }

    /// Ticks so far.
    #[cfg(test)]
    fn ticks(&self) -> u64 {
        self.beat.ticks.load(Ordering::Relaxed)
    }

    /// Keeps the epochs advancing while the returned value lives.
    pub(crate) fn on_cpu(&self) -> OnCpu<'_> {
        self.beat.running.fetch_add(1, Ordering::SeqCst);
        if self.beat.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        OnCpu(&self.beat)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.beat.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Drop for OnCpu<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Beat {
    fn run(&self) {
        let mut idle = 0;
        while !self.ended.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
            } else if idle < LINGER_TICKS {
                idle += 1;
            } else {
                self.sleep();
                idle = 0;
            }
            std::thread::sleep(TICK);
            self.tick();
        }
    }

    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        // A guest that came after the last look sees `asleep` or is seen here.
        while self.asleep.load(Ordering::SeqCst)
            && self.running.load(Ordering::SeqCst) == 0
            && !self.ended.load(Ordering::SeqCst)
        {
            std::thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.engines.lock().retain(|engine| match engine.upgrade() {
            Some(engine) => {
                engine.increment_epoch();
                true
            }
            None => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_until(mut done: impl FnMut() -> bool) {
        while !done() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_sleeps_when_no_guest_is_on_a_cpu_and_wakes_for_the_next() {
        let ticker = Ticker::start().expect("thread");
        wait_until(|| ticker.beat.asleep.load(Ordering::SeqCst));
        let before = ticker.ticks();
        let running = ticker.on_cpu();
        wait_until(|| ticker.ticks() > before + 1);
        drop(running);
        wait_until(|| ticker.beat.asleep.load(Ordering::SeqCst));
    }

    #[test]
    fn its_thread_ends_with_its_owner() {
        let ticker = Ticker::start().expect("thread");
        let beat = Arc::downgrade(&ticker.beat);
        drop(ticker);
        wait_until(|| beat.strong_count() == 0);
    }
}
