//! `clock_*`.

use super::Process;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::types;

/// `clockid` of the wall clock.
pub(super) const REALTIME: u32 = 0;

/// `clockid` of the monotonic clock.
pub(super) const MONOTONIC: u32 = 1;

/// `clockid` of the guest's CPU time.
const PROCESS_CPU: u32 = 2;

/// The same: a guest has one thread.
const THREAD_CPU: u32 = 3;

/// Resolution of wall and monotonic clock in nanoseconds.
const CLOCK_RESOLUTION: u64 = 1;

/// Resolution of CPU time in nanoseconds: it is taken at epochs.
const CPU_RESOLUTION: u64 = 1_000_000;

/// A clock's time in nanoseconds.
pub(super) fn now(process: &Process, clock: u32) -> Result<u64, Errno> {
    match clock {
        REALTIME => Ok(u64::try_from(types::now_ns()).unwrap_or(0)),
        MONOTONIC => u64::try_from(process.control.started().elapsed().as_nanos()).map_err(|_| Errno::OVERFLOW),
        PROCESS_CPU | THREAD_CPU => Ok(process.control.cpu_ns()),
        _ => Err(Errno::INVALID),
    }
}

pub(super) fn clock_time_get(
    memory: &mut GuestMemory<'_>,
    process: &Process,
    clock: u32,
    at: u32,
) -> Result<(), Errno> {
    memory.store_u64(at, now(process, clock)?)
}

pub(super) fn clock_res_get(memory: &mut GuestMemory<'_>, clock: u32, at: u32) -> Result<(), Errno> {
    let resolution = match clock {
        REALTIME | MONOTONIC => CLOCK_RESOLUTION,
        PROCESS_CPU | THREAD_CPU => CPU_RESOLUTION,
        _ => return Err(Errno::INVALID),
    };
    memory.store_u64(at, resolution)
}
