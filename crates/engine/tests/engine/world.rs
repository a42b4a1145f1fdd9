//! An engine of a test's own, with an image of small programs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use sprat_engine::{CompilerCommand, ContainerSpec, Engine, EngineConfig, LogQuery, Status, WaitCondition};

use crate::roles::{Folder, this_program};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Writes "hello", then copies its input to its output.
pub(crate) const ECHO: &str = include_str!("../../../worker/tests/roles/echo.wat");

/// Ends with status 3.
pub(crate) const FAIL: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 3))))"#;

/// Computes for ever.
pub(crate) const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#;

/// Only exports a function.
pub(crate) const PLAIN: &str = r#"(module (func (export "add") (param i32 i32) (result i32) local.get 0))"#;

pub(crate) struct World {
    /// Before its folder, so that it starts no workers anew when those are killed.
    pub(crate) engine: Arc<Engine>,
    pub(crate) dir: Folder,
}

pub(crate) fn config(dir: &Folder) -> EngineConfig {
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
        egress: "deny".to_owned(),
        insecure_registries: Vec::new(),
        reaper: true,
        registry_certificates: Vec::new(),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|config| config).await
    }

    /// One with another configuration.
    pub(crate) async fn with(change: impl FnOnce(EngineConfig) -> EngineConfig) -> Self {
        let dir = Folder::new();
        let engine = Engine::open(change(config(&dir))).await.unwrap();
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
    pub(crate) async fn reopen(self) -> Self {
        self.reopen_after(|| ()).await
    }

    /// The same; `meanwhile` happens while there is no engine.
    pub(crate) async fn reopen_after(self, meanwhile: impl FnOnce()) -> Self {
        let Self { dir, engine } = self;
        drop(engine);
        meanwhile();
        let engine = Engine::open(config(&dir)).await.unwrap();
        Self { dir, engine }
    }

    pub(crate) async fn create(&self, name: &str, spec: ContainerSpec) {
        let spec = ContainerSpec { name: Some(name.to_owned()), image: "guests".to_owned(), ..spec };
        self.engine.create(spec).await.unwrap();
    }

    pub(crate) async fn exit(&self, name: &str, condition: WaitCondition) -> (i64, Option<String>) {
        tokio::time::timeout(PATIENCE, self.engine.wait(name, condition).unwrap()).await.unwrap()
    }

    pub(crate) fn status(&self, name: &str) -> Status {
        self.engine.inspect(name).unwrap().state.status
    }

    pub(crate) async fn log(&self, name: &str) -> String {
        let query = LogQuery { follow: true, stdout: true, stderr: true, ..LogQuery::default() };
        let lines = self.engine.logs(name, query).unwrap();
        let lines: Vec<_> = tokio::time::timeout(PATIENCE, lines.collect()).await.unwrap();
        lines.into_iter().map(|line| String::from_utf8_lossy(&line.unwrap().text).into_owned()).collect()
    }

    pub(crate) async fn end(self) {
        self.engine.close(true).await;
    }
}

/// Holds a process, and returns when none of its threads runs any more.
pub(crate) fn hold(pid: u32) {
    signal(pid, rustix::process::Signal::STOP);
    // The signal is sent, but a thread may run on for a moment, and answer.
    let held = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    let tasks = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    while !tasks().all(|task| held(task.unwrap())) {
        std::thread::yield_now();
    }
}

/// Lets a held process go on.
pub(crate) fn go_on(pid: u32) {
    signal(pid, rustix::process::Signal::CONT);
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(crate) fn now_ns() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_nanos()).unwrap()
}

pub(crate) fn run(program: &str) -> ContainerSpec {
    ContainerSpec { cmd: Some(vec![program.to_owned()]), ..ContainerSpec::default() }
}
