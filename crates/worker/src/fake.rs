//! A host for tests: guests follow a script in their arguments instead of running a program.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use sprat_program::{Encoding, Kind, Variant, Wasi};
use sprat_sandbox::{
    EndpointSpec, Exit, FilesSpec, InputChunk, Limits, Network, NetworkError, ProcessSpec, ProcessStatus, ProgramSpec,
    Resolver, SandboxError, Spec, Stdio, Stop, Stream, Usage, User, Wanted,
};
use tokio::sync::watch;

use crate::host::{Host, Running};
use crate::{StartRequest, WorkerOptions};

/// Runs scripts. Words: `out:TEXT`, `err:TEXT`, `flood:BYTES`, `cat`, `wait` (for ever), `spin` (deaf to requests),
/// `exit:CODE`, `trap`, `program:PATH` (writes what the resolver says), `shell` (children take the terminal's signals).
#[derive(Debug, Default)]
pub(crate) struct FakeHost;

#[derive(Debug, Clone)]
pub(crate) struct FakeGuest {
    pid: u32,
    args: Vec<String>,
    exit: watch::Receiver<Option<Exit>>,
    stop: Arc<watch::Sender<Option<Stop>>>,
}

impl Host for FakeHost {
    type Guest = FakeGuest;

    async fn start(
        &self,
        spec: Spec,
        stdio: Stdio,
        sockets: Vec<OwnedFd>,
        resolver: Arc<dyn Resolver>,
    ) -> Result<FakeGuest, SandboxError> {
        run(1, spec.args, stdio, sockets, Some(resolver))
    }

    async fn start_within(
        &self,
        guest: &FakeGuest,
        process: ProcessSpec,
        stdio: Stdio,
    ) -> Result<FakeGuest, SandboxError> {
        let pid = guest.pid + 1;
        run(pid, process.args, stdio, Vec::new(), None)
    }

    fn network(&self) -> Option<&Arc<Network>> {
        None
    }
}

fn run(
    pid: u32,
    args: Vec<String>,
    stdio: Stdio,
    sockets: Vec<OwnedFd>,
    resolver: Option<Arc<dyn Resolver>>,
) -> Result<FakeGuest, SandboxError> {
    if args.first().is_some_and(|word| word == "refuse") {
        return Err(SandboxError::NotACommand("this is no command".into()));
    }
    let (ended, exit) = watch::channel(None);
    let (stop, mut stopped) = watch::channel(None);
    let script = args.clone();
    tokio::spawn(async move {
        let _sockets = sockets;
        let deaf = script.iter().any(|word| word == "spin");
        let exit = tokio::select! {
            exit = play(&script, &stdio, resolver.as_deref()) => exit,
            Ok(why) = stopped.wait_for(Option::is_some), if !deaf => match *why {
                Some(Stop::Terminate) => Exit::Signalled(143),
                Some(Stop::Interrupt) => Exit::Signalled(130),
                _ => Exit::Signalled(137),
            },
        };
        ended.send_replace(Some(exit));
    });
    Ok(FakeGuest { pid, args, exit, stop: Arc::new(stop) })
}

impl Running for FakeGuest {
    fn stop(&self, why: Stop) {
        self.stop.send_if_modified(|stop| stop.is_none() && stop.replace(why).is_none());
    }

    async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| exit.clone()).unwrap_or(Exit::Failed("lost".into()))
    }

    fn usage(&self) -> Usage {
        Usage { cpu_us: 7, ..Usage::default() }
    }

    fn pause(&self, _paused: bool) {}

    fn connect(&self, endpoint: EndpointSpec) -> Result<(), NetworkError> {
        Err(NetworkError::NotVirtual(endpoint.network))
    }

    fn disconnect(&self, network: &str) -> Result<(), NetworkError> {
        Err(NetworkError::NotThere(network.to_owned()))
    }

    fn refresh(&self) {}

    fn pid(&self) -> u32 {
        self.pid
    }

    fn processes(&self) -> Vec<ProcessStatus> {
        vec![ProcessStatus {
            pid: self.pid,
            parent: 0,
            uid: 0,
            tty: false,
            args: self.args.clone(),
            started_ns: 1,
            cpu_us: 7,
            memory_bytes: 0,
        }]
    }

    fn interrupt_children(&self) -> bool {
        self.args.iter().any(|word| word == "shell")
    }
}

async fn play(script: &[String], stdio: &Stdio, resolver: Option<&dyn Resolver>) -> Exit {
    for word in script {
        let (verb, rest) = word.split_once(':').unwrap_or((word, ""));
        match verb {
            "out" => write(stdio, Stream::Stdout, rest.as_bytes()).await,
            "err" => write(stdio, Stream::Stderr, rest.as_bytes()).await,
            "flood" => write(stdio, Stream::Stdout, &vec![b'x'; rest.parse().unwrap()]).await,
            "cat" => cat(stdio).await,
            "sleep" => tokio::time::sleep(Duration::from_millis(rest.parse().unwrap())).await,
            "program" => {
                let wanted = Wanted { path: rest.to_owned(), user: User::default() };
                let answer = match resolver.expect("the first program").resolve(wanted).await {
                    Ok(program) => program.code.display().to_string(),
                    Err(unresolved) => unresolved.to_string(),
                };
                write(stdio, Stream::Stdout, answer.as_bytes()).await;
            }
            "shell" => {}
            "wait" | "spin" => std::future::pending().await,
            "exit" => return Exit::Code(rest.parse().unwrap()),
            "trap" => return Exit::Trap("wasm trap".repeat(10_000)),
            other => panic!("no such word: {other}"),
        }
    }
    Exit::Code(0)
}

async fn write(stdio: &Stdio, stream: Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stdio.output.write(stream, bytes) {
            Some(0) => std::future::poll_fn(|cx| stdio.output.poll_ready(stream, cx)).await,
            Some(taken) => bytes = &bytes[taken..],
            None => return,
        }
    }
}

async fn cat(stdio: &Stdio) {
    let Some(input) = &stdio.input else { return write(stdio, Stream::Stdout, b"<no input>").await };
    loop {
        match input.read(1000) {
            InputChunk::Bytes(bytes) => write(stdio, Stream::Stdout, &bytes).await,
            InputChunk::Empty => std::future::poll_fn(|cx| input.poll_ready(cx)).await,
            InputChunk::End => return,
        }
    }
}

/// A request for a guest with a script.
pub(crate) fn request(id: &str, script: &[&str]) -> StartRequest {
    StartRequest {
        id: id.to_owned(),
        spec: Spec {
            program: ProgramSpec {
                code: "/nowhere".into(),
                variant: Variant::new(Wasi::P1, true),
                encoding: Encoding::Core,
                kind: Kind::Command,
                wasi: Wasi::P1,
            },
            args: script.iter().map(|&word| word.to_owned()).collect(),
            env: Vec::new(),
            cwd: "/".into(),
            files: FilesSpec::default(),
            user: User::default(),
            limits: Limits::default(),
            tty: false,
            network: <_>::default(),
            service: <_>::default(),
        },
        log: None,
        open_stdin: false,
        stdin_once: false,
        size: None,
    }
}

/// Options of a worker in a folder.
pub(crate) fn options(folder: &std::path::Path) -> WorkerOptions {
    WorkerOptions {
        name: "w1".into(),
        socket: folder.join("socket"),
        journal: folder.join("journal"),
        slots: 10,
        max_memory: 1 << 20,
        key: folder.join("key"),
        shared: true,
        confinement: crate::Confinement::default(),
        idle_exit_s: 0,
    }
}
