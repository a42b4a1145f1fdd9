//! [`Streams`]: the standard streams of a guest: log, attachments, backpressure.
//!
//! Everything a guest writes goes to its log and to each attachment, in one order for both streams. An attachment that
//! does not read holds the guest once [`TAP_BYTES`] wait for it; one that is gone is dropped. What attachments send waits,
//! bounded, until the guest reads it. Streams may have attachments before their guest is started. They end with
//! [`Streams::finish`]. No task and no buffer belongs to a guest that is idle.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use sprat_sandbox::{Input, InputChunk, Output, Stream};

use crate::frame::{ChunkKind, chunk_head};
use crate::input::{InputBuffer, InputMode};
use crate::log::LogWriter;
use crate::outbox::Outbox;

/// Bytes that may wait for one attachment before the guest is held.
pub(crate) const TAP_BYTES: usize = 1 << 20;

/// Most bytes taken of one write of a guest.
const WRITE_BYTES: usize = 64 << 10;

/// The standard streams of one guest.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Option<Box<LogWriter>>,
    taps: Vec<Arc<Outbox>>,
    writers: Vec<Waker>,
    input: InputBuffer,
    /// What comes is taken whatever waits.
    draining: bool,
    finished: bool,
}

impl State {
    /// Bytes that every attachment has room for.
    fn room(&mut self) -> usize {
        self.taps.retain(|tap| !tap.is_broken());
        if self.draining {
            return WRITE_BYTES;
        }
        let room = |tap: &Arc<Outbox>| TAP_BYTES.saturating_sub(tap.backlog());
        self.taps.iter().map(room).min().unwrap_or(WRITE_BYTES).min(WRITE_BYTES)
    }
}

impl Streams {
    /// Gives the streams what their guest was started with.
    pub(crate) fn configure(&self, log: Option<LogWriter>, input: InputMode) {
        let mut state = self.state.lock();
        state.log = log.map(Box::new);
        state.input.decide(input);
    }

    /// Adds an attachment and sends `answer` to it first. False: the streams have ended.
    pub(crate) fn attach(&self, tap: &Arc<Outbox>, answer: &[u8]) -> bool {
        let mut state = self.state.lock();
        if state.finished {
            return false;
        }
        tap.send(answer, &[]);
        state.taps.push(Arc::clone(tap));
        true
    }

    /// Removes an attachment. Says whether none is left.
    pub(crate) fn detach(&self, tap: &Arc<Outbox>) -> bool {
        let (empty, writers) = {
            let mut state = self.state.lock();
            state.taps.retain(|other| !Arc::ptr_eq(other, tap));
            (state.taps.is_empty(), std::mem::take(&mut state.writers))
        };
        wake(writers);
        empty
    }

    /// An attachment took bytes: the guest may go on.
    pub(crate) fn wake_writers(&self) {
        let writers = std::mem::take(&mut self.state.lock().writers);
        wake(writers);
    }

    /// From now on everything is taken, however slow an attachment is.
    pub(crate) fn drain(&self) {
        self.state.lock().draining = true;
        self.wake_writers();
    }

    /// Ends the streams: the log has everything afterwards, attachments end when they have read everything.
    pub(crate) fn finish(&self) {
        let (writers, taps) = {
            let mut state = self.state.lock();
            state.finished = true;
            if let Some(mut log) = state.log.take() {
                log.finish();
            }
            state.input.decide(InputMode::Closed);
            (std::mem::take(&mut state.writers), std::mem::take(&mut state.taps))
        };
        for tap in &taps {
            tap.finish();
        }
        wake(writers);
    }

    /// Whether there is an attachment.
    pub(crate) fn is_attached(&self) -> bool {
        !self.state.lock().taps.is_empty()
    }

    /// Waits for [`Self::finish`].
    pub(crate) async fn finished(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.state.lock();
            if state.finished {
                return Poll::Ready(());
            }
            remember(&mut state.writers, cx);
            Poll::Pending
        })
        .await;
    }

    /// Gives the guest input; waits until there is room.
    pub(crate) async fn feed(&self, bytes: Bytes) {
        let mut bytes = Some(bytes);
        std::future::poll_fn(|cx| {
            let mut state = self.state.lock();
            match bytes.take() {
                Some(chunk) => match state.input.push(chunk, cx) {
                    Ok(()) => Poll::Ready(()),
                    Err(chunk) => {
                        bytes = Some(chunk);
                        Poll::Pending
                    }
                },
                None => Poll::Ready(()),
            }
        })
        .await;
    }

    /// An attachment will send no more input.
    pub(crate) fn input_ended(&self) {
        self.state.lock().input.source_ended();
    }
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// Remembers a waker, once.
pub(crate) fn remember(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl Output for Streams {
    fn write(&self, stream: Stream, bytes: &[u8]) -> Option<usize> {
        let mut state = self.state.lock();
        if state.finished {
            return None;
        }
        let taken = bytes.get(..state.room().min(bytes.len())).unwrap_or(bytes);
        if taken.is_empty() {
            return Some(0);
        }
        if let Some(log) = &mut state.log {
            log.write(stream, taken);
        }
        let head = chunk_head(ChunkKind::Output(stream), taken.len());
        state.taps.retain(|tap| tap.send(&head, taken));
        Some(taken.len())
    }

    fn poll_ready(&self, _stream: Stream, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.finished || state.room() > 0 {
            return Poll::Ready(());
        }
        remember(&mut state.writers, cx);
        Poll::Pending
    }
}

impl Input for Streams {
    fn read(&self, max: usize) -> InputChunk {
        self.state.lock().input.read(max)
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.state.lock().input.poll_ready(cx)
    }
}
