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

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::control::Control;
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
    wall_clock_ms: u64,
) -> Result<F::Output, Cut> {
    let mut call = pin!(call);
    let share = control.group().share();
    let mut clock = Clock::start(wall_clock_ms, share).map(Box::new);
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
        if let Some(share) = share {
            share.used(Duration::from_nanos(cpu_ns));
        }
        polled.map(Ok)
    })
    .await
}

/// One turn: its CPU time in nanoseconds and its result.
pub(crate) fn turn<F: Future + ?Sized>(
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

/// The share of a CPU that all processes of a container have together.
#[derive(Debug)]
pub(crate) struct Share {
    /// CPU time in each period.
    part: Duration,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    period_end: Instant,
    /// CPU time used in this period, and what earlier periods used too much.
    used: Duration,
}

impl Share {
    /// In thousandths of one CPU; 0 is no limit.
    pub(crate) fn new(cpu_millis: u32) -> Option<Self> {
        (cpu_millis > 0).then(|| Self {
            part: SHARE_PERIOD.saturating_mul(cpu_millis) / 1000,
            account: Mutex::new(Account { period_end: Instant::now() + SHARE_PERIOD, used: Duration::ZERO }),
        })
    }

    /// CPU time was used.
    pub(crate) fn used(&self, time: Duration) {
        let mut account = self.account.lock();
        account.used = account.used.saturating_add(time);
    }

    /// If the share of this period is used up: when the next begins.
    fn held_until(&self) -> Option<Instant> {
        let mut account = self.account.lock();
        let now = Instant::now();
        if now >= account.period_end {
            // Periods in which it used nothing pay its debt too, but leave nothing over. They follow each other by
            // the clock: a wake-up that comes late, as on a busy machine, takes nothing from the next one.
            let periods = (now - account.period_end).as_nanos() / SHARE_PERIOD.as_nanos() + 1;
            let periods = u32::try_from(periods).unwrap_or(u32::MAX);
            account.used = account.used.saturating_sub(self.part.saturating_mul(periods));
            let passed = SHARE_PERIOD.checked_mul(periods).and_then(|passed| account.period_end.checked_add(passed));
            account.period_end = passed.filter(|end| *end > now).unwrap_or(now + SHARE_PERIOD);
        }
        (account.used >= self.part).then_some(account.period_end)
    }
}

/// The clocks of one process with limits of time.
struct Clock<'a> {
    end: Option<Pin<Box<Sleep>>>,
    share: Option<&'a Share>,
    hold: Option<Pin<Box<Sleep>>>,
}

impl<'a> Clock<'a> {
    /// The clocks that keep the limits; none for a process without any.
    fn start(wall_clock_ms: u64, share: Option<&'a Share>) -> Option<Self> {
        if wall_clock_ms == 0 && share.is_none() {
            return None;
        }
        // A limit past what the clock can count is none.
        let end = || Instant::now().checked_add(Duration::from_millis(wall_clock_ms));
        let end = (wall_clock_ms > 0).then(end).flatten();
        Some(Self { end: end.map(|end| Box::pin(sleep_until(end))), share, hold: None })
    }

    fn wall_clock_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready())
    }

    /// The share of this period is used up; wakes when the next begins.
    fn share_used_up(&mut self, cx: &mut Context<'_>) -> bool {
        self.share.is_some_and(|share| held(share, &mut self.hold, cx))
    }
}

/// Whether a share is used up; wakes when its next period begins. `hold` is kept between calls.
pub(crate) fn held(share: &Share, hold: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> bool {
    loop {
        let Some(end) = share.held_until() else {
            *hold = None;
            return false;
        };
        let waiting = hold.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if waiting.as_mut().poll(cx).is_pending() {
            return true;
        }
        *hold = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn share(cpu_millis: u32) -> Share {
        Share::new(cpu_millis).expect("a share")
    }

    fn clock(share: &Share) -> Clock<'_> {
        Clock::start(0, Some(share)).expect("a clock")
    }

    /// CPU time that guests of these shares get in 60 seconds on one CPU, by turns as long as told, in milliseconds.
    async fn shared(shares: [u32; 2], turns: [&[u64]; 2]) -> [u64; 2] {
        let shares = shares.map(share);
        let mut clocks = shares.each_ref().map(clock);
        let mut turns = turns.map(|turns| turns.iter().cycle());
        let (end, mut used) = (Instant::now() + millis(60_000), [0; 2]);
        while Instant::now() < end {
            let mut idle = true;
            for ((clock, turns), used) in clocks.iter_mut().zip(&mut turns).zip(&mut used) {
                let held = poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await;
                let Some(ms) = turns.next().filter(|_| !held) else { continue };
                tokio::time::advance(millis(*ms)).await;
                clock.share.expect("a share").used(millis(*ms));
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
        let share = share(100);
        let (mut clock, mut used) = (clock(&share), 0);
        let end = Instant::now() + millis(60_000);
        while Instant::now() < end {
            poll_fn(|cx| if clock.share_used_up(cx) { Poll::Pending } else { Poll::Ready(()) }).await;
            tokio::time::advance(millis(late)).await;
            if poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await {
                continue;
            }
            tokio::time::advance(millis(turn)).await;
            share.used(millis(turn));
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
    async fn processes_of_one_container_have_its_share_together() {
        let share = share(100);
        let (mut one, mut other) = (clock(&share), clock(&share));
        share.used(millis(10));
        for clock in [&mut one, &mut other] {
            assert!(poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
        }
        tokio::time::advance(SHARE_PERIOD).await;
        for clock in [&mut one, &mut other] {
            assert!(!poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_work_is_not_saved_up() {
        let share = share(100);
        let mut clock = clock(&share);
        tokio::time::advance(millis(10_000)).await;
        assert!(!poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
        share.used(millis(10));
        assert!(poll_fn(|cx| Poll::Ready(clock.share_used_up(cx))).await);
    }
}
