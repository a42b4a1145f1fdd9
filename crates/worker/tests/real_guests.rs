//! Real guests in real, confined worker processes: this test program, started anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here fails a test")]

mod roles;
mod setup;

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use setup::{Events, PATIENCE, Place};
use sprat_sandbox::{Exit, NetworkSpec, ProcessSpec, ProgramSpec, Stop, Unresolved, User};
use sprat_worker::{Client, Event, ExecRequest, StartRequest};

/// Writes what it is given, byte for byte; "hello" first.
const ECHO: &str = include_str!("roles/echo.wat");

/// Writes "hello", and computes for ever.
const SPIN: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\64\00\00\00\06\00\00\00")
  (data (i32.const 100) "hello\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop $l (br $l))))"#;

struct World {
    place: Place,
    shared: bool,
    client: Client,
    events: Events,
}

impl World {
    async fn new(shared: bool) -> Self {
        let place = Place::new();
        let (client, events) = place.worker("w1", shared, false).await;
        Self { place, shared, client, events }
    }

    async fn request(&self, id: &str, wat: &str) -> StartRequest {
        let program = self.place.program(wat.as_bytes(), self.shared).await;
        let mut request = self.place.request(id, program, NetworkSpec::default());
        request.spec.limits.memory_bytes = 1 << 20;
        request
    }

    async fn event(&mut self) -> Event {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap().1
    }

    async fn exit(&mut self) -> Exit {
        match self.event().await {
            Event::Exited { exit, .. } => exit,
            other => panic!("{other:?}: {}", read(&self.place.dir.path().join("stderr"))),
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confined_worker_runs_a_guest_with_its_streams() {
    let mut world = World::new(true).await;
    let mut attachment = world.client.attach("a", true).await.unwrap();
    let mut request = world.request("a", ECHO).await;
    (request.open_stdin, request.stdin_once) = (true, true);
    let input = attachment.input.take().unwrap();
    input.send(Bytes::from_static(b"ping\n")).await.unwrap();
    drop(input);
    world.client.start(&request, Vec::new()).await.unwrap();
    let mut seen = Vec::new();
    while let Some((_, bytes)) = attachment.output.recv().await {
        seen.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&seen), "hello\nping\n");
    assert_eq!(world.exit().await, Exit::Code(0));
    assert_eq!(read(&world.place.dir.path().join("logs/a")).lines().count(), 2);
    world.client.shutdown().await.unwrap();
    assert_eq!(world.event().await, Event::Gone);
}

/// Reads until `seen` ends with `end`.
async fn until(attachment: &mut sprat_worker::Attachment, seen: &mut String, end: &str) {
    while !seen.ends_with(end) {
        let (_, bytes) = tokio::time::timeout(PATIENCE, attachment.output.recv()).await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_at_a_terminal_reads_lines_that_are_echoed_until_control_d() {
    for shared in [true, false] {
        let mut world = World::new(shared).await;
        let mut attachment = world.client.attach("a", true).await.unwrap();
        let mut request = world.request("a", ECHO).await;
        (request.open_stdin, request.spec.tty, request.size) = (true, true, Some((80, 24)));
        world.client.start(&request, Vec::new()).await.unwrap();
        let mut seen = String::new();
        until(&mut attachment, &mut seen, "hello\r\n").await;
        let input = attachment.input.clone().unwrap();
        // The terminal edits: the guest gets the line when it is whole.
        input.send(Bytes::from_static(b"pint\x7fg\r")).await.unwrap();
        until(&mut attachment, &mut seen, "ping\r\n").await;
        assert!(seen.starts_with("hello\r\npint\x08 \x08g\r\n"), "{seen:?}");
        input.send(Bytes::from_static(b"\x04")).await.unwrap();
        assert_eq!(world.exit().await, Exit::Code(0));
        world.client.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computing_guest_at_a_terminal_is_interrupted_by_control_c() {
    let mut world = World::new(true).await;
    let attachment = world.client.attach("a", true).await.unwrap();
    let mut request = world.request("a", SPIN).await;
    (request.open_stdin, request.spec.tty) = (true, true);
    world.client.start(&request, Vec::new()).await.unwrap();
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"\x03")).await.unwrap();
    assert_eq!(world.exit().await, Exit::Signalled(130));
    world.client.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computing_guest_of_a_shared_worker_is_stopped_alone() {
    let mut world = World::new(true).await;
    world.client.start(&world.request("a", SPIN).await, Vec::new()).await.unwrap();
    world.client.start(&world.request("b", SPIN).await, Vec::new()).await.unwrap();
    world.client.stop("a", Stop::Terminate).await.unwrap();
    assert_eq!(world.exit().await, Exit::Signalled(143));
    assert_eq!(world.client.list().await.unwrap().len(), 2);
    world.client.shutdown().await.unwrap();
    assert_eq!(world.exit().await, Exit::Signalled(137));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computing_guest_of_its_own_worker_is_stopped_with_it() {
    let mut world = World::new(false).await;
    let mut attachment = world.client.attach("a", true).await.unwrap();
    world.client.start(&world.request("a", SPIN).await, Vec::new()).await.unwrap();
    // One that has not begun to compute ends without its worker.
    assert_eq!(attachment.output.recv().await.unwrap().1, "hello\n");
    world.client.stop("a", Stop::Terminate).await.unwrap();
    assert_eq!(world.exit().await, Exit::Signalled(143));
    assert_eq!(world.event().await, Event::Gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_come_and_go_on_one_connection() {
    let mut world = World::new(true).await;
    let mut request = world.request("a", ECHO).await;
    let (mut starts, mut rounds) = (Vec::new(), Vec::new());
    for round in 0..500 {
        request.id = format!("g{round}");
        let before = Instant::now();
        world.client.start(&request, Vec::new()).await.unwrap();
        starts.push(before.elapsed());
        assert_eq!(world.exit().await, Exit::Code(0));
        let before = Instant::now();
        world.client.forget(&request.id).await.unwrap();
        rounds.push(before.elapsed());
    }
    starts.sort();
    rounds.sort();
    println!("start: median {:?}, most {:?}; forget: median {:?}", starts[250], starts[499], rounds[250]);
    assert!(world.client.list().await.unwrap().is_empty());
    world.client.shutdown().await.unwrap();
}

/// Starts `/bin/child`, which is given its streams, and ends with its status.
const PARENT: &str = r#"(module
  (import "sprat_process" "spawn" (func $spawn (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "sprat_process" "wait" (func $wait (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "/bin/child")
  (data (i32.const 200) "child\00")
  (func (export "_start") (local $errno i32)
    (local.set $errno (call $spawn (i32.const 100) (i32.const 10) (i32.const 200) (i32.const 6)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 0)))
    (if (local.get $errno) (then (call $exit (i32.add (i32.const 200) (local.get $errno)))))
    (if (call $wait (i32.load (i32.const 0)) (i32.const 0) (i32.const 4) (i32.const 8)) (then unreachable))
    (call $exit (i32.load (i32.const 4)))))"#;

/// Writes "child" and ends with 42.
const CHILD: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\64\00\00\00\06\00\00\00")
  (data (i32.const 100) "child\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 42))))"#;

impl World {
    /// A program for a further process.
    async fn further(&self, wat: &str) -> ProgramSpec {
        self.place.program(wat.as_bytes(), true).await
    }

    async fn exec(&self, id: &str, within: &str, wat: &str) -> ExecRequest {
        let process = ProcessSpec {
            program: self.further(wat).await,
            args: vec!["further".into()],
            env: Vec::new(),
            cwd: "/".into(),
            user: User::default(),
            tty: false,
        };
        ExecRequest { id: id.into(), within: within.into(), process, open_stdin: false, size: None }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_processes_run_beside_a_computing_first_one_and_are_stopped_alone() {
    for shared in [true, false] {
        let mut world = World::new(shared).await;
        let mut first = world.client.attach("a", false).await.unwrap();
        world.client.start(&world.request("a", SPIN).await, Vec::new()).await.unwrap();
        until(&mut first, &mut String::new(), "hello\n").await;
        let mut attachment = world.client.attach("x", false).await.unwrap();
        world.client.exec(&world.exec("x", "a", CHILD).await).await.unwrap();
        until(&mut attachment, &mut String::new(), "child\n").await;
        assert_eq!(world.exit().await, Exit::Code(42));
        world.client.exec(&world.exec("y", "a", SPIN).await).await.unwrap();
        let args: Vec<_> = world.client.processes("a").await.unwrap().into_iter().map(|it| it.args).collect();
        assert_eq!(args, [["guest"], ["further"]]);
        world.client.stop("y", Stop::Terminate).await.unwrap();
        assert_eq!(world.exit().await, Exit::Signalled(143));
        world.client.exec(&world.exec("z", "a", SPIN).await).await.unwrap();
        world.client.stop("a", Stop::Kill).await.unwrap();
        // The first program's end takes the other with it, in whichever order they are told.
        assert_eq!([world.exit().await, world.exit().await], [Exit::Signalled(137), Exit::Signalled(137)]);
        if shared {
            world.client.shutdown().await.unwrap();
        }
        assert_eq!(world.event().await, Event::Gone);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_starts_a_program_that_its_owner_supplies() {
    for shared in [true, false] {
        let mut world = World::new(shared).await;
        let bin = world.place.dir.path().join("uppers/a/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("child"), "").unwrap();
        let mut attachment = world.client.attach("a", false).await.unwrap();
        world.client.start(&world.request("a", PARENT).await, Vec::new()).await.unwrap();
        let Event::Wanted { ticket, id, path, user } = world.event().await else { panic!("not asked") };
        assert_eq!((id.as_str(), path.as_str(), user), ("a", "/bin/child", User::default()));
        world.client.supply(ticket, Ok(world.further(CHILD).await)).await.unwrap();
        until(&mut attachment, &mut String::new(), "child\n").await;
        assert_eq!(world.exit().await, Exit::Code(42));
        world.client.forget("a").await.unwrap();

        world.client.start(&world.request("a", PARENT).await, Vec::new()).await.unwrap();
        let Event::Wanted { ticket, .. } = world.event().await else { panic!("not asked") };
        world.client.supply(ticket, Err(Unresolved::NotAProgram("it is a text".into()))).await.unwrap();
        // ENOEXEC is 45.
        assert_eq!(world.exit().await, Exit::Code(245));
        world.client.shutdown().await.unwrap();
    }
}
