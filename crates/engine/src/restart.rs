//! The restart policy's decisions: whether, and how long to wait.

use std::time::Duration;

use crate::RestartPolicy;

/// The first wait before a restart.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait before a restart.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A run of at least this length ends the back-off.
const STEADY_RUN: Duration = Duration::from_secs(10);

/// Whether a run that ended with `code` is followed by another. `count`: restarts so far.
pub(crate) fn wanted(policy: RestartPolicy, code: u8, count: u32) -> bool {
    match policy {
        RestartPolicy::No => false,
        RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
        RestartPolicy::OnFailure { max } => code != 0 && (max == 0 || count < max),
    }
}

/// Whether a container found ended at a daemon start is started again.
pub(crate) fn wanted_at_open(policy: RestartPolicy, by_hand: bool, code: u8, count: u32) -> bool {
    match policy {
        RestartPolicy::Always => true,
        RestartPolicy::No | RestartPolicy::UnlessStopped | RestartPolicy::OnFailure { .. } => {
            !by_hand && wanted(policy, code, count)
        }
    }
}

/// The wait before the next restart, after a run of this length and this wait before it.
pub(crate) fn wait(last: Duration, ran: Duration) -> Duration {
    if last.is_zero() || ran >= STEADY_RUN { FIRST_WAIT } else { (last * 2).min(LONGEST_WAIT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_starts_over_after_a_steady_run() {
        let mut last = Duration::ZERO;
        let waits: Vec<u128> = (0..12)
            .map(|_| {
                last = wait(last, Duration::ZERO);
                last.as_millis()
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert_eq!(wait(last, STEADY_RUN), FIRST_WAIT);
    }

    #[test]
    fn on_failure_counts_and_success_ends_it() {
        let policy = RestartPolicy::OnFailure { max: 2 };
        assert!(wanted(policy, 1, 1) && !wanted(policy, 1, 2) && !wanted(policy, 0, 0));
        assert!(wanted(RestartPolicy::OnFailure { max: 0 }, 1, 1000));
    }

    #[test]
    fn a_container_stopped_by_hand_stays_down_unless_its_policy_is_always() {
        assert!(wanted_at_open(RestartPolicy::Always, true, 0, 0));
        assert!(!wanted_at_open(RestartPolicy::UnlessStopped, true, 0, 0));
        assert!(wanted_at_open(RestartPolicy::UnlessStopped, false, 0, 0));
        assert!(!wanted_at_open(RestartPolicy::No, false, 1, 0));
    }
}
