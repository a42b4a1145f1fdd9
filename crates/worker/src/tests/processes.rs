//! A worker as a process of its own: this test program, started anew.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use sprat_sandbox::{Exit, Stop};

use super::{PATIENCE, connect, event, exit, patiently};
use crate::fake::{FakeHost, options, request};
use crate::frame;
use crate::wire::{PROTOCOL, Welcome};
use crate::{Client, ClientError, Event, SpawnCommand, WorkerOptions};
use tokio::sync::mpsc;

/// Not a test: what [`spawn`] starts.
#[test]
#[ignore = "the worker process of other tests"]
fn worker_process() {
    let options: WorkerOptions = serde_json::from_str(&std::env::args().next_back().unwrap()).unwrap();
    crate::server::serve_with(options, |_, _| Ok(FakeHost)).unwrap();
    std::process::exit(0);
}

/// Not a test: a process that answers as a worker once, then announces an endless message and lives on.
#[test]
#[ignore = "the worker process of another test"]
fn broken_worker_process() {
    let options: WorkerOptions = serde_json::from_str(&std::env::args().next_back().unwrap()).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&options.socket).unwrap();
    println!("{}", crate::server::READY);
    let (mut stream, _) = listener.accept().unwrap();
    let welcome = Welcome {
        protocol: PROTOCOL,
        version: String::new(),
        name: options.name,
        pid: std::process::id(),
        warnings: Vec::new(),
        journal: options.journal,
    };
    stream.write_all(&frame::message(&serde_json::json!({ "seq": 1, "ok": welcome })).unwrap()).unwrap();
    stream.write_all(&[0xff; 4]).unwrap();
    loop {
        std::thread::park();
    }
}

fn command(folder: &Path) -> SpawnCommand {
    command_of(folder, "tests::processes::worker_process")
}

fn command_of(folder: &Path, process: &str) -> SpawnCommand {
    SpawnCommand {
        program: std::env::current_exe().unwrap(),
        args: ["--exact", process, "--ignored", "--nocapture"].map(str::to_owned).into(),
        stderr: folder.join("stderr"),
    }
}

async fn spawn(options: &WorkerOptions) -> (Client, mpsc::UnboundedReceiver<(String, Event)>) {
    let (sender, events) = mpsc::unbounded_channel();
    let client = Client::spawn(&command(options.socket.parent().unwrap()), options, sender).await.unwrap();
    (client, events)
}

fn kill(client: &Client) {
    signal(client, Signal::KILL);
}

fn signal(client: &Client, signal: Signal) {
    let pid = Pid::from_raw(client.pid().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

async fn is_gone(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    patiently(async {
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_killed_worker_is_gone_and_leaves_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (client, mut events) = spawn(&options).await;
    assert_ne!(client.pid(), std::process::id());
    client.start(&request("done", &["exit:5"]), Vec::new()).await.unwrap();
    client.start(&request("lost", &["wait"]), Vec::new()).await.unwrap();
    assert_eq!(exit(&mut events).await, ("done".into(), Exit::Code(5)));
    kill(&client);
    assert_eq!(event(&mut events).await, Event::Gone);
    assert!(matches!(client.list().await, Err(ClientError::Gone(_))));
    let recorded = Client::journal(&options.journal);
    assert_eq!(
        recorded.iter().map(|(id, exit, _)| (id.as_str(), exit)).collect::<Vec<_>>(),
        [("done", &Exit::Code(5))]
    );
    assert!(!options.socket.exists(), "the stale socket is removed");
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (sender, mut events) = mpsc::unbounded_channel();
    let command = command_of(dir.path(), "tests::processes::broken_worker_process");
    let client = Client::spawn(&command, &options, sender).await.unwrap();
    assert_eq!(event(&mut events).await, Event::Gone);
    is_gone(client.pid()).await;
    assert!(!options.socket.exists(), "the stale socket is removed");
}

#[tokio::test]
async fn a_held_worker_is_silent_and_not_gone() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (client, mut events) = spawn(&options).await;
    client.start(&request("runs", &["wait"]), Vec::new()).await.unwrap();
    signal(&client, Signal::STOP);
    // The clock jumps to the deadline as soon as there is nothing to do but to wait.
    tokio::time::pause();
    assert!(matches!(client.list().await, Err(ClientError::Silent { .. })));
    assert!(matches!(client.stop("runs", Stop::Kill).await, Err(ClientError::Silent { .. })));
    assert!(matches!(client.attach("runs", false).await, Err(ClientError::Silent { .. })));
    let (sender, _second_events) = mpsc::unbounded_channel();
    let error = Client::connect("w1", &options.socket, sender).await.unwrap_err();
    assert!(error.to_string().contains("no answer to hello within 10 s"), "{error}");
    tokio::time::resume();
    assert!(events.try_recv().is_err(), "it is not told as gone");
    assert!(options.socket.exists());
    signal(&client, Signal::CONT);
    let (client, _events) = connect(dir.path()).await;
    assert_eq!(client.list().await.unwrap().len(), 1);
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_start_that_a_held_worker_did_not_answer_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (client, mut events) = spawn(&options(dir.path())).await;
    signal(&client, Signal::STOP);
    tokio::time::pause();
    let error = client.start(&request("late", &["wait"]), Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("no answer to start within 20 s"), "{error}");
    assert!(client.is_silent());
    let error = client.list().await.unwrap_err();
    assert!(error.to_string().contains("within 1 s"), "it is not waited for so long any more: {error}");
    tokio::time::resume();
    signal(&client, Signal::CONT);
    assert_eq!(exit(&mut events).await, ("late".into(), Exit::Signalled(137)));
    assert!(!client.is_silent());
    client.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_held_worker_that_is_to_end_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (client, mut events) = spawn(&options(dir.path())).await;
    client.start(&request("lost", &["wait"]), Vec::new()).await.unwrap();
    signal(&client, Signal::STOP);
    tokio::time::pause();
    assert!(matches!(client.shutdown().await, Err(ClientError::Silent { .. })));
    tokio::time::resume();
    assert_eq!(event(&mut events).await, Event::Gone);
    is_gone(client.pid()).await;
}

#[tokio::test]
async fn a_worker_that_cannot_be_reached_is_not_taken_for_gone() {
    let dir = tempfile::tempdir().unwrap();
    let too_long = dir.path().join("x".repeat(200));
    for (socket, silent) in [(too_long, true), (dir.path().join("nothing"), false)] {
        let (sender, _events) = mpsc::unbounded_channel();
        let error = Client::connect("w1", &socket, sender).await.unwrap_err();
        assert_eq!(matches!(error, ClientError::Silent { .. }), silent, "{error}");
    }
}

#[tokio::test]
async fn a_worker_outlives_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (client, events) = spawn(&options).await;
    let pid = client.pid();
    client.start(&request("runs", &["wait"]), Vec::new()).await.unwrap();
    client.start(&request("ends", &["sleep:20", "exit:2"]), Vec::new()).await.unwrap();
    drop((client, events));
    let (client, mut events) = connect(dir.path()).await;
    assert_eq!(client.pid(), pid);
    assert_eq!(client.list().await.unwrap().len(), 2);
    client.stop("runs", Stop::Terminate).await.unwrap();
    // One of the two may have ended between the owners.
    while client.list().await.unwrap().iter().any(|guest| !matches!(guest.state, crate::GuestState::Exited { .. })) {
        event(&mut events).await;
    }
    client.shutdown().await.unwrap();
    is_gone(pid).await;
}

#[tokio::test]
async fn shutting_down_kills_guests_and_tells_their_exits() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (client, mut events) = spawn(&options).await;
    client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(exit(&mut events).await, ("a".into(), Exit::Signalled(137)));
    assert_eq!(event(&mut events).await, Event::Gone);
    is_gone(client.pid()).await;
}

#[tokio::test]
async fn a_request_to_terminate_the_worker_records_its_guests() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let (client, mut events) = spawn(&options).await;
    client.start(&request("a", &["wait"]), Vec::new()).await.unwrap();
    for harmless in [Signal::HUP, Signal::INT, Signal::PIPE] {
        signal(&client, harmless);
    }
    assert_eq!(client.list().await.unwrap().len(), 1);
    signal(&client, Signal::TERM);
    assert_eq!(exit(&mut events).await, ("a".into(), Exit::Signalled(137)));
    assert_eq!(event(&mut events).await, Event::Gone);
    assert_eq!(Client::journal(&options.journal).len(), 1);
}

#[tokio::test]
async fn a_guest_deaf_to_requests_takes_its_own_worker_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = WorkerOptions { shared: false, ..options(dir.path()) };
    let (client, mut events) = spawn(&options).await;
    client.start(&request("a", &["spin"]), Vec::new()).await.unwrap();
    client.stop("a", Stop::Terminate).await.unwrap();
    assert_eq!(exit(&mut events).await, ("a".into(), Exit::Signalled(143)));
    assert_eq!(event(&mut events).await, Event::Gone);
    is_gone(client.pid()).await;
}

#[tokio::test]
async fn a_guest_of_its_own_worker_ends_at_its_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let options = WorkerOptions { shared: false, ..options(dir.path()) };
    let (client, mut events) = spawn(&options).await;
    let mut guest = request("a", &["spin"]);
    guest.spec.limits.wall_clock_ms = 20;
    client.start(&guest, Vec::new()).await.unwrap();
    assert_eq!(exit(&mut events).await, ("a".into(), Exit::TimedOut));
    assert_eq!(event(&mut events).await, Event::Gone);
}

#[tokio::test]
async fn a_worker_nobody_needs_ends() {
    let dir = tempfile::tempdir().unwrap();
    let options = WorkerOptions { idle_exit_s: 1, ..options(dir.path()) };
    let (client, mut events) = spawn(&options).await;
    client.start(&request("a", &["sleep:10"]), Vec::new()).await.unwrap();
    exit(&mut events).await;
    let pid = client.pid();
    drop(client);
    is_gone(pid).await;
    assert_eq!(Client::journal(&options.journal).len(), 1, "what was not forgotten stays recorded");
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.journal = dir.path().join("missing").join("journal");
    let (sender, _events) = mpsc::unbounded_channel();
    let error = patiently(Client::spawn(&command(dir.path()), &options, sender)).await.unwrap_err();
    assert!(error.to_string().contains("open the journal"), "{error}");
    let mut command = command(dir.path());
    command.program = dir.path().join("nothing");
    let (sender, _events) = mpsc::unbounded_channel();
    let error = tokio::time::timeout(PATIENCE, Client::spawn(&command, &options, sender)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cannot run"), "{error}");
}
