//! A guest's task: from its first instruction to its published end.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::guest::Control;
use crate::prepared::Prepared;
use crate::start::Given;
use crate::ticker::Ticker;
use crate::turn::{Cut, TimeLimits, take_turns};
use crate::{Exit, Guest, Output, Stream};

/// Ticks of a guest's turn on a CPU.
const TURN_TICKS: u64 = 1;

/// One of a sandbox's places; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU32>);

impl Place {
    /// Takes one of `places` places, of which `taken` are taken.
    pub(crate) fn take(taken: &Arc<AtomicU32>, places: u32) -> Option<Self> {
        let more = |taken| (taken < places).then(|| taken + 1);
        taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a guest's task owns beside what the guest is given.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) program: Arc<Prepared>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) times: TimeLimits,
    pub(crate) interruptible: bool,
    pub(crate) place: Place,
}

/// Publishes an end even if the task is dropped before it had one.
struct Ending(Arc<Control>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(Exit::Failed("the worker was shut down".into()));
    }
}

/// Starts the guest's task on the current runtime.
pub(crate) fn spawn(task: Task, given: Given) -> Guest {
    let control = Arc::clone(&given.control);
    let ending = Ending(Arc::clone(&control));
    tokio::spawn(async move {
        let exit = run(task, given).await;
        ending.0.end(exit);
    });
    Guest::new(control)
}

async fn run(task: Task, given: Given) -> Exit {
    let control = Arc::clone(&given.control);
    let output = Arc::clone(&given.stdio.output);
    let Task { program, ticker, times, interruptible, place } = task;
    let call = Box::pin(program.run(given, interruptible));
    let exit = match take_turns(call, &control, &ticker, &times).await {
        Ok(exit) => exit,
        Err(Cut::Stopped(status)) => Exit::Signalled(status),
        Err(Cut::TimedOut) => Exit::TimedOut,
    };
    drop(program);
    if let Exit::Trap(text) | Exit::OutOfMemory(text) | Exit::Failed(text) = &exit {
        report(&*output, &control, text).await;
    }
    // Whoever waits for the end may start another guest at once.
    drop(place);
    exit
}

/// Writes a trap's text to the guest's stderr, unless the guest is being stopped.
async fn report(output: &dyn Output, control: &Control, text: &str) {
    let line = format!("{text}\n");
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match output.write(Stream::Stderr, rest) {
            None => return,
            Some(0) => {
                let stopped = poll_fn(|cx| {
                    control.register(cx.waker());
                    if control.stop_requested().is_some() {
                        return std::task::Poll::Ready(true);
                    }
                    output.poll_ready(Stream::Stderr, cx).map(|()| false)
                });
                if stopped.await {
                    return;
                }
            }
            Some(written) => rest = rest.get(written..).unwrap_or_default(),
        }
    }
}

/// A store whose guest yields at each epoch and keeps to its limits.
pub(crate) fn store<T: Send + 'static>(engine: &Engine, data: T, interruptible: bool) -> Store<T> {
    let mut store = Store::new(engine, data);
    if interruptible {
        store.set_epoch_deadline(TURN_TICKS);
        store.epoch_deadline_callback(|_| {
            // Tokio's own yield lets it look at timers and sockets before this guest goes on.
            Ok(UpdateDeadline::YieldCustom(TURN_TICKS, Box::pin(tokio::task::yield_now())))
        });
    }
    store
}
