//! [`Call`]: one request being answered by one instance.
//!
//! Whoever wants the answer polls the guest: there is no task and no channel between them, and a guest whose caller went
//! away is dropped with its call. What a guest does after its answer runs in a task of its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::Refusal;
use super::body::AnswerBody;
use super::hold::{Stage, Told};
use super::instance::{Finished, Instance, Slot};
use super::request::{Incoming, Progress};
use super::shared::Service;
use crate::place::Place;
use crate::prepared::Prepared;
use crate::turn::{held, turn};

/// One request being answered by one instance.
pub(super) struct Call {
    service: Arc<Service>,
    guest: Option<Pin<Box<dyn Future<Output = Finished> + Send>>>,
    slot: Arc<Slot>,
    progress: Arc<Progress>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Until the next period of its CPU share.
    rest: Option<Pin<Box<Sleep>>>,
    told: Told,
    _turn: OwnedSemaphorePermit,
}

/// What answers a call.
pub(super) enum By {
    /// An instance that is there already.
    Ready(Instance),
    /// One that has a place, and is to be made.
    Fresh(Arc<Prepared>, Place),
}

/// Why a call ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its container ends.
    Stopped,
    /// Nothing happened for as long as nothing may.
    TooSlow,
    /// Its guest trapped, or could not be made.
    Failed,
}

impl From<Ended> for Refusal {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Stopped => Self::Ending,
            Ended::TooSlow => Self::TooSlow,
            Ended::Failed => Self::Failed,
        }
    }
}

impl Call {
    /// A call that is not begun.
    pub(super) fn new(
        service: Arc<Service>,
        by: By,
        (request, progress): (Incoming, Arc<Progress>),
        turn: OwnedSemaphorePermit,
    ) -> Self {
        service.figures.begin();
        let slot = Arc::<Slot>::default();
        let (answer, parts) = (Arc::clone(&slot), Arc::clone(&service.parts));
        let guest = Box::pin(async move {
            let instance = match by {
                By::Ready(instance) => instance,
                By::Fresh(program, place) => match Service::instantiate(&program, &parts, place).await {
                    Ok(instance) => instance,
                    Err(error) => return Finished { instance: None, result: Err(error), out_of_memory: false },
                },
            };
            drop(parts);
            instance.answer(request, answer).await
        });
        Self {
            service,
            guest: Some(guest),
            slot,
            progress,
            deadline: None,
            rest: None,
            told: Told::default(),
            _turn: turn,
        }
    }

    /// Waits for the head of the answer.
    pub(super) async fn answer(mut self) -> Result<Response<AnswerBody>, Refusal> {
        let patience = Duration::from_millis(self.service.spec.answer_ms);
        let answer = poll_fn(|cx| {
            let polled = self.poll(cx, patience);
            match (polled, self.slot.take()) {
                // It trapped when it had answered: nothing is out yet.
                (Poll::Ready(Err(ended)), _) => Poll::Ready(Err(ended.into())),
                (_, Some(answer)) => Poll::Ready(Ok(answer)),
                (Poll::Ready(Ok(())), None) => Poll::Ready(Err(Refusal::NoAnswer)),
                (Poll::Pending, None) => Poll::Pending,
            }
        });
        match answer.await {
            Ok(Ok(response)) => {
                self.service.figures.answered(self.progress.begin().elapsed());
                let (head, body) = response.into_parts();
                let body = AnswerBody::gather(self, body).await;
                Ok(Response::from_parts(head, body))
            }
            Ok(Err(code)) => {
                self.service.failed(format!("the service answered with an error: {code}"));
                Err(Refusal::Failed)
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::NoAnswer | Refusal::TooSlow) {
                    self.service.failed(refusal.to_string());
                }
                Err(refusal)
            }
        }
    }

    /// Lets the guest go on until it waits for something, or has ended. `patience` is how long nothing may happen.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, patience: Duration) -> Poll<Result<(), Ended>> {
        let Some(guest) = &mut self.guest else { return Poll::Ready(Ok(())) };
        let service = &self.service;
        if service.hold.stage() == Stage::Cut {
            self.guest = None;
            return Poll::Ready(Err(Ended::Stopped));
        }
        let control = &service.parts.around.control;
        let share = control.group().share();
        let paused = control.paused();
        if !paused && !share.is_some_and(|share| held(share, &mut self.rest, cx)) {
            let (cpu_ns, polled) = turn(guest.as_mut(), cx, control, &service.core.ticker);
            if let Some(share) = share {
                share.used(Duration::from_nanos(cpu_ns));
            }
            if let Poll::Ready(finished) = polled {
                self.guest = None;
                return Poll::Ready(service.finished(finished));
            }
        }
        service.hold.register(&mut self.told, cx);
        if service.hold.stage() == Stage::Cut || control.paused() != paused {
            cx.waker().wake_by_ref();
        }
        if paused || !self.waited_for(cx, patience) {
            return Poll::Pending;
        }
        self.guest = None;
        Poll::Ready(Err(Ended::TooSlow))
    }

    /// Something happened.
    pub(super) fn note(&self) {
        self.progress.note();
    }

    /// Nothing happened for as long as nothing may.
    fn waited_for(&mut self, cx: &mut Context<'_>, patience: Duration) -> bool {
        loop {
            let end = Instant::from_std(self.progress.last()) + patience;
            let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if deadline.as_mut().poll(cx).is_pending() {
                return false;
            }
            if end <= Instant::now() {
                return true;
            }
            self.deadline = None;
        }
    }

    /// Whether its guest may still do something.
    pub(super) const fn is_open(&self) -> bool {
        self.guest.is_some()
    }

    /// Lets the guest end what it does after its answer, in a task of its own.
    pub(super) fn finish(mut self) {
        let patience = Duration::from_millis(self.service.spec.answer_ms);
        self.note();
        tokio::spawn(async move { poll_fn(|cx| self.poll(cx, patience)).await });
    }

    pub(super) fn stall(&self) -> Duration {
        Duration::from_millis(self.service.spec.stall_ms)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.service.figures.end();
    }
}
