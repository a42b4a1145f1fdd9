//! The container state machine: one exhaustive match on (state, input), pure data in and out.
//!
//! It decides; it does nothing itself. Whoever feeds it performs the actions it answers with, in their order.
//! Invariants (tested on random interleavings): an exit of the current run is recorded exactly once, nothing is started
//! twice, and a removed container stays removed.

/// Where a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Made, never started.
    Created,
    /// A worker was asked to start it.
    Starting(Before),
    /// Running.
    Running,
    /// Running, but held.
    Paused,
    /// Running, and asked by hand to end.
    Stopping,
    /// Waiting for its restart policy.
    Restarting,
    /// Ended.
    Exited,
    /// Being removed.
    Removing,
    /// Its removal failed.
    Dead,
    /// Removed. Final.
    Gone,
}

/// What a container was before it was being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Before {
    /// Never started.
    Created,
    /// Ended.
    Exited,
    /// Waiting for its restart policy.
    Restarting,
}

/// What happens to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Somebody wants it to run.
    Start,
    /// The worker runs it.
    Started,
    /// It could not be started; `again`: its policy wants another try.
    StartFailed { again: bool },
    /// Somebody wants it to end gracefully.
    Stop,
    /// Somebody wants it to end for good: KILL, or its stop signal.
    Kill,
    /// A signal that is no request to stay down.
    Signal,
    /// Its run ended, by itself or with its worker; `again`: its policy wants it started again.
    Exited { again: bool },
    /// Somebody wants it held.
    Pause,
    /// Somebody wants it to go on.
    Unpause,
    /// Somebody wants it removed.
    Remove,
    /// Its removal is complete.
    Removed,
    /// Its removal failed half way.
    RemoveFailed,
    /// The back-off of its restart policy is over.
    RestartDue,
}

/// What is to be done after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask a worker to start it.
    Launch,
    /// Tell that it started.
    AnnounceStart,
    /// Keep the exit until the start is complete, then feed it again.
    ParkExit,
    /// Feed the parked exit, if there is one.
    ReplayExit,
    /// Record the exit durably, tell it, wake those who wait, let the worker forget it.
    RecordExit,
    /// Record why it could not be started.
    RecordFailure,
    /// The worker may forget this guest; nothing else is left to do.
    Forget,
    /// Pass a stop request or signal to the worker.
    Send,
    /// Let the held guest go on, so that it can end.
    Resume,
    /// Wait for the back-off, then feed `RestartDue`.
    ScheduleRestart,
    /// Drop the back-off's timer.
    CancelRestart,
    /// Remove it if that was asked for at its creation.
    AutoRemove,
    /// Remove its files, volumes and row.
    Delete,
}

/// Why an input is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is so already.
    NotModified,
    /// It doesn't run.
    NotRunning,
    /// It runs.
    Running,
    /// It is held.
    Paused,
    /// It is held already.
    AlreadyPaused,
    /// It is not held.
    NotPaused,
    /// It is waiting to be started again.
    Restarting,
    /// It is being removed already.
    BeingRemoved,
    /// It is gone or about to be.
    Removed,
}

/// The next state, and what is to be done.
pub(crate) type Step = Result<(State, &'static [Action]), Refusal>;

impl State {
    /// What follows from `input`.
    pub(crate) fn step(self, input: Input) -> Step {
        use State::{Created, Dead, Exited, Gone, Paused, Removing, Restarting, Running, Starting, Stopping};
        match input {
            Input::Start => match self {
                Created => Ok((Starting(Before::Created), &[Action::Launch])),
                Exited => Ok((Starting(Before::Exited), &[Action::Launch])),
                Starting(_) | Running | Stopping | Restarting => Err(Refusal::NotModified),
                Paused => Err(Refusal::Paused),
                Removing | Dead | Gone => Err(Refusal::Removed),
            },
            Input::RestartDue => match self {
                Restarting => Ok((Starting(Before::Restarting), &[Action::Launch])),
                Created | Starting(_) | Running | Paused | Stopping | Exited | Removing | Dead | Gone => {
                    Ok((self, &[]))
                }
            },
            Input::Started => match self {
                Starting(_) => Ok((Running, &[Action::AnnounceStart, Action::ReplayExit])),
                Created | Running | Paused | Stopping | Restarting | Exited | Removing | Dead | Gone => Ok((self, &[])),
            },
            Input::StartFailed { again } => match self {
                Starting(Before::Created) => Ok((Created, &[Action::RecordFailure, Action::AutoRemove])),
                Starting(Before::Exited) => Ok((Exited, &[Action::RecordFailure, Action::AutoRemove])),
                Starting(Before::Restarting) if again => {
                    Ok((Restarting, &[Action::RecordFailure, Action::ScheduleRestart]))
                }
                Starting(Before::Restarting) => Ok((Exited, &[Action::RecordFailure, Action::AutoRemove])),
                Created | Running | Paused | Stopping | Restarting | Exited | Removing | Dead | Gone => Ok((self, &[])),
            },
            Input::Stop => match self {
                Running | Stopping => Ok((Stopping, &[Action::Send])),
                Paused => Ok((Stopping, &[Action::Send, Action::Resume])),
                Restarting => Ok((Exited, &[Action::CancelRestart])),
                Created | Exited | Dead => Err(Refusal::NotModified),
                Starting(_) => Err(Refusal::NotRunning),
                Removing | Gone => Err(Refusal::Removed),
            },
            Input::Kill => match self {
                Running | Stopping => Ok((Stopping, &[Action::Send])),
                Paused => Ok((Stopping, &[Action::Send, Action::Resume])),
                Restarting => Ok((Exited, &[Action::CancelRestart])),
                Created | Starting(_) | Exited | Dead => Err(Refusal::NotRunning),
                Removing | Gone => Err(Refusal::Removed),
            },
            Input::Signal => match self {
                Running | Stopping => Ok((self, &[Action::Send])),
                Paused => Ok((Paused, &[Action::Send])),
                Restarting => Err(Refusal::Restarting),
                Created | Starting(_) | Exited | Dead => Err(Refusal::NotRunning),
                Removing | Gone => Err(Refusal::Removed),
            },
            Input::Exited { again } => match self {
                Running | Paused if again => Ok((Restarting, &[Action::RecordExit, Action::ScheduleRestart])),
                Running | Paused | Stopping => Ok((Exited, &[Action::RecordExit, Action::AutoRemove])),
                Starting(_) => Ok((self, &[Action::ParkExit])),
                Created | Restarting | Exited | Removing | Dead | Gone => Ok((self, &[Action::Forget])),
            },
            Input::Pause => match self {
                Running => Ok((Paused, &[])),
                Paused => Err(Refusal::AlreadyPaused),
                Restarting => Err(Refusal::Restarting),
                Created | Starting(_) | Stopping | Exited | Dead => Err(Refusal::NotRunning),
                Removing | Gone => Err(Refusal::Removed),
            },
            Input::Unpause => match self {
                Paused => Ok((Running, &[])),
                Created | Starting(_) | Running | Stopping | Restarting | Exited | Dead => Err(Refusal::NotPaused),
                Removing | Gone => Err(Refusal::Removed),
            },
            Input::Remove => match self {
                Created | Exited | Dead => Ok((Removing, &[Action::Delete])),
                Paused => Err(Refusal::Paused),
                Restarting => Err(Refusal::Restarting),
                Starting(_) | Running | Stopping => Err(Refusal::Running),
                Removing => Err(Refusal::BeingRemoved),
                Gone => Err(Refusal::Removed),
            },
            Input::Removed => match self {
                Removing => Ok((Gone, &[])),
                Created | Starting(_) | Running | Paused | Stopping | Restarting | Exited | Dead | Gone => {
                    Ok((self, &[]))
                }
            },
            Input::RemoveFailed => match self {
                Removing => Ok((Dead, &[])),
                Created | Starting(_) | Running | Paused | Stopping | Restarting | Exited | Dead | Gone => {
                    Ok((self, &[]))
                }
            },
        }
    }

    /// A guest of it lives, or may live, in a worker.
    pub(crate) const fn is_live(self) -> bool {
        match self {
            Self::Starting(_) | Self::Running | Self::Paused | Self::Stopping => true,
            Self::Created | Self::Restarting | Self::Exited | Self::Removing | Self::Dead | Self::Gone => false,
        }
    }

    /// Its name in the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting(Before::Created) => "starting-created",
            Self::Starting(Before::Exited) => "starting-exited",
            Self::Starting(Before::Restarting) => "starting-restarting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
            Self::Gone => "gone",
        }
    }

    /// The state with this name in the store.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    const ALL: [Self; 12] = [
        Self::Created,
        Self::Starting(Before::Created),
        Self::Starting(Before::Exited),
        Self::Starting(Before::Restarting),
        Self::Running,
        Self::Paused,
        Self::Stopping,
        Self::Restarting,
        Self::Exited,
        Self::Removing,
        Self::Dead,
        Self::Gone,
    ];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input() -> impl Strategy<Value = Input> {
        prop_oneof![
            Just(Input::Start),
            Just(Input::Started),
            any::<bool>().prop_map(|again| Input::StartFailed { again }),
            Just(Input::Stop),
            Just(Input::Kill),
            Just(Input::Signal),
            any::<bool>().prop_map(|again| Input::Exited { again }),
            Just(Input::Pause),
            Just(Input::Unpause),
            Just(Input::Remove),
            Just(Input::Removed),
            Just(Input::RemoveFailed),
            Just(Input::RestartDue),
        ]
    }

    /// A model of the world beside the machine: at most one guest, and one parked exit.
    #[derive(Default)]
    struct World {
        guest: bool,
        launching: bool,
        parked: bool,
        recorded: usize,
        ended: usize,
    }

    impl World {
        fn possible(&self, input: Input) -> bool {
            match input {
                Input::Started => self.launching && (self.guest || self.parked),
                Input::StartFailed { .. } => self.launching && !self.guest && !self.parked,
                Input::Exited { .. } => self.guest,
                _ => true,
            }
        }
    }

    fn feed(state: State, input: Input, world: &mut World) -> State {
        if matches!(input, Input::Exited { .. }) && world.guest {
            world.guest = false;
            world.ended += 1;
        }
        if matches!(input, Input::Started | Input::StartFailed { .. }) {
            world.launching = false;
        }
        let Ok((mut next, actions)) = state.step(input) else { return state };
        for action in actions {
            match action {
                Action::Launch => {
                    assert!(!world.guest && !world.launching, "started twice");
                    world.launching = true;
                }
                Action::ParkExit => {
                    assert!(!world.parked, "an exit was overwritten");
                    world.parked = true;
                }
                Action::ReplayExit if world.parked => {
                    world.parked = false;
                    let (after, more) = next.step(Input::Exited { again: false }).unwrap();
                    assert!(more.contains(&Action::RecordExit), "a parked exit was lost");
                    world.recorded += 1;
                    next = after;
                }
                Action::RecordExit => world.recorded += 1,
                Action::Delete => assert!(!world.guest && !world.launching, "removed while it runs"),
                _ => {}
            }
        }
        next
    }

    proptest! {
        #[test]
        fn no_exit_is_lost_or_told_twice_and_nothing_is_started_twice(
            inputs in proptest::collection::vec((input(), any::<bool>()), 0..200)
        ) {
            let mut state = State::Created;
            let mut world = World::default();
            for (input, guest_came_up) in inputs {
                if world.launching && guest_came_up && !world.parked {
                    world.guest = true;
                }
                if !world.possible(input) {
                    continue;
                }
                let was = state;
                state = feed(state, input, &mut world);
                if was == State::Gone {
                    prop_assert_eq!(state, State::Gone);
                }
                prop_assert_eq!(world.ended, world.recorded + usize::from(world.parked));
                prop_assert!(!world.guest || state.is_live());
            }
        }

        #[test]
        fn every_state_survives_the_store(index in 0..State::ALL.len()) {
            let state = State::ALL[index];
            prop_assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_stop_by_hand_overrules_the_restart_policy() {
        let (stopping, _) = State::Running.step(Input::Stop).unwrap();
        assert_eq!(stopping.step(Input::Exited { again: true }).unwrap().0, State::Exited);
        assert_eq!(State::Restarting.step(Input::Stop).unwrap().0, State::Exited);
    }

    #[test]
    fn a_late_restart_timer_starts_nothing() {
        for state in State::ALL.into_iter().filter(|state| *state != State::Restarting) {
            assert_eq!(state.step(Input::RestartDue), Ok((state, &[][..])));
        }
    }
}
