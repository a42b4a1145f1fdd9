//! Containers in real, confined workers: this test program, started anew as worker and compiler.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails a test")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use sprat_engine::{
    CompilerCommand, ContainerSpec, Engine, EngineConfig, EngineError, EventFilter, Isolation, ListFilter, LogQuery,
    MountKind, MountSpec, RemoveOptions, RestartPolicy, Status, Stream, WaitCondition,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes "hello", then copies its input to its output.
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "hello\n")
  (func $out (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (call $out (i32.const 100) (i32.const 6))
    (loop $again
      (i32.store (i32.const 0) (i32.const 200))
      (i32.store (i32.const 4) (i32.const 1000))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (call $out (i32.const 200) (i32.load (i32.const 8)))
        (br $again))))))"#;

/// Ends with status 3.
const FAIL: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 3))))"#;

/// Computes for ever.
const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#;

/// Only exports a function.
const PLAIN: &str = r#"(module (func (export "add") (param i32 i32) (result i32) local.get 0))"#;

/// Not a test: what the engine starts as worker.
#[test]
#[ignore = "the worker process of other tests"]
fn worker_process() {
    let options = serde_json::from_str(&std::env::args().next_back().unwrap()).unwrap();
    sprat_worker::serve(options).unwrap();
    std::process::exit(0);
}

/// Not a test: what compiles the guests.
#[test]
#[ignore = "the compiler process of other tests"]
fn compiler_process() {
    let args: Vec<String> = std::env::args().collect();
    let code = i32::from(sprat_program::compile_child(&args[args.len() - 2..]).is_err());
    std::process::exit(code);
}

fn this_program(test: &str) -> (PathBuf, Vec<String>) {
    let args = ["--exact", test, "--ignored", "--nocapture"].map(str::to_owned);
    (std::env::current_exe().unwrap(), args.into())
}

struct World {
    dir: TempDir,
    engine: Arc<Engine>,
}

fn config(dir: &TempDir) -> EngineConfig {
    let (worker, worker_args) = this_program("worker_process");
    let (program, args) = this_program("compiler_process");
    EngineConfig {
        root: dir.path().join("root"),
        run: dir.path().join("run"),
        worker,
        worker_args,
        compiler: CompilerCommand { program, args },
        worker_slots: 16,
        max_workers: 2,
        default_memory: 64 << 20,
        insecure_registries: Vec::new(),
        registry_certificates: Vec::new(),
    }
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(config(&dir)).await.unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        for (name, text) in [
            ("echo", ECHO),
            ("fail", FAIL),
            ("spin", SPIN),
            ("plain", PLAIN),
            ("script", "#!/bin/sh\n"),
            ("data/seed", "seed"),
            ("etc/passwd", "app:x:7:8::/home/app:/bin/sh\n"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let archive = dir.path().join("image.tar");
        std::fs::write(&archive, tar.into_inner().unwrap()).unwrap();
        let changes = vec!["CMD [\"/echo\"]".to_owned(), "LABEL sea=north".to_owned()];
        let tag = Some("guests:latest".parse().unwrap());
        engine.import(archive, tag, String::new(), changes).await.unwrap();
        Self { dir, engine }
    }

    /// Drops the engine as a killed process would, and opens another.
    async fn reopen(self) -> Self {
        let Self { dir, engine } = self;
        drop(engine);
        let engine = Engine::open(config(&dir)).await.unwrap();
        Self { dir, engine }
    }

    async fn create(&self, name: &str, spec: ContainerSpec) {
        let spec = ContainerSpec { name: Some(name.to_owned()), image: "guests".to_owned(), ..spec };
        self.engine.create(spec).await.unwrap();
    }

    async fn exit(&self, name: &str, condition: WaitCondition) -> (i64, Option<String>) {
        tokio::time::timeout(PATIENCE, self.engine.wait(name, condition).unwrap()).await.unwrap()
    }

    fn status(&self, name: &str) -> Status {
        self.engine.inspect(name).unwrap().state.status
    }

    async fn log(&self, name: &str) -> String {
        let query = LogQuery { follow: true, stdout: true, stderr: true, ..LogQuery::default() };
        let lines = self.engine.logs(name, query).unwrap();
        let lines: Vec<_> = tokio::time::timeout(PATIENCE, lines.collect()).await.unwrap();
        lines.into_iter().map(|line| String::from_utf8_lossy(&line.unwrap().text).into_owned()).collect()
    }

    async fn end(self) {
        self.engine.close(true).await;
    }
}

fn now_ns() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_nanos()).unwrap()
}

fn run(program: &str) -> ContainerSpec {
    ContainerSpec { cmd: Some(vec![program.to_owned()]), ..ContainerSpec::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_lives_and_is_gone() {
    let world = World::new().await;
    let engine = &world.engine;
    world.create("bass", run("/fail")).await;
    assert_eq!(world.status("bass"), Status::Created);
    let exit = engine.wait("bass", WaitCondition::NextExit).unwrap();
    engine.start("bass").await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, exit).await.unwrap(), (3, None));
    assert_eq!(world.status("bass"), Status::Exited);
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 3);
    engine.start("bass").await.unwrap();
    world.exit("bass", WaitCondition::NotRunning).await;
    engine.remove("bass", RemoveOptions::default()).await.unwrap();
    assert!(matches!(engine.inspect("bass"), Err(EngineError::NoSuchContainer(_))));
    assert_eq!(std::fs::read_dir(world.dir.path().join("root/containers")).unwrap().count(), 0);
    let past = EventFilter { since_ns: Some(0), until_ns: Some(now_ns()), ..EventFilter::default() };
    let events: Vec<_> = engine.events(past).unwrap().collect().await;
    let told: Vec<&str> =
        events.iter().map(|event| event.action.as_str()).filter(|action| *action != "import").collect();
    assert_eq!(told, ["create", "start", "die", "start", "die", "destroy"]);
    let die = events.iter().find(|event| event.action == "die").unwrap();
    assert_eq!((die.attributes["exitCode"].as_str(), die.attributes["name"].as_str()), ("3", "bass"));
    assert_eq!(die.attributes["sea"], "north");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_made_before_the_start_sees_all_and_feeds_the_guest() {
    let world = World::new().await;
    let spec = ContainerSpec { open_stdin: true, stdin_once: true, ..run("/echo") };
    world.create("bass", spec).await;
    let mut attached = world.engine.attach("bass", sprat_engine::AttachOptions { stdin: true }).await.unwrap();
    world.engine.start("bass").await.unwrap();
    let input = attached.input.take().unwrap();
    input.send("ping\n".into()).await.unwrap();
    drop(input);
    let mut output = Vec::new();
    while let Some((stream, bytes)) = tokio::time::timeout(PATIENCE, attached.output.recv()).await.unwrap() {
        assert_eq!(stream, Stream::Stdout);
        output.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&output), "hello\nping\n");
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 0);
    assert_eq!(world.log("bass").await, "hello\nping\n");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_143_kill_is_137_and_both_refuse_what_does_not_run() {
    let world = World::new().await;
    let engine = &world.engine;
    world.create("bass", run("/spin")).await;
    engine.start("bass").await.unwrap();
    assert!(matches!(engine.start("bass").await, Err(EngineError::NotModified)));
    assert!(engine.remove("bass", RemoveOptions::default()).await.is_err());
    engine.kill("bass", "HUP").await.unwrap();
    engine.stop("bass", None).await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 143);
    assert!(matches!(engine.stop("bass", None).await, Err(EngineError::NotModified)));
    assert!(engine.kill("bass", "KILL").await.unwrap_err().to_string().ends_with("is not running"));
    engine.start("bass").await.unwrap();
    engine.pause("bass", true).await.unwrap();
    assert_eq!(world.status("bass"), Status::Paused);
    assert!(engine.start("bass").await.is_err());
    engine.pause("bass", false).await.unwrap();
    engine.kill("bass", "KILL").await.unwrap();
    assert_eq!(world.exit("bass", WaitCondition::NotRunning).await.0, 137);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_remove_takes_the_container_and_its_anonymous_volumes() {
    let world = World::new().await;
    let volume = MountSpec {
        target: "/data".to_owned(),
        kind: MountKind::Volume { name: String::new(), no_copy: false },
        read_only: false,
    };
    world.create("bass", ContainerSpec { auto_remove: true, mounts: vec![volume], ..run("/fail") }).await;
    let (volume, users) = world.engine.volumes().remove(0);
    assert_eq!(users.len(), 1);
    assert_eq!(std::fs::read_to_string(volume.mountpoint.join("seed")).unwrap(), "seed");
    assert!(matches!(world.engine.remove_volume(&volume.name, true).await, Err(EngineError::VolumeInUse { .. })));
    let removed = world.engine.wait("bass", WaitCondition::Removed).unwrap();
    world.engine.start("bass").await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, removed).await.unwrap().0, 3);
    assert!(world.engine.volumes().is_empty() && !volume.mountpoint.exists());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restart_policy_counts_and_a_stop_ends_it() {
    let world = World::new().await;
    let limited = ContainerSpec { restart: RestartPolicy::OnFailure { max: 1 }, ..run("/fail") };
    world.create("bass", limited).await;
    world.engine.start("bass").await.unwrap();
    loop {
        world.exit("bass", WaitCondition::NotRunning).await;
        if world.status("bass") == Status::Exited {
            break;
        }
    }
    assert_eq!(world.engine.inspect("bass").unwrap().restart_count, 1);
    world.create("cod", ContainerSpec { restart: RestartPolicy::Always, ..run("/fail") }).await;
    world.engine.start("cod").await.unwrap();
    world.exit("cod", WaitCondition::NextExit).await;
    world.exit("cod", WaitCondition::NextExit).await;
    world.engine.stop("cod", None).await.unwrap();
    assert_eq!(world.status("cod"), Status::Exited);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_is_told_at_the_start_in_dockers_words() {
    let world = World::new().await;
    for (program, code, text) in [
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/plain", 126, "permission denied"),
        ("/script", 126, "exec format error"),
    ] {
        world.create("bass", run(program)).await;
        let error = world.engine.start("bass").await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        let state = world.engine.inspect("bass").unwrap().state;
        assert_eq!((state.status, state.exit.unwrap().code), (Status::Created, code));
        world.engine.remove("bass", RemoveOptions::default()).await.unwrap();
    }
    let missing = ContainerSpec { image: "nosuch:1".to_owned(), ..ContainerSpec::default() };
    assert_eq!(world.engine.create(missing).await.unwrap_err().to_string(), "No such image: nosuch:1");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique_and_short_ids_work() {
    let world = World::new().await;
    world.create("bass", run("/echo")).await;
    world.create("cod", ContainerSpec { user: Some("app".to_owned()), ..run("/echo") }).await;
    let twice = ContainerSpec { name: Some("bass".to_owned()), image: "guests".to_owned(), ..run("/echo") };
    assert!(matches!(world.engine.create(twice).await, Err(EngineError::NameTaken { .. })));
    assert!(matches!(world.engine.rename("cod", "bass").await, Err(EngineError::NameTaken { .. })));
    world.engine.rename("cod", "hake").await.unwrap();
    world.create("cod", run("/echo")).await;
    let id = world.engine.inspect("/hake").unwrap().id;
    assert_eq!(world.engine.inspect(&id.short()).unwrap().name, "hake");
    let all = ListFilter { all: true, ..ListFilter::default() };
    let names: Vec<String> = world.engine.list(&all).unwrap().into_iter().map(|container| container.name).collect();
    assert_eq!(names, ["cod", "hake", "bass"]);
    let filters = [("name".to_owned(), vec!["^ba".to_owned()]), ("status".to_owned(), vec!["created".to_owned()])];
    let filter = ListFilter { filters: filters.into(), ..ListFilter::default() };
    assert_eq!(world.engine.list(&filter).unwrap().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_starts_and_removals_of_one_container_leave_one_outcome() {
    let world = World::new().await;
    for round in 0..10 {
        let name = format!("bass{round}");
        world.create(&name, run("/spin")).await;
        let options = RemoveOptions { force: true, volumes: true };
        let starts = futures_util::future::join_all((0..4).map(|_| world.engine.start(&name)));
        let (starts, removed) = tokio::join!(starts, world.engine.remove(&name, options));
        assert!(starts.iter().filter(|start| start.is_ok()).count() <= 1);
        removed.unwrap();
        assert!(world.engine.inspect(&name).is_err());
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_loses_nothing() {
    let world = World::new().await;
    world.create("running", run("/spin")).await;
    world.create("alone", ContainerSpec { isolation: Isolation::Process, ..run("/spin") }).await;
    world.create("ended", run("/fail")).await;
    world.create("created", run("/fail")).await;
    world.create("again", ContainerSpec { restart: RestartPolicy::Always, ..run("/fail") }).await;
    for name in ["running", "alone", "ended", "again"] {
        world.engine.start(name).await.unwrap();
    }
    world.exit("ended", WaitCondition::NotRunning).await;
    let pid = world.engine.inspect("running").unwrap().state.pid;
    let world = world.reopen().await;
    let running = world.engine.inspect("running").unwrap().state;
    assert_eq!((running.status, running.pid), (Status::Running, pid));
    assert_eq!(world.status("alone"), Status::Running);
    assert_eq!(world.status("created"), Status::Created);
    let ended = world.engine.inspect("ended").unwrap().state;
    assert_eq!((ended.status, ended.exit.unwrap().code), (Status::Exited, 3));
    world.exit("again", WaitCondition::NextExit).await;
    world.engine.stop("running", None).await.unwrap();
    world.engine.kill("alone", "KILL").await.unwrap();
    assert_eq!(world.exit("alone", WaitCondition::NotRunning).await.0, 137);
    assert_eq!(world.exit("running", WaitCondition::NotRunning).await.0, 143);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_do_not_share_a_root() {
    let world = World::new().await;
    let error = Engine::open(config(&world.dir)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("another daemon (pid {})", std::process::id())), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_ends_its_containers_with_137_and_names_itself() {
    let world = World::new().await;
    world.create("bass", run("/spin")).await;
    world.create("cod", ContainerSpec { restart: RestartPolicy::Always, ..run("/spin") }).await;
    for name in ["bass", "cod"] {
        world.engine.start(name).await.unwrap();
    }
    let exit = world.engine.wait("bass", WaitCondition::NextExit).unwrap();
    let lost = world.engine.wait("cod", WaitCondition::NextExit).unwrap();
    for name in ["bass", "cod"] {
        let pid = world.engine.inspect(name).unwrap().state.pid;
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap());
        if let Some(pid) = pid {
            // Both may share a worker, which is gone the second time.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    let (code, error) = tokio::time::timeout(PATIENCE, exit).await.unwrap();
    assert_eq!(code, 137);
    assert!(error.unwrap().starts_with("worker w"));
    assert_eq!(tokio::time::timeout(PATIENCE, lost).await.unwrap().0, 137);
    let events = world.engine.events(EventFilter { since_ns: Some(0), ..EventFilter::default() }).unwrap();
    let again = events.filter(|event| {
        let hers = event.action == "start" && event.attributes.get("name").is_some_and(|name| name == "cod");
        std::future::ready(hers)
    });
    assert_eq!(tokio::time::timeout(PATIENCE, again.take(2).count()).await.unwrap(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_refused_and_left_as_it_is() {
    let world = World::new().await;
    world.create("bass", run("/echo")).await;
    world.engine.close(true).await;
    let World { dir, engine } = world;
    drop(engine);
    let db = dir.path().join("root/state.db");
    std::fs::write(&db, b"this is no database, and never was one").unwrap();
    let error = Engine::open(config(&dir)).await.unwrap_err();
    assert!(matches!(&error, EngineError::Store { .. }) && error.to_string().contains("damaged"), "{error}");
    assert_eq!(std::fs::read(&db).unwrap(), b"this is no database, and never was one");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_with_the_same_bind_mounts_share_a_confined_worker() {
    let world = World::new().await;
    let source = world.dir.path().join("shared");
    let bind = |create| MountSpec {
        target: "/in".to_owned(),
        kind: MountKind::Bind { source: source.clone(), create },
        read_only: false,
    };
    let missing = ContainerSpec { image: "guests".to_owned(), mounts: vec![bind(false)], ..run("/echo") };
    assert!(world.engine.create(missing).await.unwrap_err().to_string().contains("bind source path does not exist"));
    for name in ["bass", "cod"] {
        // The program comes from the mount.
        world.create(name, ContainerSpec { mounts: vec![bind(true)], ..run("/in/spin") }).await;
    }
    world.create("hake", run("/spin")).await;
    assert!(matches!(world.engine.start("bass").await, Err(EngineError::ProgramNotFound(_))));
    std::fs::write(source.join("spin"), SPIN).unwrap();
    for name in ["bass", "cod", "hake"] {
        world.engine.start(name).await.unwrap();
    }
    let pid = |name: &str| world.engine.inspect(name).unwrap().state.pid;
    assert_eq!(pid("bass"), pid("cod"));
    assert_ne!(pid("bass"), pid("hake"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_makes_an_image_that_runs() {
    let world = World::new().await;
    world.create("bass", run("/fail")).await;
    let request = sprat_engine::CommitRequest {
        container: "bass".to_owned(),
        tag: Some("caught:1".parse().unwrap()),
        changes: vec!["LABEL sea=south".to_owned()],
        ..sprat_engine::CommitRequest::default()
    };
    world.engine.commit(request).await.unwrap();
    let spec = ContainerSpec { name: Some("cod".to_owned()), image: "caught:1".to_owned(), ..ContainerSpec::default() };
    world.engine.create(spec).await.unwrap();
    world.engine.start("cod").await.unwrap();
    assert_eq!(world.exit("cod", WaitCondition::NotRunning).await.0, 3);
    assert_eq!(world.engine.inspect("cod").unwrap().labels["sea"], "south");
    assert!(world.engine.remove_image("caught:1", false).await.is_err(), "a container uses it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn time_of_a_whole_life() {
    let world = World::new().await;
    let rss = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let life = |index: u32| {
        let world = &world;
        async move {
            let name = format!("life{index}");
            let begin = std::time::Instant::now();
            world.create(&name, run("/fail")).await;
            let exit = world.engine.wait(&name, WaitCondition::NextExit).unwrap();
            world.engine.start(&name).await.unwrap();
            exit.await;
            world.engine.remove(&name, RemoveOptions::default()).await.unwrap();
            begin.elapsed()
        }
    };
    let median = async |from: u32| {
        let mut times = Vec::new();
        for index in from..from + 200 {
            times.push(life(index).await);
        }
        times.sort();
        times[100]
    };
    let few = median(0).await;
    let before = rss();
    for index in 0..10_000 {
        world.create(&format!("crowd{index}"), run("/echo")).await;
    }
    let after = rss();
    println!("life: {few:?}; beside 10,000: {:?}; memory each: {} KiB/10k", median(1000).await, after - before);
    world.end().await;
}
