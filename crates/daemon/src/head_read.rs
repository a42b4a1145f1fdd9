//! Waits until a client has read the head of an answer, before anything follows it.
//!
//! Python's `http.client` reads heads through a buffer, and docker-py goes on with the bare socket behind it: what came
//! with the head is lost. A real dockerd takes too long to start anything for that to happen.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::ioctl::{Getter, ioctl};

/// Longest wait. Who reads later than that gets all at once.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long it is asked again without a pause: most clients wait in `read`.
const EAGER: Duration = Duration::from_micros(300);

/// `SIOCOUTQ` (unix(7)): bytes that were sent and not read, the kernel's own for them included.
const UNREAD: rustix::ioctl::Opcode = 0x5411;

/// Time between two looks after that: shorter than the runtime's timers can be.
const PAUSE: Duration = Duration::from_micros(50);

/// Waits until what was sent is read. Over TCP that can't be seen, and nothing is waited for.
pub(crate) async fn head_read(socket: Option<BorrowedFd<'_>>) {
    let Some(socket) = socket else { return };
    let begin = Instant::now();
    while has_unread(socket) {
        if begin.elapsed() < EAGER {
            tokio::task::yield_now().await;
            continue;
        }
        let Ok(socket) = socket.try_clone_to_owned() else { return };
        let wait = move || {
            while has_unread(socket.as_fd()) && begin.elapsed() < PATIENCE {
                std::thread::sleep(PAUSE);
            }
        };
        // At worst it is not waited for.
        let _ = tokio::task::spawn_blocking(wait).await;
        return;
    }
}

#[expect(unsafe_code, reason = "no crate offers this call")]
fn has_unread(socket: BorrowedFd<'_>) -> bool {
    // SAFETY: the call writes one int, which is what the getter has room for.
    let unread = unsafe { ioctl(socket, Getter::<UNREAD, std::ffi::c_int>::new()) };
    rustix::net::sockopt::socket_domain(socket) == Ok(rustix::net::AddressFamily::UNIX) && unread.is_ok_and(|n| n > 0)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_sent_is_waited_for_until_it_is_read() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(!has_unread(ours.as_fd()));
        ours.write_all(b"head").unwrap();
        assert!(has_unread(ours.as_fd()));
        let reader = tokio::task::spawn_blocking(move || {
            theirs.read_exact(&mut [0; 4]).unwrap();
            theirs
        });
        head_read(Some(ours.as_fd())).await;
        let _theirs = reader.await.unwrap();
        assert!(!has_unread(ours.as_fd()));
        head_read(None).await;
    }
}
