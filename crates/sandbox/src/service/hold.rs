//! [`Hold`]: holds calls while their container is paused, and ends them when it is killed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// How far a service has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It answers.
    Open = 0,
    /// It answers what came before, and connections end with the next answer.
    Draining = 1,
    /// All calls end at once.
    Cut = 2,
}

/// What tells all connections and calls of a service that something changed.
#[derive(Debug)]
pub(super) struct Hold {
    stage: AtomicU8,
    changed: Arc<Notify>,
}

/// One who wants to be told. Costs nothing until it has to wait.
#[derive(Debug, Default)]
pub(super) struct Told(Option<Pin<Box<OwnedNotified>>>);

impl Hold {
    pub(super) fn new() -> Self {
        Self { stage: AtomicU8::new(Stage::Open as u8), changed: Arc::default() }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::SeqCst) {
            0 => Stage::Open,
            1 => Stage::Draining,
            _ => Stage::Cut,
        }
    }

    /// Goes on to a stage; there is no way back.
    pub(super) fn advance(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::SeqCst);
        self.tell();
    }

    /// Has all look again.
    pub(super) fn tell(&self) {
        self.changed.notify_waiters();
    }

    /// Registers who polls, to be woken by the next change. What is looked at after it is not missed.
    pub(super) fn register(&self, told: &mut Told, cx: &mut Context<'_>) {
        loop {
            let waiting = told.0.get_or_insert_with(|| Box::pin(Arc::clone(&self.changed).notified_owned()));
            match waiting.as_mut().poll(cx) {
                Poll::Pending => return,
                Poll::Ready(()) => told.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_of_each_change() {
        let hold = Arc::new(Hold::new());
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let hold = Arc::clone(&hold);
                tokio::spawn(async move {
                    let mut told = Told::default();
                    poll_fn(|cx| {
                        hold.register(&mut told, cx);
                        if hold.stage() == Stage::Cut { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                })
            })
            .collect();
        tokio::task::yield_now().await;
        hold.advance(Stage::Draining);
        tokio::task::yield_now().await;
        hold.advance(Stage::Cut);
        hold.advance(Stage::Draining);
        assert_eq!(hold.stage(), Stage::Cut);
        for waiter in waiters {
            waiter.await.expect("no panic");
        }
    }
}
