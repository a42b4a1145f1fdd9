//! An attachment: a connection that carries a guest's streams.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec};

use super::Server;
use super::connection::answer;
use crate::frame::{self, ChunkKind};
use crate::host::Host;
use crate::outbox::{Outbox, read_some};
use crate::stdio::Streams;
use crate::wire::{AttachRequest, Outgoing, Payload, Refusal, code};

/// How often a client whose input waits is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl<H: Host> Server<H> {
    /// Carries a guest's streams until it ends and the client has read everything, or the client goes.
    pub(super) async fn serve_attachment(
        &self,
        seq: u64,
        request: AttachRequest,
        outbox: &Arc<Outbox>,
        read: BytesMut,
    ) {
        match self.attach(seq, &request, outbox) {
            Ok(streams) => {
                {
                    let mut sending = pin!(outbox.run(|| streams.wake_writers()));
                    tokio::select! {
                        () = &mut sending => {}
                        () = take_input(&streams, outbox, request.stdin, read) => {}
                    }
                }
                if request.stdin {
                    streams.input_ended();
                }
                if streams.detach(outbox) {
                    self.table.unattended(&request.id, &streams);
                }
            }
            Err(refusal) => {
                answer::<()>(outbox, seq, Err(refusal));
                outbox.finish();
                outbox.run(|| ()).await;
            }
        }
    }

    fn attach(&self, seq: u64, request: &AttachRequest, outbox: &Arc<Outbox>) -> Result<Arc<Streams>, Refusal> {
        super::guests::check_id(&request.id)?;
        let streams = self.table.streams(&request.id)?;
        let welcome = frame::message(&Outgoing { seq, payload: Payload::Ok(()) })
            .map_err(|_| Refusal::new(code::TOO_LARGE, "the answer is too large"))?;
        if streams.attach(outbox, &welcome) {
            Ok(streams)
        } else {
            Err(Refusal::new(code::ENDED, format!("guest {} has ended", request.id)))
        }
    }
}

/// Returns when the client is gone: while a guest reads nothing, neither is the connection read.
async fn hung_up(outbox: &Outbox) {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut fds = [PollFd::new(outbox.stream(), PollFlags::RDHUP)];
        if !matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(0)) {
            return;
        }
    }
}

/// Gives the guest what the client sends, until the client goes.
async fn take_input(streams: &Streams, outbox: &Outbox, wanted: bool, mut read: BytesMut) {
    loop {
        match frame::next_chunk(&mut read) {
            Ok(None) => {
                if !read_some(outbox.stream(), &mut read).await {
                    return;
                }
            }
            Ok(Some((ChunkKind::Input, bytes))) if wanted => {
                tokio::select! {
                    () = streams.feed(bytes) => {}
                    () = hung_up(outbox) => return,
                }
            }
            Ok(Some((ChunkKind::InputEnd, _))) if wanted => streams.input_ended(),
            Ok(Some(_)) => {}
            Err(_) => return,
        }
    }
}
