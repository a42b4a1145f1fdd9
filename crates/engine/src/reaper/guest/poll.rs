//! Waiting for several sockets and a clock at once, which Rust's library has no call for.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// `subscription` of WASI 0.1: 48 bytes.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Subscription {
    user_data: u64,
    kind: u8,
    _padding: [u8; 7],
    /// A clock's number or a descriptor.
    what: u32,
    timeout: u64,
    precision: u64,
    flags: u16,
}

/// `event` of WASI 0.1: 32 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Event {
    user_data: u64,
    error: u16,
    kind: u8,
    bytes: u64,
    flags: u16,
}

const CLOCK: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const MONOTONIC: u32 = 1;

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn poll_oneoff(subscriptions: *const Subscription, events: *mut Event, count: usize, stored: *mut usize) -> u16;
}

/// Waits until one of the descriptors can be read from or accepted on, at most so long; gives the indexes of those that can, in
/// order.
pub(crate) fn readable(descriptors: &[RawFd], most: Option<Duration>) -> io::Result<Vec<usize>> {
    wait(READ, descriptors, most)
}

/// Waits until a descriptor can be written to; false if it can't so long.
pub(crate) fn writable(descriptor: RawFd, most: Duration) -> io::Result<bool> {
    wait(WRITE, &[descriptor], Some(most)).map(|indexes| !indexes.is_empty())
}

fn wait(kind: u8, descriptors: &[RawFd], most: Option<Duration>) -> io::Result<Vec<usize>> {
    let wait_for = |kind, what, user_data, timeout| Subscription {
        user_data,
        kind,
        _padding: [0; 7],
        what,
        timeout,
        precision: 0,
        flags: 0,
    };
    let mut subscriptions: Vec<_> =
        descriptors.iter().enumerate().map(|(index, fd)| wait_for(kind, fd.cast_unsigned(), index as u64, 0)).collect();
    if let Some(most) = most {
        subscriptions.push(wait_for(CLOCK, MONOTONIC, 0, u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)));
    }
    let mut events = vec![Event::default(); subscriptions.len()];
    let mut stored = 0;
    // SAFETY: both lists have that many elements, in the host's layout, and nobody else has them.
    let errno = unsafe { poll_oneoff(subscriptions.as_ptr(), events.as_mut_ptr(), subscriptions.len(), &mut stored) };
    if errno != 0 {
        return Err(io::Error::from_raw_os_error(errno.into()));
    }
    let happened = events.into_iter().take(stored).filter(|event| event.kind == kind);
    let mut indexes: Vec<_> = happened.filter_map(|event| usize::try_from(event.user_data).ok()).collect();
    indexes.sort_unstable();
    Ok(indexes)
}
