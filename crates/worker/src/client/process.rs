//! [`WorkerProcess`]: the process at the other end of a link.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

/// How long a worker that closed its link may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// The process at the other end of a link.
#[derive(Debug)]
pub(super) struct WorkerProcess(AsyncFd<OwnedFd>);

impl WorkerProcess {
    /// Nothing if it is this process itself, or gone already.
    pub(super) fn of(stream: &UnixStream) -> Option<Self> {
        let pid = Pid::from_raw(stream.peer_cred().ok()?.pid()?)?;
        if pid == rustix::process::getpid() {
            return None;
        }
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        #[expect(unsafe_code, reason = "the safe call is deprecated")]
        // SAFETY: an `OwnedFd` is the only owner of its descriptor, and keeps the same one until it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        fd.ok().map(Self)
    }

    /// Waits until the process is gone, with all that it held open, for at most 5 s; true if it is. One that closed its
    /// link and lives on has a newer owner.
    pub(super) async fn ended(&self) -> bool {
        tokio::time::timeout(ENDING, self.0.readable()).await.is_ok()
    }

    /// Ends the process, whatever it does.
    pub(super) fn kill(&self) {
        // It may have ended already.
        let _ = pidfd_send_signal(&self.0, Signal::KILL);
    }
}
