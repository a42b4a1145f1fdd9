//! A container's life, by Sprat's own command line.

use sprat_tests::Installation;

use crate::{OK, WAIT, image};

#[test]
fn a_container_runs_once_for_each_start_and_keeps_its_log() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let id = sprat.sprat(&["create", "--name", "one", "ok"]).ok().to_owned();
    assert_eq!(id.len(), 64);
    assert_eq!(sprat.sprat(&["start", "-a", "one"]).ok(), "ok");
    assert_eq!(sprat.sprat(&["start", "-a", &id[..12]]).ok(), "ok");
    assert_eq!(sprat.sprat(&["logs", "one"]).ok(), "ok\nok");
    assert_eq!(sprat.sprat(&["logs", "-n", "1", "one"]).ok(), "ok");
    assert_eq!(sprat.sprat(&["wait", "one"]).ok(), "0");
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "one"]).ok(), "exited 0");
    sprat.sprat(&["rm", "one"]).ok();
    assert_eq!(sprat.sprat(&["ps", "-aq"]).ok(), "");
}

#[test]
fn a_waiting_container_is_stopped_with_143_and_killed_with_137() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    for (verb, status) in [("stop", "143"), ("kill", "137")] {
        sprat.sprat(&["run", "-d", "-i", "--name", verb, "wait"]).ok();
        assert_eq!(sprat.sprat(&["ps", "--format", "{{.Names}} {{.State}}"]).ok(), format!("{verb} running"));
        sprat.sprat(&[verb, verb]).ok();
        assert_eq!(sprat.sprat(&["wait", verb]).ok(), status);
    }
}

#[test]
fn standard_input_reaches_the_guest_and_its_end_ends_it() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    assert_eq!(sprat.sprat_with(&["run", "--rm", "-i", "wait"], b"x").status, 0);
    // Without -i it is at its end at once.
    assert_eq!(sprat.sprat(&["run", "--rm", "wait"]).status, 0);
}

#[test]
fn exit_statuses_are_the_programs_own_or_the_documented_ones() {
    let sprat = Installation::start();
    image(&sprat, "seven", "(call $exit (i32.const 7))");
    image(&sprat, "trap", "unreachable");
    image(&sprat, "loop", "(loop (br 0))");
    assert_eq!(sprat.sprat(&["run", "--rm", "seven"]).status, 7);
    let trap = sprat.sprat(&["run", "--rm", "trap"]);
    assert_eq!(trap.status, 134);
    assert!(trap.stderr.contains("unreachable"), "{trap:?}");
    assert_eq!(sprat.sprat(&["run", "--rm", "--wall-clock", "50ms", "loop"]).status, 124);
    assert_eq!(sprat.sprat(&["run", "--rm", "--entrypoint", "/nothing", "seven"]).status, 127);
    assert_eq!(sprat.sprat(&["run", "--rm", "--pull", "never", "no-such-image"]).status, 125);
}

#[test]
fn a_taken_name_and_a_running_container_are_refused_with_dockers_words() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    sprat.sprat(&["run", "-d", "-i", "--name", "one", "wait"]).ok();
    let taken = sprat.sprat(&["create", "--name", "one", "wait"]);
    assert!(taken.stderr.contains("is already in use by container"), "{taken:?}");
    let running = sprat.sprat(&["rm", "one"]);
    assert_eq!(running.status, 1);
    assert!(running.stderr.contains("container is running"), "{running:?}");
    sprat.sprat(&["rm", "-f", "one"]).ok();
    let gone = sprat.sprat(&["inspect", "one"]);
    assert!(gone.stderr.contains("No such object: one"), "{gone:?}");
}

#[test]
fn process_isolation_runs_and_is_killed_while_it_loops() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    image(&sprat, "loop", "(loop (br 0))");
    assert_eq!(sprat.sprat(&["run", "--rm", "--isolation", "process", "ok"]).ok(), "ok");
    sprat.sprat(&["run", "-d", "--name", "busy", "--isolation", "process", "loop"]).ok();
    sprat.sprat(&["kill", "busy"]).ok();
    assert_eq!(sprat.sprat(&["wait", "busy"]).ok(), "137");
}

#[test]
fn a_failing_container_is_restarted_as_often_as_its_policy_says() {
    let sprat = Installation::start();
    image(&sprat, "three", "(call $exit (i32.const 3))");
    sprat.sprat(&["run", "-d", "--name", "again", "--restart", "on-failure:2", "three"]).ok();
    // `events` gives what has been and what comes: three deaths end it.
    let mut events = sprat
        .sprat_command(&[
            "events",
            "--since",
            "0",
            "-f",
            "container=again",
            "-f",
            "event=die",
            "--format",
            "{{.Action}}",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("events");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(events.stdout.take().expect("piped")));
    assert_eq!(lines.take(3).count(), 3);
    events.kill().expect("it is ours");
    events.wait().expect("it is ours");
    assert_eq!(sprat.sprat(&["wait", "again"]).ok(), "3");
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.RestartCount}}", "again"]).ok(), "2");
}
