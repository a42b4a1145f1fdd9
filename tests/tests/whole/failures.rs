//! What fails around containers: a worker that is killed, a port in use, a daemon that is absent or older.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sprat_tests::Installation;

use crate::{OK, WAIT, image};

/// Process ids of the workers, as `info` names them.
fn workers(sprat: &Installation) -> Vec<i32> {
    let info: Value = serde_json::from_str(sprat.sprat(&["info", "-f", "json"]).ok()).expect("JSON");
    let pairs = info.get("DriverStatus").and_then(Value::as_array).expect("pairs").iter();
    let pid = |text: &str| text.strip_prefix("pid ")?.split(',').next()?.parse().ok();
    pairs.filter_map(|pair| pid(pair.get(1)?.as_str()?)).collect()
}

/// Waits for so many deaths of containers.
fn deaths(sprat: &Installation, count: usize) -> Vec<String> {
    let mut events = sprat
        .sprat_command(&["events", "--since", "0", "-f", "event=die", "--format", "{{.Actor.Attributes.name}}"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("events");
    let lines = BufReader::new(events.stdout.take().expect("piped")).lines();
    let names = lines.take(count).map(|line| line.expect("UTF-8")).collect();
    events.kill().expect("it is ours");
    events.wait().expect("it is ours");
    names
}

#[test]
fn a_killed_worker_ends_its_containers_and_no_others() {
    let sprat = Installation::start_with(&["--worker-slots", "1"]);
    image(&sprat, "wait", WAIT);
    image(&sprat, "ok", OK);
    for name in ["one", "two", "three"] {
        sprat.sprat(&["run", "-d", "-i", "--name", name, "wait"]).ok();
    }
    let before = workers(&sprat);
    assert!(before.len() >= 3, "a worker each: {before:?}");
    let victim = Pid::from_raw(before[0]).expect("a process");
    kill_process(victim, Signal::KILL).expect("it is ours");
    let dead = deaths(&sprat, 1);
    let state =
        |name: &str| sprat.sprat(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]).ok().to_owned();
    for name in ["one", "two", "three"] {
        let expected = if name == dead[0] { "exited 137" } else { "running 0" };
        assert_eq!(state(name), expected, "{name} of {dead:?}");
    }
    let error = sprat.sprat(&["inspect", "-f", "{{.State.Error}}", &dead[0]]).ok().to_owned();
    assert!(error.contains("worker"), "{error}");
    assert_eq!(sprat.sprat(&["wait", &dead[0]]).ok(), "137");
    assert_eq!(sprat.sprat(&["run", "--rm", "ok"]).ok(), "ok");
    sprat.sprat(&["start", &dead[0]]).ok();
    assert_eq!(state(&dead[0]), "running 0");
}

#[test]
fn a_port_in_use_is_refused_and_named_and_free_again_after_its_user() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let publish = format!("{address}:80");
    let taken = sprat.sprat(&["run", "-d", "-i", "--name", "first", "-p", &publish, "wait"]);
    assert_eq!(taken.status, 125, "{taken:?}");
    assert!(taken.stderr.contains(&format!("Bind for {address} failed: port is already allocated")), "{taken:?}");
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Status}}", "first"]).ok(), "created");
    drop(listener);
    sprat.sprat(&["start", "first"]).ok();
    let second = sprat.sprat(&["run", "-d", "-i", "-p", &publish, "wait"]);
    assert!(second.status == 125 && second.stderr.contains("already allocated"), "{second:?}");
    sprat.sprat(&["rm", "-f", "first"]).ok();
    TcpListener::bind(address).expect("the port is free again");
}

#[test]
fn a_daemon_that_is_not_there_is_named_with_what_to_do() {
    let sprat = Installation::without_daemon(&[]);
    for verb in [&["ps"][..], &["run", "x"], &["logs", "x"], &["system", "df"]] {
        let output = sprat.sprat(verb);
        assert_eq!(output.status, 125, "{output:?}");
        assert!(output.stderr.contains("cannot connect to the daemon at unix://"), "{output:?}");
        assert!(output.stderr.contains("fix: is it running?"), "{output:?}");
    }
    assert_eq!(sprat.sprat(&["daemon", "stop"]).status, 0);
}

#[test]
fn an_older_daemon_is_told_from_a_missing_name() {
    let sprat = Installation::without_daemon(&[]);
    let listener = UnixListener::bind(sprat.path("s.sock")).expect("the folder is ours");
    let serving = std::thread::spawn(move || {
        // What was asked for, and then which version this is.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client");
            let head =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            assert!(head > 0);
            let body = r#"{"message":"page not found"}"#;
            let head = format!("HTTP/1.1 404 Not Found\r\nApi-Version: 1.24\r\nContent-Length: {}\r\n", body.len());
            write!(stream, "{head}Connection: close\r\n\r\n{body}").expect("the client reads");
        }
    });
    let output = sprat.sprat(&["system", "df"]);
    assert_eq!(output.status, 125, "{output:?}");
    assert!(output.stderr.contains("is older: it speaks API 1.24"), "{output:?}");
    serving.join().expect("it does not panic");
}

#[test]
fn dockers_older_api_versions_are_served_and_newer_ones_refused_with_the_newest() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let api = sprat.api();
    for version in ["v1.24", "v1.41", "v1.51"] {
        assert_eq!(api.send("GET", &format!("/{version}/containers/json"), None).0, 200, "{version}");
    }
    let (status, answer) = api.send("GET", "/v1.99/containers/json", None);
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("Maximum supported API version is 1.51"), "{answer}");
    let Some(docker) = sprat_tests::program("docker") else { return };
    let mut command = std::process::Command::new(docker);
    command.args(["run", "--rm", "ok"]).env("DOCKER_HOST", sprat.host()).env("DOCKER_API_VERSION", "1.30");
    let output = sprat_tests::run(&mut command, b"");
    assert_eq!(output.ok(), "ok");
}
