//! Tests of the table of processes, one by one and against a model.

use super::*;
use proptest::prelude::*;

fn start(table: &mut Table<u32>, parent: u32) -> u32 {
    let pid = table.claim(parent, false).expect("a place");
    assert_eq!(table.started(pid, pid), None);
    pid
}

#[test]
fn an_ended_child_is_given_to_its_parent_once_and_to_nobody_else() {
    let mut table = Table::new(10);
    let shell = start(&mut table, FIRST);
    let child = start(&mut table, shell);
    assert_eq!(table.wait(shell, None, None), Waited::Running);
    assert!(table.ended(child, 3).is_empty());
    assert_eq!(table.wait(FIRST, Some(child), None), Waited::NoChild);
    assert_eq!(table.wait(shell, Some(child), None), Waited::Ended(child, 3));
    assert_eq!(table.wait(shell, None, None), Waited::NoChild);
}

#[test]
fn orphans_are_the_firsts_and_leave_nothing() {
    let mut table = Table::new(10);
    let shell = start(&mut table, FIRST);
    let (zombie, running) = (start(&mut table, shell), start(&mut table, shell));
    let _ = table.ended(zombie, 0);
    assert_eq!(table.len(), 4);
    let _ = table.ended(shell, 0);
    assert_eq!((table.len(), table.parent(running)), (3, FIRST));
    let _ = table.ended(running, 1);
    assert_eq!(table.wait(FIRST, None, None), Waited::Ended(shell, 0));
    assert_eq!(table.len(), 1);
}

#[test]
fn what_ended_counts_until_it_was_asked_for() {
    let mut table = Table::new(3);
    let (one, _) = (start(&mut table, FIRST), start(&mut table, FIRST));
    assert_eq!(table.claim(FIRST, true), Err(Refused::Full));
    let _ = table.ended(one, 0);
    assert_eq!(table.claim(FIRST, false), Err(Refused::Full));
    assert_eq!(table.wait(FIRST, None, None), Waited::Ended(one, 0));
    assert!(table.claim(FIRST, false).is_ok_and(|pid| pid > one));
}

#[test]
fn what_is_stopped_before_it_starts_is_stopped_then() {
    let mut table: Table<u32> = Table::new(3);
    let pid = table.claim(FIRST, false).expect("a place");
    assert_eq!(table.find(pid, Some(Stop::Terminate)), Some(Found::Starting));
    assert_eq!(table.started(pid, 0), Some(Stop::Terminate));
    let late = table.claim(FIRST, false).expect("a place");
    assert_eq!(table.close(), [0]);
    assert_eq!(table.started(late, 0), Some(Stop::Kill));
    assert_eq!(table.claim(FIRST, false), Err(Refused::Closed));
}

#[test]
fn numbers_come_again_only_when_all_were_used() {
    let mut table: Table<u32> = Table::new(3);
    table.next = LAST;
    assert_eq!(table.claim(FIRST, false), Ok(LAST));
    assert_eq!(table.claim(FIRST, false), Ok(2));
    let _ = table.release(LAST);
    assert_eq!(table.claim(FIRST, false), Ok(3));
}

#[derive(Debug, Clone)]
enum Step {
    Start { parent: usize, detached: bool },
    End { which: usize, status: u8 },
    Wait { parent: usize },
    GiveUp { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<usize>(), any::<bool>()).prop_map(|(parent, detached)| Step::Start { parent, detached }),
        3 => (any::<usize>(), any::<u8>()).prop_map(|(which, status)| Step::End { which, status }),
        3 => any::<usize>().prop_map(|parent| Step::Wait { parent }),
        1 => any::<usize>().prop_map(|which| Step::GiveUp { which }),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn no_status_is_lost_or_told_twice_and_the_limit_holds(steps in steps()) {
        let mut table: Table<u32> = Table::new(8);
        // Number, parent, whether its status is wanted, status.
        let mut model: Vec<(u32, u32, bool, Option<u8>)> = Vec::new();
        for step in steps {
            let living: Vec<u32> =
                [FIRST].into_iter().chain(model.iter().filter(|it| it.3.is_none()).map(|it| it.0)).collect();
            match step {
                Step::Start { parent, detached } => {
                    let parent = living[parent % living.len()];
                    let claimed = table.claim(parent, detached);
                    prop_assert_eq!(claimed.is_ok(), model.len() < 7);
                    let Ok(pid) = claimed else { continue };
                    prop_assert!(model.iter().all(|it| it.0 != pid));
                    table.started(pid, pid);
                    model.push((pid, parent, !detached, None));
                }
                Step::End { which, status } => {
                    let pid = living[which % living.len()];
                    if pid == FIRST {
                        continue;
                    }
                    let _ = table.ended(pid, status);
                    for it in &mut model {
                        if it.0 == pid {
                            it.3 = Some(status);
                        }
                        if it.1 == pid {
                            (it.1, it.2) = (FIRST, false);
                        }
                    }
                    model.retain(|it| it.2 || it.3.is_none());
                }
                Step::Wait { parent } => {
                    let parent = living[parent % living.len()];
                    let mine: Vec<_> = model.iter().filter(|it| it.1 == parent && it.2).collect();
                    match table.wait(parent, None, None) {
                        Waited::NoChild => prop_assert!(mine.is_empty()),
                        Waited::Running => prop_assert!(!mine.is_empty() && mine.iter().all(|it| it.3.is_none())),
                        Waited::Ended(pid, status) => {
                            prop_assert!(mine.iter().any(|it| it.0 == pid && it.3 == Some(status)));
                            model.retain(|it| it.0 != pid);
                        }
                    }
                }
                Step::GiveUp { which } if !model.is_empty() => {
                    let at = which % model.len();
                    table.give_up(model[at].0);
                    model[at].2 = false;
                    model.retain(|it| it.2 || it.3.is_none());
                }
                Step::GiveUp { .. } => {}
            }
            prop_assert_eq!(table.len(), model.len() + 1);
            for it in &model {
                prop_assert_eq!(table.parent(it.0), it.1);
            }
        }
    }
}
