//! [`Admission`]: how many requests a service answers at once, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::ServiceSpec;

/// How many requests a service answers at once, and how many wait.
#[derive(Debug)]
pub(super) struct Admission {
    instances: Arc<Semaphore>,
    queue: u32,
    wait: Duration,
}

/// A request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many wait as may.
    QueueFull,
    /// It waited as long as it may.
    TooLong,
    /// The service is gone.
    Closed,
}

impl Admission {
    pub(super) fn new(spec: &ServiceSpec) -> Self {
        let instances = usize::try_from(spec.instances.max(1)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            instances: Arc::new(Semaphore::new(instances)),
            queue: spec.queue,
            wait: Duration::from_millis(spec.queue_ms),
        }
    }

    /// Waits for a turn; `queued` counts those who do.
    pub(super) async fn enter(&self, queued: &AtomicU32) -> Result<OwnedSemaphorePermit, Refused> {
        match Arc::clone(&self.instances).try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(Refused::Closed),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _place = Queued::take(queued, self.queue)?;
        match tokio::time::timeout(self.wait, Arc::clone(&self.instances).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Refused::Closed),
            Err(_) => Err(Refused::TooLong),
        }
    }

    /// Lets nobody in any more, those who wait included.
    pub(super) fn close(&self) {
        self.instances.close();
    }
}

/// A place among those who wait.
struct Queued<'a>(&'a AtomicU32);

impl<'a> Queued<'a> {
    fn take(queued: &'a AtomicU32, most: u32) -> Result<Self, Refused> {
        let more = |waiting| (waiting < most).then(|| waiting + 1);
        match queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Self(queued)),
            Err(_) => Err(Refused::QueueFull),
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn admission(instances: u32, queue: u32) -> Admission {
        Admission::new(&ServiceSpec { instances, queue, queue_ms: 1000, ..ServiceSpec::default() })
    }

    #[tokio::test]
    async fn who_comes_first_is_first() {
        let (admission, queued) = (admission(1, 2), AtomicU32::new(0));
        let permit = admission.enter(&queued).await.expect("free");
        let mut cx = Context::from_waker(Waker::noop());
        let (mut first, mut second) = (pin!(admission.enter(&queued)), pin!(admission.enter(&queued)));
        assert!(first.as_mut().poll(&mut cx).is_pending() && second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(queued.load(Ordering::Relaxed), 2);
        assert_eq!(admission.enter(&queued).await.unwrap_err(), Refused::QueueFull);
        drop(permit);
        assert!(second.as_mut().poll(&mut cx).is_pending() && first.as_mut().poll(&mut cx).is_ready());
        assert_eq!(queued.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_deadline() {
        let (admission, queued) = (admission(1, 1), AtomicU32::new(0));
        let _permit = admission.enter(&queued).await.expect("free");
        assert_eq!(admission.enter(&queued).await.unwrap_err(), Refused::TooLong);
        assert_eq!(queued.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_waits_for_a_service_that_ends_is_told() {
        let (admission, queued) = (admission(1, 1), AtomicU32::new(0));
        let _permit = admission.enter(&queued).await.expect("free");
        let mut waiting = pin!(admission.enter(&queued));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        admission.close();
        assert_eq!(waiting.await.unwrap_err(), Refused::Closed);
    }
}
