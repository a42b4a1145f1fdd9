//! The reaper that stands for `testcontainers/ryuk`: whose end it waits for, what it removes, and whom it withstands.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use sprat_tests::{Events, Installation, rust_guest};

use crate::{OK, WAIT, image};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections that it serves at once.
const CONNECTIONS: usize = 512;
/// Longest line that it takes.
const LINE: usize = 4096;
const SESSION: &str = "org.testcontainers.session-id=2f6c";

/// Starts a reaper as Testcontainers does, with all that it asks for, and gives where it is published.
#[track_caller]
fn reaper(sprat: &Installation, wait: &str) -> SocketAddr {
    let api = sprat.api();
    let (status, answer) = api.send("POST", "/images/create?fromImage=testcontainers/ryuk&tag=0.11.0", None);
    assert_eq!(status, 200, "{answer}");
    let socket = sprat.host().replace("unix://", "");
    let body = json!({
        "Image": "testcontainers/ryuk:0.11.0",
        "Env": [format!("RYUK_RECONNECTION_TIMEOUT={wait}")],
        "Labels": { "org.testcontainers": "true", "org.testcontainers.session-id": "2f6c" },
        "ExposedPorts": { "8080/tcp": {} },
        "HostConfig": {
            "AutoRemove": true, "Privileged": true, "SecurityOpt": ["label=disable"],
            "Binds": [format!("{socket}:/var/run/docker.sock:rw")],
            "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "0" }] },
        },
    });
    let (status, answer) = api.send("POST", "/containers/create?name=reaper", Some(&body));
    assert_eq!(status, 201, "{answer}");
    sprat.sprat(&["start", "reaper"]).ok();
    sprat.sprat(&["port", "reaper", "8080"]).ok().parse().expect("an address")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it is published");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends a line and waits until it was taken.
#[track_caller]
fn tell(mut stream: &TcpStream, line: &str) {
    stream.write_all(format!("{line}\r\n").as_bytes()).expect("it listens");
    let mut answer = String::new();
    BufReader::with_capacity(1, stream).read_line(&mut answer).expect("it answers");
    assert_eq!(answer, "ACK\n", "{line}");
}

fn names(sprat: &Installation) -> Vec<String> {
    let shown = sprat.sprat(&["ps", "-a", "--format", "{{.Names}}"]);
    let mut names: Vec<_> = shown.ok().lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// The event that comes when all is removed.
fn reaped(events: &mut Events) -> Vec<String> {
    events.until("container destroy reaper")
}

#[test]
fn a_session_ends_with_its_last_connection() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    // Before the reaper is there: a session's label is secret enough.
    sprat.sprat(&["network", "create", "--label", SESSION, "sea"]).ok();
    sprat.sprat(&["create", "--name", "made", "--label", SESSION, "-v", "/anonymous", "wait"]).ok();
    sprat.sprat(&["create", "--name", "old-project", "--label", "com.docker.compose.project=shop", "wait"]).ok();
    let mut events = sprat.events();
    let address = reaper(&sprat, "10ms");
    sprat.sprat(&["volume", "create", "--label", SESSION, "data"]).ok();
    let running =
        ["run", "-d", "-i", "--name", "running", "--label", SESSION, "--network", "sea", "-v", "data:/data", "wait"];
    sprat.sprat(&running).ok();
    sprat.sprat(&["create", "--name", "project", "--label", "com.docker.compose.project=shop", "wait"]).ok();
    sprat.sprat(&["create", "--name", "other", "--label", "org.testcontainers.session-id=other", "wait"]).ok();
    sprat.sprat(&["commit", "-c", &format!("LABEL {SESSION}"), "made", "committed"]).ok();

    let (first, second) = (connect(address), connect(address));
    tell(&first, &format!("label=org.testcontainers=true&label={SESSION}"));
    tell(&second, &format!("label={SESSION}"));
    drop(first);
    tell(&second, "label=com.docker.compose.project=shop");
    // The labels of a line must all be there.
    assert_eq!(names(&sprat), ["made", "old-project", "other", "project", "reaper", "running"]);
    drop(second);
    let seen = reaped(&mut events);
    for event in ["container destroy running", "network destroy sea", "volume destroy data"] {
        assert!(seen.iter().any(|line| line.starts_with(event)), "{event}: {seen:?}");
    }
    assert_eq!(names(&sprat), ["old-project", "other"]);
    assert_eq!(sprat.sprat(&["volume", "ls", "-q"]).ok(), "");
    let images = sprat.sprat(&["images", "--format", "{{.Repository}}"]);
    assert!(!images.ok().contains("committed"), "{images:?}");
}

#[test]
fn a_session_outlives_a_killed_daemon_and_ends_without_one() {
    let mut sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    let address = reaper(&sprat, "10ms");
    sprat.sprat(&["run", "-d", "-i", "--name", "running", "--label", SESSION, "wait"]).ok();
    let stream = connect(address);
    tell(&stream, &format!("label={SESSION}"));
    sprat.kill_daemon();
    // It is served on, and new clients are too.
    tell(&stream, &format!("label={SESSION}&label=org.testcontainers=true"));
    tell(&connect(address), &format!("label={SESSION}"));
    sprat.start_daemon();
    tell(&connect(address), &format!("label={SESSION}"));
    assert_eq!(names(&sprat), ["reaper", "running"]);
    sprat.kill_daemon();
    drop(stream);
    sprat.start_daemon();
    reaped(&mut sprat.events());
    assert!(names(&sprat).is_empty());
}

#[test]
fn strangers_can_neither_fill_nor_end_it() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    let mut events = sprat.events();
    let address = reaper(&sprat, "10ms");
    sprat.sprat(&["create", "--name", "made", "--label", SESSION, "wait"]).ok();
    let good = connect(address);
    tell(&good, &format!("label={SESSION}"));
    // What is no filter is answered as ryuk answers it, and removes nothing.
    for line in ["GET / HTTP/1.1", "label=tier", "name=made", "\u{0}\u{1}", "label=%", &"x".repeat(LINE)] {
        tell(&good, line);
    }
    // A line without an end.
    let mut endless = connect(address);
    let broken = (0..1024).any(|_| endless.write_all(&[b'x'; LINE]).is_err());
    assert!(broken || !matches!(endless.read(&mut [0]), Ok(1..)), "it is cut off");
    // Callers that come and go.
    for _ in 0..3000 {
        drop(TcpStream::connect(address));
    }
    // Callers that stay: those beyond the limit wait until one goes.
    let mut held: Vec<_> = (1..CONNECTIONS).map(|_| connect(address)).collect();
    for stream in &held {
        tell(stream, "x");
    }
    let late = connect(address);
    (&late).write_all(b"late\n").expect("the kernel takes it");
    tell(&good, "still served");
    late.set_nonblocking(true).expect("a socket");
    assert!((&late).read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    late.set_nonblocking(false).expect("a socket");
    held.pop();
    let mut answer = [0; 4];
    (&late).read_exact(&mut answer).expect("it is served now");
    assert_eq!(&answer, b"ACK\n");
    let most = sprat.sprat(&["logs", "reaper"]);
    assert!(!most.stdout.contains(&format!("now {}", CONNECTIONS + 1)), "more than {CONNECTIONS} were served");
    // More filters than it keeps.
    let (many, mut taken) = (connect(address), 0);
    held.clear();
    let mut lines = BufReader::new(&many).lines();
    loop {
        // In one piece: the kernel holds small ones back.
        let sent = (&many).write_all(format!("label={SESSION}{taken}\n").as_bytes());
        if sent.is_err() || lines.next().is_none_or(|line| line.is_err()) {
            break;
        }
        taken += 1;
    }
    let log = sprat.sprat(&["logs", "--tail", "20", "reaper"]);
    assert_eq!(taken, 1023, "one of the 1024 was told before: {}", log.stdout);
    assert_eq!(names(&sprat), ["made", "reaper"]);
    drop((good, late, many));
    reaped(&mut events);
    assert!(names(&sprat).is_empty());
}

#[test]
fn other_containers_do_not_reach_it() {
    let sprat = Installation::start_with(&["--egress", "deny"]);
    let guest = rust_guest("talk");
    sprat.sprat(&["build", "-q", "-t", "talk", guest.to_str().expect("UTF-8")]).ok();
    let address = reaper(&sprat, "10s");
    tell(&connect(address), "it listens");
    let (_, inspected) = sprat.api().send("GET", "/containers/reaper/json", None);
    let ip = inspected["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().expect("it is shown").to_owned();
    assert!(ip.parse::<std::net::Ipv4Addr>().is_ok(), "{inspected}");
    assert_eq!(inspected["Mounts"], json!([]), "it is given no socket");
    sprat.sprat(&["run", "-d", "--name", "peer", "talk", "serve", "8080", "peer"]).ok();
    for goal in [format!("{ip}:8080"), "reaper:8080".to_owned(), format!("127.0.0.1:{}", address.port())] {
        let asked = sprat.sprat(&["run", "--rm", "talk", "ask", &goal, &format!("label={SESSION}")]);
        assert!(asked.status != 0 && asked.stdout.starts_with("error"), "{goal}: {asked:?}");
    }
    // The same goal would be reached if somebody else had it.
    let (_, peer) = sprat.api().send("GET", "/containers/peer/json", None);
    let peer = peer["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().expect("it has one").to_owned();
    let asked = sprat.sprat(&["run", "--rm", "talk", "ask", &format!("{peer}:8080"), "x"]);
    assert_eq!(asked.ok(), "peer got x");
}

#[test]
fn only_the_built_in_program_reaps_and_it_can_be_switched_off() {
    let sprat = Installation::start();
    image(&sprat, "good", OK);
    sprat.sprat(&["tag", "good", "testcontainers/ryuk:forged"]).ok();
    sprat.sprat(&["create", "--name", "made", "--label", SESSION, "good"]).ok();
    let mut events = sprat.events();
    let label = "org.testcontainers.ryuk=true";
    sprat.sprat(&["create", "--rm", "--name", "reaper", "--label", label, "testcontainers/ryuk:forged"]).ok();
    let notes = sprat.path("sessions");
    std::fs::write(&notes, format!("label={SESSION}\n")).expect("the folder is ours");
    sprat.sprat(&["cp", notes.to_str().expect("UTF-8"), "reaper:/sessions"]).ok();
    sprat.sprat(&["start", "reaper"]).ok();
    // Had it reaped, that would have come before its own removal.
    reaped(&mut events);
    assert_eq!(names(&sprat), ["made"]);

    sprat.sprat(&["pull", "-q", "127.0.0.1:1/testcontainers/ryuk:1"]).ok();
    let inspected = sprat.sprat(&[
        "image",
        "inspect",
        "-f",
        "{{index .Config.Labels \"dev.sprat.built-in\"}}",
        "127.0.0.1:1/testcontainers/ryuk:1",
    ]);
    assert_eq!(inspected.ok(), "reaper");
    let without = Installation::start_with(&["--no-reaper"]);
    let pulled = without.sprat(&["pull", "-q", "127.0.0.1:1/testcontainers/ryuk:1"]);
    assert!(pulled.status != 0, "{pulled:?}");
}
