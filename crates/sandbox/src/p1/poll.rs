//! `poll_oneoff`: waits for clocks, standard input and room on standard output.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::Caller;

use super::descriptors::Entry;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::sockets::Socket;
use super::{Process, clocks, types, with_memory};
use crate::Stream;
use crate::files::Kind;

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
    /// Standard input has bytes or ended.
    Input,
    /// A stream has room or is closed.
    Output(Stream),
    /// A file can be read or written at once: the bytes left to read.
    Ready { kind: u8, bytes: u64 },
    /// A socket can be read from, accepted on or written to.
    Socket { kind: u8, socket: Arc<Socket> },
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
    let events = wait(caller.data(), &subscriptions).await;
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
        (Entry::Input, FD_READ) => Ok(Condition::Input),
        (Entry::Output(stream), FD_WRITE) => Ok(Condition::Output(*stream)),
        (Entry::Input | Entry::Output(_), _) => Err(Errno::BAD_DESCRIPTOR),
        (Entry::Socket(socket), _) => Ok(Condition::Socket { kind, socket: Arc::clone(socket) }),
        (Entry::Node(node), FD_READ) if node.descriptor().kind() == Kind::File => {
            let size = process.files.stat(node.descriptor())?.size;
            Ok(Condition::Ready { kind, bytes: size.saturating_sub(node.offset) })
        }
        (Entry::Node(_), _) => Ok(Condition::Ready { kind, bytes: 0 }),
    }
}

/// Waits until at least one condition holds, and gives the events of all that do.
async fn wait(process: &Process, subscriptions: &[Subscription]) -> Vec<[u8; 32]> {
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
        let events: Vec<_> =
            subscriptions.iter().filter_map(|subscription| happened(process, subscription, rung, cx)).collect();
        if events.is_empty() { Poll::Pending } else { Poll::Ready(events) }
    })
    .await
}

fn happened(process: &Process, subscription: &Subscription, rung: bool, cx: &mut Context<'_>) -> Option<[u8; 32]> {
    let (errno, kind, bytes) = match &subscription.condition {
        // The alarm may ring a hair before the clock's time: the first clock's event must not be lost then.
        Condition::Clock(at) if rung && *at <= Instant::now() + Duration::from_micros(1) => (Errno::SUCCESS, CLOCK, 0),
        Condition::Clock(_) => return None,
        Condition::Input => {
            let ready = process.stdio.input.as_ref().is_none_or(|input| input.poll_ready(cx).is_ready());
            ready.then_some((Errno::SUCCESS, FD_READ, 1))?
        }
        Condition::Output(stream) => {
            let ready = process.stdio.output.poll_ready(*stream, cx).is_ready();
            ready.then_some((Errno::SUCCESS, FD_WRITE, 1))?
        }
        Condition::Socket { kind, socket } => {
            let ready = if *kind == FD_READ { socket.poll_readable(cx) } else { socket.poll_writable(cx) };
            ready.is_ready().then_some((Errno::SUCCESS, *kind, 1))?
        }
        Condition::Ready { kind, bytes } => (Errno::SUCCESS, *kind, *bytes),
        Condition::Failed { kind, errno } => (*errno, *kind, 0),
    };
    Some(types::event(subscription.user_data, errno, kind, bytes, 0))
}

fn store(memory: &mut GuestMemory<'_>, arguments: Arguments, events: &[[u8; 32]]) -> Result<(), Errno> {
    let mut at = arguments.events;
    for event in events {
        memory.store(at, event)?;
        at = at.checked_add(EVENT_SIZE).ok_or(Errno::FAULT)?;
    }
    memory.store_u32(arguments.stored_at, u32::try_from(events.len()).map_err(|_| Errno::OVERFLOW)?)
}
