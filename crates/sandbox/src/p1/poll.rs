//! `poll_oneoff`: waits for clocks, standard input and room on standard output.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::Caller;

use super::errno::Errno;
use super::memory::GuestMemory;
use super::{Process, clocks, types, with_memory};
use crate::files::Kind;
use crate::handle::Handle;

/// Subscriptions of one call.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Bytes of a `subscription`.
const SUBSCRIPTION_SIZE: u32 = 48;

/// Bytes of an `event`.
const EVENT_SIZE: u32 = 32;

/// The longest a clock is waited for; a program that asks for more sleeps this long.
const LONGEST_SLEEP: Duration = Duration::from_hours(24 * 365);

/// `eventtype` and what makes it happen.
#[derive(Debug, Clone)]
enum Condition {
    /// A clock reaches a time.
    Clock(Instant),
    /// A stream has bytes or ended.
    Readable(Handle),
    /// A stream has room or is closed.
    Writable(Handle),
    /// A file can be read or written at once: the bytes left to read.
    Ready { kind: u8, bytes: u64 },
    /// It can't be waited for.
    Failed { kind: u8, errno: Errno },
}

/// One subscription.
#[derive(Debug, Clone)]
struct Subscription {
    user_data: u64,
    condition: Condition,
}

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

/// `eventrwflags`: the other side is gone.
const HANG_UP: u16 = 1;

/// The arguments of the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arguments {
    pub(super) subscriptions: u32,
    pub(super) events: u32,
    pub(super) count: u32,
    pub(super) stored_at: u32,
}

pub(super) async fn poll_oneoff(mut caller: Caller<'_, Process>, arguments: Arguments) -> wasmtime::Result<i32> {
    let subscriptions = match with_memory(&mut caller, |memory, process| load(memory, process, arguments))? {
        Ok(subscriptions) => subscriptions,
        Err(errno) => return Ok(Errno::code(Err(errno))),
    };
    let events = wait(&subscriptions).await;
    with_memory(&mut caller, |memory, _| Errno::code(store(memory, arguments, &events)))
}

fn load(memory: &mut GuestMemory<'_>, process: &Process, arguments: Arguments) -> Result<Vec<Subscription>, Errno> {
    if arguments.count == 0 || arguments.count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVALID);
    }
    memory.bytes(arguments.subscriptions, arguments.count * SUBSCRIPTION_SIZE)?;
    memory.bytes(arguments.events, arguments.count * EVENT_SIZE)?;
    memory.store_u32(arguments.stored_at, 0)?;
    (0..arguments.count)
        .map(|index| subscription(memory, process, arguments.subscriptions + index * SUBSCRIPTION_SIZE))
        .collect()
}

fn subscription(memory: &GuestMemory<'_>, process: &Process, at: u32) -> Result<Subscription, Errno> {
    let user_data = memory.load_u64(at)?;
    let condition = match memory.load_u8(at + 8)? {
        CLOCK => clock(memory, process, at + 16).unwrap_or_else(|errno| Condition::Failed { kind: CLOCK, errno }),
        kind @ (FD_READ | FD_WRITE) => {
            let fd = memory.load_u32(at + 16)?;
            descriptor(process, fd, kind).unwrap_or_else(|errno| Condition::Failed { kind, errno })
        }
        _ => return Err(Errno::INVALID),
    };
    Ok(Subscription { user_data, condition })
}

fn clock(memory: &GuestMemory<'_>, process: &Process, at: u32) -> Result<Condition, Errno> {
    let clock = memory.load_u32(at)?;
    if !matches!(clock, clocks::REALTIME | clocks::MONOTONIC) {
        return Err(Errno::NOT_SUPPORTED);
    }
    let timeout = memory.load_u64(at + 8)?;
    let absolute = memory.load_u16(at + 24)? & 1 != 0;
    let left = if absolute { timeout.saturating_sub(clocks::now(process, clock)?) } else { timeout };
    Ok(Condition::Clock(Instant::now() + Duration::from_nanos(left).min(LONGEST_SLEEP)))
}

fn descriptor(process: &Process, fd: u32, kind: u8) -> Result<Condition, Errno> {
    match (process.descriptors.get(fd)?, kind) {
        (handle @ (Handle::Input(_) | Handle::Reader(_)), FD_READ) => Ok(Condition::Readable(handle.clone())),
        (handle @ (Handle::Output(_) | Handle::Writer(_)), FD_WRITE) => Ok(Condition::Writable(handle.clone())),
        (Handle::Input(_) | Handle::Output(_) | Handle::Reader(_) | Handle::Writer(_), _) => Err(Errno::BAD_DESCRIPTOR),
        (Handle::Node(node), FD_READ) if node.descriptor().kind() == Kind::File => {
            let size = process.files.stat(node.descriptor())?.size;
            Ok(Condition::Ready { kind, bytes: size.saturating_sub(node.position.lock().offset) })
        }
        (Handle::Node(_), _) => Ok(Condition::Ready { kind, bytes: 0 }),
    }
}

/// Waits until at least one condition holds, and gives the events of all that do.
async fn wait(subscriptions: &[Subscription]) -> Vec<[u8; 32]> {
    let first = subscriptions.iter().filter_map(|subscription| match &subscription.condition {
        Condition::Clock(at) => Some(*at),
        _ => None,
    });
    let alarm = first.min().map(tokio::time::Instant::from_std);
    let mut alarm = pin!(async move {
        match alarm {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        let rung = alarm.as_mut().poll(cx).is_ready();
        let events: Vec<_> = subscriptions.iter().filter_map(|subscription| happened(subscription, rung, cx)).collect();
        if events.is_empty() { Poll::Pending } else { Poll::Ready(events) }
    })
    .await
}

fn happened(subscription: &Subscription, rung: bool, cx: &mut Context<'_>) -> Option<[u8; 32]> {
    let (errno, kind, bytes, flags) = match &subscription.condition {
        // The alarm may ring a hair before the clock's time: the first clock's event must not be lost then.
        Condition::Clock(at) if rung && *at <= Instant::now() + Duration::from_micros(1) => {
            (Errno::SUCCESS, CLOCK, 0, 0)
        }
        Condition::Clock(_) => return None,
        Condition::Readable(handle) => {
            handle.poll_readable(cx).is_ready().then_some(())?;
            let (bytes, ended) = match handle {
                Handle::Reader(end) => end.available(),
                _ => (1, false),
            };
            (Errno::SUCCESS, FD_READ, bytes as u64, if ended { HANG_UP } else { 0 })
        }
        Condition::Writable(handle) => {
            handle.poll_writable(cx).is_ready().then_some(())?;
            let broken = matches!(handle, Handle::Writer(end) if end.is_broken());
            (Errno::SUCCESS, FD_WRITE, 1, if broken { HANG_UP } else { 0 })
        }
        Condition::Ready { kind, bytes } => (Errno::SUCCESS, *kind, *bytes, 0),
        Condition::Failed { kind, errno } => (*errno, *kind, 0, 0),
    };
    Some(types::event(subscription.user_data, errno, kind, bytes, flags))
}

fn store(memory: &mut GuestMemory<'_>, arguments: Arguments, events: &[[u8; 32]]) -> Result<(), Errno> {
    let mut at = arguments.events;
    for event in events {
        memory.store(at, event)?;
        at = at.checked_add(EVENT_SIZE).ok_or(Errno::FAULT)?;
    }
    memory.store_u32(arguments.stored_at, u32::try_from(events.len()).map_err(|_| Errno::OVERFLOW)?)
}
