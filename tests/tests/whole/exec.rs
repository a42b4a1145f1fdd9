//! Further programs in running containers, and health checks, with an unmodified docker CLI.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use sprat_tests::Installation;

use crate::{OK, WAIT};

/// Copies one piece of input to the output.
const ECHO: &str = "(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 16)) \
                    (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32))) \
                    (i32.store (i32.const 20) (i32.load (i32.const 32))) \
                    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))";

/// An image with several programs, whose first waits for ever; `more` lines of its Dockerfile.
fn tools(sprat: &Installation, name: &str, more: &str) {
    let folder = sprat.path(name);
    fs::create_dir(&folder).expect("ours");
    for (program, body) in [("wait", WAIT), ("ok", OK), ("seven", "(call $exit (i32.const 7))"), ("echo", ECHO)] {
        fs::write(folder.join(program), sprat_tests::wat(body)).expect("ours");
    }
    fs::write(folder.join("text"), "no program").expect("ours");
    let lines = format!("FROM scratch\nCOPY . /bin\n{more}\nENTRYPOINT [\"/bin/wait\"]\n");
    fs::write(folder.join("Dockerfile"), lines).expect("ours");
    sprat.sprat(&["build", "-q", "-t", name, folder.to_str().expect("UTF-8")]).ok();
}

#[test]
fn docker_exec_runs_programs_and_gives_their_status() {
    let sprat = Installation::start();
    tools(&sprat, "tools", "");
    docker!(sprat, "run", "-d", "-i", "--name", "box", "tools").ok();
    assert_eq!(docker!(sprat, "exec", "box", "ok").ok(), "ok");
    assert_eq!(docker!(sprat, "exec", "-w", "/bin", "-e", "A=b", "-u", "7", "box", "./ok").ok(), "ok");
    assert_eq!(docker!(sprat, "exec", "box", "/bin/seven").status, 7);
    let missing = docker!(sprat, "exec", "box", "nothing");
    assert!(missing.status == 127 && missing.stdout.contains("executable file not found in $PATH"), "{missing:?}");
    assert_eq!(docker!(sprat, "exec", "box", "/bin/text").status, 126);
    let folder = docker!(sprat, "exec", "-w", "/nowhere", "box", "ok");
    assert!(folder.status == 127 && folder.stdout.matches("exec failed").count() == 2, "{folder:?}");
    assert!(folder.stdout.contains("the working folder /nowhere cannot be used"), "{folder:?}");
    let Some(echoed) = sprat.docker_with(&["exec", "-i", "box", "echo"], b"through\n") else { return };
    assert_eq!(echoed.ok(), "through");
    docker!(sprat, "exec", "-d", "-i", "box", "ok").ok();
    let refused = docker!(sprat, "exec", "--privileged", "box", "ok");
    assert!(refused.status == 1 && refused.stderr.contains("--privileged is refused"), "{refused:?}");
    assert!(docker!(sprat, "top", "box").ok().contains("/bin/wait"));
    assert_eq!(sprat.sprat(&["exec", "box", "seven"]).status, 7);
    assert_eq!(sprat.sprat(&["exec", "box", "ok"]).ok(), "ok");
    docker!(sprat, "pause", "box").ok();
    let paused = docker!(sprat, "exec", "box", "ok");
    assert!(paused.status == 1 && paused.stderr.contains("is paused, unpause the container before exec"), "{paused:?}");
    docker!(sprat, "unpause", "box").ok();
    docker!(sprat, "kill", "box").ok();
    let stopped = docker!(sprat, "exec", "box", "ok");
    assert!(stopped.status == 1 && stopped.stderr.contains("is not running"), "{stopped:?}");
}

#[test]
fn what_was_copied_in_can_be_run_and_what_was_replaced_is_new() {
    let sprat = Installation::start();
    tools(&sprat, "tools", "");
    docker!(sprat, "run", "-d", "-i", "--name", "box", "tools").ok();
    let program = sprat.path("nine");
    fs::write(&program, sprat_tests::wat("(call $exit (i32.const 9))")).expect("ours");
    let path = program.to_str().expect("UTF-8").to_owned();
    docker!(sprat, "cp", &path, "box:/bin/nine").ok();
    assert_eq!(docker!(sprat, "exec", "box", "nine").status, 9);
    assert_eq!(docker!(sprat, "exec", "box", "seven").status, 7);
    docker!(sprat, "cp", &path, "box:/bin/seven").ok();
    assert_eq!(docker!(sprat, "exec", "box", "seven").status, 9);
}

#[test]
fn a_container_without_the_program_is_lent_it_by_the_toolbox() {
    let sprat = Installation::start();
    tools(&sprat, "toolbox", "");
    crate::image(&sprat, "bare", WAIT);
    docker!(sprat, "run", "-d", "-i", "--name", "box", "bare").ok();
    assert_eq!(docker!(sprat, "exec", "box", "seven").status, 7);
    assert_eq!(docker!(sprat, "exec", "box", "/usr/bin/ok").ok(), "ok");
    docker!(sprat, "rm", "-f", "box").ok();
}

/// Waits until the daemon has told this of a container.
fn told(sprat: &Installation, name: &str, event: &str) {
    let mut stream = sprat.api().connect();
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let filters = format!("%7B%22container%22%3A%5B%22{name}%22%5D%7D");
    write!(stream, "GET /events?since=0&filters={filters} HTTP/1.1\r\nHost: d\r\n\r\n").expect("the daemon listens");
    let action = format!("\"{event}\"");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(&action)), "{name}: no {event}");
}

#[test]
fn health_is_told_and_goes_on_after_a_restart_of_the_daemon() {
    let mut sprat = Installation::start();
    tools(&sprat, "well", "HEALTHCHECK --interval=200ms CMD [\"/bin/ok\"]");
    tools(&sprat, "ill", "HEALTHCHECK --interval=200ms --retries=2 CMD [\"/bin/seven\"]");
    docker!(sprat, "run", "-d", "-i", "--name", "well", "well").ok();
    docker!(sprat, "run", "-d", "-i", "--name", "ill", "ill").ok();
    told(&sprat, "well", "health_status: healthy");
    told(&sprat, "ill", "health_status: unhealthy");
    assert!(docker!(sprat, "ps", "--filter", "health=unhealthy").ok().contains("(unhealthy)"));
    let log = docker!(sprat, "inspect", "-f", "{{(index .State.Health.Log 0).ExitCode}}", "ill");
    assert_eq!(log.ok(), "7");
    sprat.kill_daemon();
    sprat.start_daemon();
    told(&sprat, "well", "exec_die");
    let shown = docker!(sprat, "inspect", "-f", "{{.State.Health.Status}}", "well");
    assert_eq!(shown.ok(), "healthy");
    docker!(sprat, "rm", "-f", "well", "ill").ok();
}
