//! [`AnswerBody`]: the body of an answer, which drives its guest.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::call::{Call, Ended};

/// Parts of a body that are taken before the head goes out, so that a short answer is one write with its length told.
const AHEAD: usize = 4;

/// The body of an answer.
pub(crate) struct AnswerBody(State);

enum State {
    Whole(Option<Bytes>),
    Streamed(Option<Box<Streamed>>),
}

/// A body that its guest may still be writing.
struct Streamed {
    call: Call,
    body: WasiBody,
    ahead: VecDeque<Frame<Bytes>>,
    ended: bool,
}

impl AnswerBody {
    pub(super) const fn whole(bytes: Bytes) -> Self {
        Self(State::Whole(Some(bytes)))
    }

    /// A guest's body. What is there of it already is taken, and a body that is all there is whole.
    pub(super) async fn gather(call: Call, body: WasiBody) -> Self {
        let mut streamed = Streamed { call, body, ahead: VecDeque::new(), ended: false };
        poll_fn(|cx| {
            streamed.take_ahead(cx);
            Poll::Ready(())
        })
        .await;
        let whole = streamed.ended && streamed.ahead.len() <= 1 && streamed.ahead.iter().all(Frame::is_data);
        if !whole {
            return Self(State::Streamed(Some(Box::new(streamed))));
        }
        let bytes = streamed.ahead.pop_front().and_then(|frame| frame.into_data().ok());
        streamed.let_go();
        Self(State::Whole(bytes))
    }
}

impl Streamed {
    fn take_ahead(&mut self, cx: &mut Context<'_>) {
        while !self.ended && self.ahead.len() < AHEAD {
            match self.poll(cx) {
                Poll::Ready(Some(Ok(frame))) => self.ahead.push_back(frame),
                Poll::Ready(None) => return,
                // It is told when the head is out: the body is cut.
                Poll::Ready(Some(Err(error))) => {
                    self.body = http_body_util::BodyExt::boxed_unsync(Broken(Some(error)));
                    self.ended = false;
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// The next part of the body. The guest goes on when there is none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut polled = self.poll_body(cx);
        if polled.is_pending() && self.call.is_open() {
            let stall = self.call.stall();
            if let Poll::Ready(Err(ended)) = self.call.poll(cx, stall) {
                self.ended = true;
                return Poll::Ready(Some(Err(cut(ended))));
            }
            polled = self.poll_body(cx);
        }
        polled
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(_))) => self.call.note(),
            Poll::Ready(None | Some(Err(_))) => self.ended = true,
            Poll::Pending => {}
        }
        polled
    }

    /// The body is out; what its guest does after it goes on without anybody.
    fn let_go(self) {
        if self.call.is_open() {
            self.call.finish();
        }
    }
}

fn cut(ended: Ended) -> Error {
    match ended {
        Ended::Stopped => Error::ConnectionTerminated,
        Ended::TooSlow => Error::HttpResponseTimeout,
        Ended::Failed => Error::HttpResponseIncomplete,
    }
}

/// A body that only has an error.
struct Broken(Option<Error>);

impl Body for Broken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let streamed = match &mut self.0 {
            State::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            State::Streamed(streamed) => streamed,
        };
        let Some(open) = streamed else { return Poll::Ready(None) };
        if let Some(frame) = open.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let polled = open.poll(cx);
        if let Poll::Ready(None) = polled
            && let Some(open) = streamed.take()
        {
            open.let_go();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Whole(None) | State::Streamed(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            State::Streamed(None) => SizeHint::with_exact(0),
            State::Streamed(Some(_)) => SizeHint::default(),
        }
    }
}
