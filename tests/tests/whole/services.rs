//! HTTP services through the whole: built from source, published, asked by plain HTTP, across the daemon's death.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sprat_tests::{Installation, example};

/// Starts `examples/web` with these flags; where it answers.
fn web(sprat: &Installation, name: &str, flags: &[&str]) -> String {
    let path = example("web").to_string_lossy().into_owned();
    sprat.sprat(&["build", "-q", "-t", "web", &path]).ok();
    sprat.sprat(&[&["run", "-d", "--name", name, "-p", "127.0.0.1::80"], flags, &["web"]].concat()).ok();
    address(sprat, name)
}

fn address(sprat: &Installation, name: &str) -> String {
    sprat.sprat(&["port", name, "80/tcp"]).ok().to_owned()
}

/// The answer to a GET, head and body.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer to its end");
    answer
}

#[test]
fn a_service_is_built_from_source_and_answers_on_its_port() {
    let sprat = Installation::start();
    let at = web(&sprat, "web", &[]);
    let answer = get(&at, "/hello/Ann");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nHello, Ann!\n"), "{answer}");
    assert!(get(&at, "/nowhere").starts_with("HTTP/1.1 404"));
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Status}}", "web"]).ok(), "running");
    sprat.sprat(&["stop", "web"]).ok();
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.ExitCode}}", "web"]).ok(), "143");
    assert!(TcpStream::connect(&at).is_err(), "a stopped service's port is closed");
    sprat.sprat(&["start", "web"]).ok();
    assert!(get(&address(&sprat, "web"), "/").ends_with("Hello from Sprat!\n"));
    let exec = sprat.sprat(&["exec", "web", "/web.wasm"]);
    assert_eq!(exec.status, 126, "{exec:?}");
}

#[test]
fn a_service_answers_while_its_daemon_is_dead() {
    let mut sprat = Installation::start();
    for isolation in ["default", "process"] {
        let at = web(&sprat, isolation, &["--isolation", isolation]);
        sprat.kill_daemon();
        assert!(get(&at, "/").ends_with("Hello from Sprat!\n"), "{isolation}");
        sprat.start_daemon();
        assert!(get(&at, "/").ends_with("Hello from Sprat!\n"), "{isolation}");
        sprat.sprat(&["stop", isolation]).ok();
    }
}

#[test]
fn odd_limits_are_refused_with_what_was_expected() {
    let sprat = Installation::start();
    web(&sprat, "web", &["--instances", "2", "--body-limit", "1m", "--request-timeout", "5s"]);
    let refused = sprat.sprat(&["create", "--instances", "none", "web"]);
    assert!(refused.stderr.contains("dev.sprat.instances=none: expected"), "{refused:?}");
    let run = sprat.sprat(&["run", "--rm", "--entrypoint", "/nothing.wasm", "web"]);
    assert_eq!(run.status, 127, "{run:?}");
}
