//! Real guests in real, confined worker processes: this test program, started anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here fails a test")]

mod roles;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use roles::this_program;
use sprat_program::{Cache, CompilerCommand};
use sprat_sandbox::{Exit, FilesSpec, Limits, ProgramSpec, Spec, Stop, User};
use sprat_worker::{Client, Confinement, Event, LogOptions, SpawnCommand, StartRequest, WorkerOptions};
use tempfile::TempDir;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(60);

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
    dir: TempDir,
    cache: Cache,
    shared: bool,
    client: Client,
    events: mpsc::UnboundedReceiver<(String, Event)>,
}

impl World {
    async fn new(shared: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (program, args) = this_program("compiler_process");
        let cache = Cache::open(dir.path(), CompilerCommand { program, args }).unwrap();
        for folder in ["layer", "logs", "uppers"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let options = WorkerOptions {
            name: "w1".into(),
            socket: dir.path().join("run/socket"),
            journal: dir.path().join("journal"),
            slots: 100,
            max_memory: 64 << 20,
            key: cache.key_path(),
            shared,
            confinement: Confinement {
                read: vec![dir.path().join("code"), dir.path().join("layer")],
                write: vec![dir.path().join("logs"), dir.path().join("uppers")],
                memory_bytes: 0,
            },
            idle_exit_s: 30,
        };
        let (program, args) = this_program("worker_process");
        let command = SpawnCommand { program, args, stderr: dir.path().join("stderr") };
        let (sender, events) = mpsc::unbounded_channel();
        let client = Client::spawn(&command, &options, sender).await.unwrap();
        Self { dir, cache, shared, client, events }
    }

    async fn request(&self, id: &str, wat: &str) -> StartRequest {
        let artifact = self.cache.prepare(wat.as_bytes().to_vec(), self.shared).await.unwrap();
        let path = |name: &str| self.dir.path().join(name);
        StartRequest {
            id: id.to_owned(),
            spec: Spec {
                program: ProgramSpec {
                    code: artifact.path,
                    variant: artifact.variant,
                    encoding: artifact.description.encoding,
                    kind: artifact.description.kind,
                    wasi: artifact.description.wasi,
                },
                args: vec!["guest".into()],
                env: Vec::new(),
                cwd: "/".into(),
                files: FilesSpec { upper: path("uppers").join(id), ..<_>::default() },
                user: User::default(),
                limits: Limits { memory_bytes: 1 << 20, ..Limits::default() },
                tty: false,
            },
            log: Some(LogOptions {
                path: path("logs").join(id),
                max_size: 1 << 20,
                max_files: 2,
                attributes: String::new(),
            }),
            open_stdin: false,
            stdin_once: false,
            size: None,
        }
    }

    async fn event(&mut self) -> Event {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap().1
    }

    async fn exit(&mut self) -> Exit {
        match self.event().await {
            Event::Exited { exit, .. } => exit,
            Event::Gone => panic!("gone: {}", read(&self.dir.path().join("stderr"))),
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
    world.client.start(&request).await.unwrap();
    let mut seen = Vec::new();
    while let Some((_, bytes)) = attachment.output.recv().await {
        seen.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&seen), "hello\nping\n");
    assert_eq!(world.exit().await, Exit::Code(0));
    assert_eq!(read(&world.dir.path().join("logs/a")).lines().count(), 2);
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
        world.client.start(&request).await.unwrap();
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
    world.client.start(&request).await.unwrap();
    attachment.input.as_ref().unwrap().send(Bytes::from_static(b"\x03")).await.unwrap();
    assert_eq!(world.exit().await, Exit::Signalled(130));
    world.client.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computing_guest_of_a_shared_worker_is_stopped_alone() {
    let mut world = World::new(true).await;
    world.client.start(&world.request("a", SPIN).await).await.unwrap();
    world.client.start(&world.request("b", SPIN).await).await.unwrap();
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
    world.client.start(&world.request("a", SPIN).await).await.unwrap();
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
        world.client.start(&request).await.unwrap();
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
