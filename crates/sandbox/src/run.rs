//! A guest's task: from its first instruction to its published end.

use std::future::poll_fn;
use std::sync::Arc;

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::control::Control;
use crate::core::Core;
use crate::files::FileView;
use crate::handle::Handle;
use crate::network::Listener;
use crate::place::Place;
use crate::prepared::Prepared;
use crate::service::{self, Service};
use crate::start::{Claim, Given};
use crate::ticker::Ticker;
use crate::turn::{Cut, take_turns};
use crate::{Exit, Guest};

/// Ticks of a guest's turn on a CPU.
const TURN_TICKS: u64 = 1;

/// What a guest's task owns beside what the guest is given.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) program: Arc<Prepared>,
    pub(crate) ticker: Arc<Ticker>,
    /// 0 is no limit.
    pub(crate) wall_clock_ms: u64,
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

/// Starts the task of a container's first program on the current runtime, or that of a further process that has a number.
pub(crate) fn spawn(task: Task, given: Given, claim: Option<Claim>) -> Guest {
    let control = Arc::clone(&given.control);
    let further = claim.is_some();
    if let Some(claim) = claim {
        claim.started(&control);
    }
    let ending = Ending(Arc::clone(&control));
    tokio::spawn(async move {
        let (exit, place) = run(task, given).await;
        if !further {
            ending.0.group().close().await;
        }
        // Whoever waits for the end may start another guest at once.
        drop(place);
        ending.0.end(exit);
    });
    Guest::new(control)
}

/// Starts the task of a container that is an HTTP service, on the current runtime.
pub(crate) fn spawn_service(
    service: Arc<Service>,
    listeners: Vec<Arc<Listener>>,
    wall_clock_ms: u64,
    place: Place,
) -> Guest {
    let control = Arc::clone(service.control());
    let guest = Guest::service(Arc::clone(&control), Arc::clone(&service));
    let ending = Ending(Arc::clone(&control));
    tokio::spawn(async move {
        let exit = service::serve(service, listeners, wall_clock_ms).await;
        ending.0.group().close().await;
        drop(place);
        ending.0.end(exit);
    });
    guest
}

/// Starts a further process, where such processes run.
pub(crate) fn spawn_further(core: &Core, program: Arc<Prepared>, place: Place, given: Given, claim: Claim) -> Guest {
    let ticker = Arc::clone(&core.ticker);
    let task = Task { program, ticker, wall_clock_ms: 0, interruptible: true, place };
    let _there = core.options.further.as_ref().map(tokio::runtime::Handle::enter);
    spawn(task, given, Some(claim))
}

async fn run(task: Task, given: Given) -> (Exit, Place) {
    let control = Arc::clone(&given.control);
    let files = Arc::clone(&given.files);
    let [.., errors] = &given.streams;
    let errors = errors.clone();
    let Task { program, ticker, wall_clock_ms, interruptible, place } = task;
    let call = Box::pin(program.run(given, interruptible));
    let exit = match take_turns(call, &control, &ticker, wall_clock_ms).await {
        Ok(exit) => exit,
        Err(Cut::Stopped(status)) => Exit::Signalled(status),
        Err(Cut::TimedOut) => Exit::TimedOut,
    };
    drop(program);
    if let (Exit::Trap(text) | Exit::OutOfMemory(text) | Exit::Failed(text), Some(errors)) = (&exit, errors) {
        report(&errors, &files, &control, text).await;
    }
    (exit, place)
}

/// Writes a trap's text to the guest's stderr, unless the guest is being stopped.
pub(crate) async fn report(errors: &Handle, files: &FileView, control: &Control, text: &str) {
    let line = format!("{text}\n");
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match errors.write(files, rest) {
            Err(_) => return,
            Ok(0) => {
                let stopped = poll_fn(|cx| {
                    control.register(cx.waker());
                    if control.stop_requested().is_some() {
                        return std::task::Poll::Ready(true);
                    }
                    errors.poll_writable(cx).map(|()| false)
                });
                if stopped.await {
                    return;
                }
            }
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
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
