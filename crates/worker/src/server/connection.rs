//! One connection of a client: reads requests, answers each, in any order.
//!
//! A request is done inline; only a start that has to wait becomes a task. A request that is not understood is refused,
//! the connection goes on; only a frame past the size limit ends it, since the next one can't be found.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::Server;
use crate::frame::{self, Oversized};
use crate::host::Host;
use crate::outbox::{Outbox, read_some};
use crate::wire::{
    AttachRequest, Hello, ListRequest, Named, Op, Outgoing, PROTOCOL, PauseRequest, Payload, Refusal, RequestBody,
    RequestHead, ResizeRequest, StopRequest, Welcome, code,
};
use crate::{ExecRequest, StartRequest, outbox};

/// Starts of one connection that may wait at once.
const STARTS_WAITING: usize = 1024;

/// Answers and events that may wait for a client, in bytes; then it is cut off, and lists when it comes back.
const BACKLOG_BYTES: usize = 64 << 20;

/// What a connection goes on as.
enum Then {
    /// Nothing: it ended.
    End,
    /// An attachment.
    Attach(u64, AttachRequest),
}

impl<H: Host> Server<H> {
    /// Serves one connection until it ends.
    pub(super) async fn serve_connection(self: Arc<Self>, outbox: Arc<Outbox>) {
        if !is_trusted(outbox.stream()) {
            return;
        }
        self.activity.enter();
        let mut read = BytesMut::new();
        let then = {
            let mut sending = pin!(outbox.run(|| ()));
            tokio::select! {
                then = self.read_requests(&outbox, &mut read) => {
                    if matches!(then, Then::End) {
                        outbox.finish();
                        // Answers to a client that closed only its sending side.
                        let _ = tokio::time::timeout(LINGER, &mut sending).await;
                    }
                    then
                }
                () = &mut sending => Then::End,
            }
        };
        self.disown(&outbox);
        if let Then::Attach(seq, request) = then {
            self.serve_attachment(seq, request, &outbox, read).await;
        }
        self.activity.leave();
    }

    async fn read_requests(self: &Arc<Self>, outbox: &Arc<Outbox>, read: &mut BytesMut) -> Then {
        let starts = Arc::new(Semaphore::new(STARTS_WAITING));
        loop {
            match frame::next_message(read) {
                Ok(None) => {
                    if !read_some(outbox.stream(), read).await {
                        return Then::End;
                    }
                }
                Ok(Some(message)) => {
                    if let Some(then) = self.dispatch(outbox, &message, &starts).await {
                        return then;
                    }
                }
                Err(Oversized(bytes)) => {
                    let message = format!("a message of {bytes} bytes is past the limit of {}", frame::MESSAGE_BYTES);
                    answer::<()>(outbox, 0, Err(Refusal::new(code::TOO_LARGE, message)));
                    return Then::End;
                }
            }
        }
    }

    async fn dispatch(self: &Arc<Self>, outbox: &Arc<Outbox>, message: &[u8], starts: &Arc<Semaphore>) -> Option<Then> {
        let head: RequestHead<'_> = match serde_json::from_slice(message) {
            Ok(head) => head,
            Err(error) => {
                answer::<()>(outbox, 0, Err(malformed(&error)));
                return None;
            }
        };
        let seq = head.seq;
        let Some(op) = Op::parse(&head.op) else {
            let message = format!("this worker does not know the request {:?}; it may be older", head.op);
            answer::<()>(outbox, seq, Err(Refusal::new(code::UNKNOWN_REQUEST, message)));
            return None;
        };
        match op {
            Op::Hello => answer(outbox, seq, body(message).and_then(|hello| self.welcome(&hello, outbox))),
            Op::Start => match body(message) {
                Ok(request) => self.dispatch_start(outbox, seq, request, starts).await,
                Err(refusal) => answer::<()>(outbox, seq, Err(refusal)),
            },
            Op::Attach => match body(message) {
                Ok(request) => return Some(Then::Attach(seq, request)),
                Err(refusal) => answer::<()>(outbox, seq, Err(refusal)),
            },
            Op::Stop => answer(outbox, seq, body(message).and_then(|it: StopRequest| self.stop(&it.id, it.why))),
            Op::Pause => answer(outbox, seq, body(message).and_then(|it: PauseRequest| self.pause(&it.id, it.paused))),
            Op::Resize => answer(outbox, seq, body(message).and_then(|it: ResizeRequest| self.resize(&it))),
            Op::List => {
                answer(outbox, seq, body(message).map(|it: ListRequest| self.table.list(it.after.as_deref())));
            }
            Op::Usage => {
                let usage = |it: Named| Ok(self.table.get(&it.id)?.usage());
                answer(outbox, seq, body(message).and_then(usage));
            }
            Op::Forget => answer(outbox, seq, body(message).and_then(|it: Named| self.forget(&it.id))),
            Op::Exec => match body(message) {
                Ok(request) => self.dispatch_exec(outbox, seq, request, starts).await,
                Err(refusal) => answer::<()>(outbox, seq, Err(refusal)),
            },
            Op::Processes => answer(outbox, seq, body(message).and_then(|it: Named| self.processes(&it.id))),
            Op::Supply => answer(outbox, seq, body(message).and_then(|it| self.supply(it))),
            Op::Shutdown => {
                let (server, outbox) = (Arc::clone(self), Arc::clone(outbox));
                tokio::spawn(async move {
                    server.kill_all().await;
                    answer(&outbox, seq, Ok(()));
                    server.ended.notify_one();
                });
            }
        }
        None
    }

    /// Starts a guest.
    async fn dispatch_start(
        self: &Arc<Self>,
        outbox: &Arc<Outbox>,
        seq: u64,
        request: StartRequest,
        starts: &Arc<Semaphore>,
    ) {
        let (server, to) = (Arc::clone(self), Arc::clone(outbox));
        let start = async move {
            let started = server.start(request, &to).await;
            // The answer goes out before the guest can end, so that no event overtakes it.
            answer(&to, seq, started.as_ref().map(|_| ()).map_err(Clone::clone));
            if let Ok(started) = started {
                server.watch(started);
            }
        };
        begin(outbox, seq, starts, start).await;
    }

    /// Likewise a further process.
    async fn dispatch_exec(
        self: &Arc<Self>,
        outbox: &Arc<Outbox>,
        seq: u64,
        request: ExecRequest,
        starts: &Arc<Semaphore>,
    ) {
        let (server, to) = (Arc::clone(self), Arc::clone(outbox));
        let start = async move {
            match server.exec(request, &to).await {
                Ok((started, executed)) => {
                    answer(&to, seq, Ok(executed));
                    server.watch(started);
                }
                Err(refusal) => answer::<()>(&to, seq, Err(refusal)),
            }
        };
        begin(outbox, seq, starts, start).await;
    }

    fn welcome(&self, hello: &Hello, outbox: &Arc<Outbox>) -> Result<Welcome, Refusal> {
        if hello.protocol == 0 {
            return Err(Refusal::new(code::PROTOCOL, format!("this worker speaks protocol 1 to {PROTOCOL}, not 0")));
        }
        if hello.owner {
            self.own(outbox)?;
        }
        Ok(Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.options.name.clone(),
            pid: std::process::id(),
            warnings: self.warnings.clone(),
            journal: self.options.journal.clone(),
        })
    }

    /// The newest owner is the only one. What an earlier one sent last, maybe killed meanwhile, must not start a guest
    /// that the new one has not seen: its connection is cut under the lock that starts take. Of clients that came while
    /// this worker did not run, the last counts, whichever is read first.
    fn own(&self, outbox: &Arc<Outbox>) -> Result<(), Refusal> {
        let mut owner = self.owner.lock();
        if outbox.serial() < self.newest_owner.fetch_max(outbox.serial(), Ordering::Relaxed) {
            return Err(Refusal::new(code::SUPERSEDED, "another owner took this worker over"));
        }
        if let Some(earlier) = owner.replace(Arc::clone(outbox))
            && !Arc::ptr_eq(&earlier, outbox)
        {
            earlier.cut();
        }
        drop(owner);
        self.ask_again(outbox);
        Ok(())
    }

    fn disown(&self, outbox: &Arc<Outbox>) {
        let mut owner = self.owner.lock();
        if owner.as_ref().is_some_and(|owner| Arc::ptr_eq(owner, outbox)) {
            *owner = None;
        }
    }

    /// Whether no guest may be started any more.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }
}

/// Starts at once if nothing has to be waited for, without a task.
async fn begin(
    outbox: &Arc<Outbox>,
    seq: u64,
    starts: &Arc<Semaphore>,
    start: impl Future<Output = ()> + Send + 'static,
) {
    let Ok(permit) = Arc::clone(starts).try_acquire_owned() else {
        let message = format!("{STARTS_WAITING} starts of this connection wait already");
        return answer::<()>(outbox, seq, Err(Refusal::new(code::BUSY, message)));
    };
    let mut start = Box::pin(async move {
        let _permit = permit;
        start.await;
    });
    let polled = std::future::poll_fn(|cx| Poll::Ready(start.as_mut().poll(cx))).await;
    if polled.is_pending() {
        tokio::spawn(start);
    }
}

/// How long answers may still go to a client that sends nothing more.
const LINGER: std::time::Duration = std::time::Duration::from_secs(5);

/// Only the same user, or root, may drive a worker.
fn is_trusted(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

fn body<T: DeserializeOwned>(message: &[u8]) -> Result<T, Refusal> {
    let parsed: Result<RequestBody<T>, _> = serde_json::from_slice(message);
    parsed.map(|request| request.body).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::new(code::MALFORMED, format!("the message can't be read: {error}"))
}

/// Answers a request.
pub(super) fn answer<T: Serialize>(outbox: &outbox::Outbox, seq: u64, result: Result<T, Refusal>) {
    match result {
        Ok(value) => send(outbox, seq, Payload::Ok(value)),
        Err(refusal) => send(outbox, seq, Payload::<()>::Err(refusal)),
    }
}

/// Sends an answer or an event; a client that takes nothing is cut off.
pub(super) fn send<T: Serialize>(outbox: &outbox::Outbox, seq: u64, payload: Payload<T>) {
    match frame::message(&Outgoing { seq, payload }) {
        Ok(message) => {
            outbox.send(&message, &[]);
            if outbox.backlog() > BACKLOG_BYTES {
                outbox.cut();
            }
        }
        Err(Oversized(bytes)) => {
            let refusal = Refusal::new(code::TOO_LARGE, format!("the answer has {bytes} bytes"));
            if let Ok(message) = frame::message(&Outgoing { seq, payload: Payload::<()>::Err(refusal) }) {
                outbox.send(&message, &[]);
            }
        }
    }
}
