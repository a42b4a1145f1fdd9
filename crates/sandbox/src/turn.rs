//! [`take_turns`]: drives a guest's call and holds it to its limits of time.
//!
//! A turn on a CPU lasts until the guest waits for something or an epoch makes it yield. Between two turns requests to
//! stop and to pause count, as do the wall clock and the CPU share. A guest without epoch checks has one turn until it
//! waits; such a guest has a process of its own, which its owner can kill.
//!
//! A share is kept by the CPU time that the thread's clock measured, never by ticks. A tick that comes late, as on a busy
//! machine, makes one turn longer, and the guest is held until its share has paid for it; over a few periods what it gets
//! is exact, within one it may not be.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Limits;
use crate::guest::Control;
use crate::ticker::Ticker;

/// The period over which a CPU share is kept.
const SHARE_PERIOD: Duration = Duration::from_millis(100);

/// Why a call was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A stop request with this exit status.
    Stopped(u8),
    /// The wall-clock limit.
    TimedOut,
}

/// Runs `call` to its end, or until it is to be cut off; its caller drops it then.
pub(crate) async fn take_turns<F: Future>(
    call: F,
    control: &Control,
    ticker: &Arc<Ticker>,
    limits: &TimeLimits,
) -> Result<F::Output, Cut> {
    let mut call = pin!(call);
    let mut clock = limits.start().map(Box::new);
    poll_fn(|cx| {
        control.register(cx.waker());
        if let Some(status) = control.stop_requested() {
            return Poll::Ready(Err(Cut::Stopped(status)));
        }
        if let Some(clock) = clock.as_deref_mut() {
            if clock.wall_clock_over(cx) {
                return Poll::Ready(Err(Cut::TimedOut));
            }
            if !control.paused() && clock.share_used_up(cx) {
                return Poll::Pending;
            }
        }
        if control.paused() {
            return Poll::Pending;
        }
        let (cpu_ns, polled) = turn(call.as_mut(), cx, control, ticker);
        if let Some(clock) = clock.as_deref_mut() {
            clock.used += Duration::from_nanos(cpu_ns);
        }
        polled.map(Ok)
    })
    .await
}

/// One turn: its CPU time in nanoseconds and its result.
fn turn<F: Future>(
    call: Pin<&mut F>,
    cx: &mut Context<'_>,
    control: &Control,
    ticker: &Ticker,
) -> (u64, Poll<F::Output>) {
    let on_cpu = ticker.on_cpu();
    control.enter_cpu();
    let begin = thread_cpu_ns();
    let polled = call.poll(cx);
    let cpu_ns = thread_cpu_ns().saturating_sub(begin);
    control.leave_cpu(cpu_ns);
    drop(on_cpu);
    (cpu_ns, polled)
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, ns) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(ns)
}

/// A guest's limits of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    wall_clock_ms: u64,
    cpu_millis: u32,
}

impl TimeLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { wall_clock_ms: limits.wall_clock_ms, cpu_millis: limits.cpu_millis }
    }

    /// The clocks that keep the limits; none for a guest without any.
    fn start(self) -> Option<Clock> {
        if self.wall_clock_ms == 0 && self.cpu_millis == 0 {
            return None;
        }
        let now = Instant::now();
        // A limit past what the clock can count is none.
        let end =
            (self.wall_clock_ms > 0).then(|| now.checked_add(Duration::from_millis(self.wall_clock_ms))).flatten();
        let share = SHARE_PERIOD.saturating_mul(self.cpu_millis) / 1000;
        Some(Clock {
            end: end.map(|end| Box::pin(sleep_until(end))),
            share: (self.cpu_millis > 0).then_some(share),
            period_end: now + SHARE_PERIOD,
            used: Duration::ZERO,
            hold: None,
        })
    }
}

/// The clocks of one guest with limits of time.
struct Clock {
    end: Option<Pin<Box<Sleep>>>,
    share: Option<Duration>,
    period_end: Instant,
    /// CPU time used in this period, and what earlier periods used too much.
    used: Duration,
    hold: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn wall_clock_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready())
    }

    /// The share of this period is used up; wakes when the next begins.
    fn share_used_up(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(share) = self.share else { return false };
        loop {
            let now = Instant::now();
            if now >= self.period_end {
                // Periods in which it used nothing pay its debt too, but leave nothing over. They follow each other by
                // the clock: a wake-up that comes late, as on a busy machine, takes nothing from the next one.
                let periods = (now - self.period_end).as_nanos() / SHARE_PERIOD.as_nanos() + 1;
                let periods = u32::try_from(periods).unwrap_or(u32::MAX);
                self.used = self.used.saturating_sub(share.saturating_mul(periods));
                let passed = SHARE_PERIOD.checked_mul(periods).and_then(|passed| self.period_end.checked_add(passed));
                self.period_end = passed.filter(|end| *end > now).unwrap_or(now + SHARE_PERIOD);
            }
            if self.used < share {
                self.hold = None;
                return false;
            }
            let end = self.period_end;
            let hold = self.hold.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if hold.as_mut().poll(cx).is_pending() {
                return true;
            }
            self.hold = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn clock(cpu_millis: u32) -> Clock {
        let limits = Limits { cpu_millis, ..Limits::default() };
        TimeLimits::new(&limits).start().expect("a share")
    }

    /// CPU time that guests of these shares get in 60 seconds on one CPU, by turns as long as told, in milliseconds.
    async fn shared(shares: [u32; 2], turns: [&[u64]; 2]) -> [u64; 2] {
        let mut clocks = shares.map(clock);
        let mut turns = turns.map(|turns| turns.iter().cycle());
        let (end, mut used) = (Instant::now() + millis(60_000), [0; 2]);
        while Instant::now() < end {
            let mut idle = true;
            for ((clock, turns), used) in clocks.iter_mut().zip(&mut turns).zip(&mut used) {
                let held = poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await;
                let Some(ms) = turns.next().filter(|_| !held) else { continue };
                tokio::time::advance(millis(*ms)).await;
                clock.used += millis(*ms);
                *used += ms;
                idle = false;
            }
            if idle {
                tokio::time::advance(millis(1)).await;
            }
        }
        used
    }

    #[tokio::test(start_paused = true)]
    async fn what_guests_get_is_as_their_shares_whatever_their_turns() {
        for turns in [[&[1][..], &[1]], [&[2, 5], &[40]], [&[30], &[1]]] {
            let [less, more] = shared([100, 300], turns).await;
            assert!((5_500..=6_100).contains(&less) && (16_500..=18_300).contains(&more), "{turns:?}: {less} {more}");
        }
    }

    /// CPU time that a guest of a tenth gets in a minute, in milliseconds, if each turn lasts as long as told and it gets
    /// its next turn so much later than it could have.
    async fn alone(turn: u64, late: u64) -> u64 {
        let (mut clock, mut used) = (clock(100), 0);
        let end = Instant::now() + millis(60_000);
        while Instant::now() < end {
            poll_fn(|cx| if clock.share_used_up(cx) { Poll::Pending } else { Poll::Ready(()) }).await;
            tokio::time::advance(millis(late)).await;
            if poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await {
                continue;
            }
            tokio::time::advance(millis(turn)).await;
            clock.used += millis(turn);
            used += turn;
        }
        used
    }

    #[tokio::test(start_paused = true)]
    async fn late_wake_ups_and_late_ticks_take_nothing_and_give_nothing() {
        for (turn, late) in [(1, 0), (10, 45), (10, 85), (300, 0), (300, 70)] {
            let used = alone(turn, late).await;
            assert!((5_700..=6_300).contains(&used), "turns of {turn} ms, {late} ms late: {used} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_work_is_not_saved_up() {
        let mut clock = clock(100);
        tokio::time::advance(millis(10_000)).await;
        assert!(!poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
        clock.used += millis(10);
        assert!(poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
    }
}
