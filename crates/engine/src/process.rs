//! The end of a worker's process.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Time a worker has to end after it was told to.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// Waits until a process has ended, or for [`END_DEADLINE`]; at once if the kernel can't tell. True if it has ended.
pub(crate) fn ended(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return true };
    let deadline = Timespec::try_from(END_DEADLINE).ok();
    poll(&mut [PollFd::new(&process, PollFlags::IN)], deadline.as_ref()) != Ok(0)
}
