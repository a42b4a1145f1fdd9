//! Real, confined worker processes, and requests for them.

use std::path::PathBuf;
use std::time::Duration;

use sprat_program::{Cache, CompilerCommand};
use sprat_sandbox::{FilesSpec, Limits, NetworkSpec, ProgramSpec, Spec, User};
use sprat_worker::{Client, Confinement, Event, LogOptions, SpawnCommand, StartRequest, WorkerOptions};
use tokio::sync::mpsc;

use crate::roles::{Folder, this_program};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What workers tell.
pub(crate) type Events = mpsc::UnboundedReceiver<(String, Event)>;

/// A folder with what workers need.
pub(crate) struct Place {
    pub(crate) dir: Folder,
    cache: Cache,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = Folder::new();
        let (program, args) = this_program("compiler_process");
        let cache = Cache::open(dir.path(), CompilerCommand { program, args }).unwrap();
        for folder in ["layer", "logs", "uppers"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Self { dir, cache }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn worker(&self, name: &str, shared: bool, network: bool) -> (Client, Events) {
        let options = WorkerOptions {
            name: name.into(),
            socket: self.path("run").join(name),
            journal: self.path(&format!("journal-{name}")),
            slots: 100,
            max_memory: 64 << 20,
            key: self.cache.key_path(),
            shared,
            confinement: Confinement {
                read: vec![self.path("code"), self.path("layer")],
                write: vec![self.path("logs"), self.path("uppers")],
                memory_bytes: 0,
                network,
            },
            idle_exit_s: 30,
        };
        let (program, args) = this_program("worker_process");
        let command = SpawnCommand { program, args, stderr: self.path("stderr") };
        let (sender, events) = mpsc::unbounded_channel();
        (Client::spawn(&command, &options, sender).await.unwrap(), events)
    }

    pub(crate) async fn program(&self, wasm: &[u8], interruptible: bool) -> ProgramSpec {
        let artifact = self.cache.prepare(wasm.to_vec(), interruptible).await.unwrap();
        ProgramSpec {
            code: artifact.path,
            variant: artifact.variant,
            encoding: artifact.description.encoding,
            kind: artifact.description.kind,
            wasi: artifact.description.wasi,
        }
    }

    pub(crate) fn request(&self, id: &str, program: ProgramSpec, network: NetworkSpec) -> StartRequest {
        StartRequest {
            id: id.to_owned(),
            spec: Spec {
                program,
                args: vec!["guest".into()],
                env: Vec::new(),
                cwd: "/".into(),
                files: FilesSpec { upper: self.path("uppers").join(id), ..<_>::default() },
                user: User::default(),
                limits: Limits { memory_bytes: 16 << 20, ..Limits::default() },
                tty: false,
                network,
                service: <_>::default(),
            },
            log: Some(LogOptions {
                path: self.path("logs").join(id),
                max_size: 1 << 20,
                max_files: 2,
                attributes: String::new(),
            }),
            open_stdin: false,
            stdin_once: false,
            size: None,
        }
    }
}
