//! A sandbox in a temporary folder, the test guests, and streams that keep what is written.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use sprat_program::{Code, Encoding, Kind, Variant, Wasi};
use sprat_sandbox::{
    Exit, FilesSpec, Guest, Input, InputChunk, Limits, Output, ProgramSpec, Sandbox, SandboxError, SandboxOptions,
    Spec, Stdio, Stream, User,
};
use tempfile::TempDir;

/// The two targets that the Rust guest is built for.
pub(crate) const BOTH: [Wasi; 2] = [Wasi::P1, Wasi::P2];

/// The Rust guest for this WASI, built once a process.
pub(crate) fn guest(wasi: Wasi) -> &'static [u8] {
    static P1: OnceLock<Vec<u8>> = OnceLock::new();
    static P2: OnceLock<Vec<u8>> = OnceLock::new();
    static P3: OnceLock<Vec<u8>> = OnceLock::new();
    match wasi {
        Wasi::P1 => P1.get_or_init(|| build("guests", "wasm32-wasip1", "guest")),
        Wasi::P3 => P3.get_or_init(|| build("concurrent_guest", "wasm32-wasip2", "concurrent")),
        _ => P2.get_or_init(|| build("guests", "wasm32-wasip2", "guest")),
    }
}

/// The HTTP service for this WASI.
pub(crate) fn http_guest(wasi: Wasi) -> &'static [u8] {
    static P2: OnceLock<Vec<u8>> = OnceLock::new();
    static P3: OnceLock<Vec<u8>> = OnceLock::new();
    match wasi {
        Wasi::P3 => P3.get_or_init(|| build("concurrent_http_guest", "wasm32-wasip2", "concurrent_http")),
        _ => P2.get_or_init(|| build("http_guest", "wasm32-wasip2", "http")),
    }
}

/// The component that starts processes.
pub(crate) fn process_guest() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| build("process_guest", "wasm32-wasip2", "processes"))
}

/// Builds a package of the tests' folder.
fn build(package: &str, target: &str, name: &str) -> Vec<u8> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(package).join("Cargo.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--target", target, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&folder)
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the guest does not compile");
    std::fs::read(folder.join(target).join("release").join(name).with_extension("wasm")).expect("built")
}

/// A sandbox in a temporary folder.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Sandbox,
    shared: bool,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(20, true)
    }

    pub(crate) fn with(slots: u32, shared: bool) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        let key = folder.path().join("key");
        std::fs::write(&key, [7; 32]).expect("key");
        let options = SandboxOptions {
            slots,
            process_slots: 32,
            request_slots: 32,
            max_memory: 1 << 30,
            key,
            shared,
            further: None,
        };
        Self { sandbox: Sandbox::new(options).expect("sandbox"), folder, shared }
    }

    /// Compiles `wasm` and puts it in the place of a code file.
    pub(crate) async fn program(&self, name: &str, wasm: &[u8], wasi: Wasi) -> Result<ProgramSpec, SandboxError> {
        self.compiled(name, wasm, wasi, Variant::new(wasi, self.shared)).await
    }

    async fn compiled(
        &self,
        name: &str,
        wasm: &[u8],
        wasi: Wasi,
        variant: Variant,
    ) -> Result<ProgramSpec, SandboxError> {
        let engine = self.sandbox.engine(variant)?;
        let encoding = if component_like(wasm) { Encoding::Component } else { Encoding::Core };
        let code = match encoding {
            Encoding::Core => Code::Module(wasmtime::Module::new(&engine, wasm).expect("compiles")),
            Encoding::Component => {
                Code::Component(wasmtime::component::Component::new(&engine, wasm).expect("compiles"))
            }
        };
        let spec = ProgramSpec {
            code: PathBuf::from(format!("{name}-{wasi:?}-{}", variant.name())),
            variant,
            encoding,
            kind: Kind::Command,
            wasi,
        };
        self.sandbox.insert(&spec, code).await?;
        Ok(spec)
    }

    /// The spec of the Rust guest with these arguments.
    pub(crate) async fn spec(&self, wasi: Wasi, args: &[&str]) -> Spec {
        let program = self.program("guest", guest(wasi), wasi).await.expect("links");
        self.spec_of(program, args)
    }

    /// The spec of any program.
    pub(crate) fn spec_of(&self, program: ProgramSpec, args: &[&str]) -> Spec {
        Spec {
            program,
            args: ["guest"].iter().chain(args).map(ToString::to_string).collect(),
            env: vec![("NAME".into(), "value".into()), ("EMPTY".into(), String::new())],
            cwd: "/".into(),
            files: FilesSpec { upper: self.folder.path().join("upper"), ..FilesSpec::default() },
            user: User::default(),
            limits: Limits::default(),
            tty: false,
            network: <_>::default(),
            service: <_>::default(),
        }
    }

    /// Runs the Rust guest to its end.
    pub(crate) async fn run(&self, wasi: Wasi, args: &[&str]) -> Ran {
        let spec = self.spec(wasi, args).await;
        self.run_spec(spec).await
    }

    /// Runs a guest to its end, with standard input at its end.
    pub(crate) async fn run_spec(&self, spec: Spec) -> Ran {
        let output = Arc::new(Collected::default());
        let guest = self.start(spec, None, &output).await;
        let exit = guest.wait().await;
        Ran { exit, out: output.text(Stream::Stdout), err: output.text(Stream::Stderr), guest }
    }

    /// A further process's program, which is interruptible in either class.
    pub(crate) async fn further(&self, name: &str, wasm: &[u8], wasi: Wasi) -> ProgramSpec {
        let spec = self.compiled(name, wasm, wasi, Variant::new(wasi, true)).await;
        spec.expect("links")
    }

    pub(crate) async fn start(&self, spec: Spec, input: Option<Arc<dyn Input>>, output: &Arc<Collected>) -> Guest {
        let output: Arc<dyn Output> = Arc::clone(output) as _;
        self.sandbox.start(spec, Stdio { input, output }).await.expect("starts")
    }
}

fn component_like(wasm: &[u8]) -> bool {
    wasm.get(4..8) == Some(&[0x0d, 0, 1, 0])
}

/// A guest that ended.
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) guest: Guest,
}

impl Ran {
    /// What it printed, when it ended well.
    #[track_caller]
    pub(crate) fn printed(&self) -> &str {
        assert_eq!(self.exit, Exit::Code(0), "stdout: {}\nstderr: {}", self.out, self.err);
        self.out.trim_end()
    }
}

/// Output that is kept, with as much room as it is given.
#[derive(Default)]
pub(crate) struct Collected(Mutex<Room>);

#[derive(Default)]
struct Room {
    out: Vec<u8>,
    err: Vec<u8>,
    limit: Option<usize>,
    closed: bool,
    wakers: Vec<Waker>,
}

impl Collected {
    /// Output with room for `limit` bytes.
    pub(crate) fn with_room(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Room { limit: Some(limit), ..Room::default() })))
    }

    pub(crate) fn add_room(&self, bytes: usize) {
        let mut room = self.0.lock();
        room.limit = room.limit.map(|limit| limit + bytes);
        room.wakers.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn close(&self) {
        let mut room = self.0.lock();
        room.closed = true;
        room.wakers.drain(..).for_each(Waker::wake);
    }

    /// Someone waits, or waited, for room.
    pub(crate) fn waited(&self) -> bool {
        !self.0.lock().wakers.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        let room = self.0.lock();
        room.out.len() + room.err.len()
    }

    pub(crate) fn text(&self, stream: Stream) -> String {
        let room = self.0.lock();
        let bytes = if stream == Stream::Stdout { &room.out } else { &room.err };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

impl Output for Collected {
    fn write(&self, stream: Stream, bytes: &[u8]) -> Option<usize> {
        let mut room = self.0.lock();
        if room.closed {
            return None;
        }
        let free = room.limit.map_or(usize::MAX, |limit| limit - room.out.len() - room.err.len());
        let taken = bytes.len().min(free);
        let to = if stream == Stream::Stdout { &mut room.out } else { &mut room.err };
        to.extend_from_slice(&bytes[..taken]);
        Some(taken)
    }

    fn poll_ready(&self, _: Stream, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = self.0.lock();
        if room.closed || room.limit.is_none_or(|limit| limit > room.out.len() + room.err.len()) {
            return Poll::Ready(());
        }
        room.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

/// Input that a test feeds.
#[derive(Default)]
pub(crate) struct Fed(Mutex<Feed>);

#[derive(Default)]
struct Feed {
    chunks: VecDeque<Bytes>,
    ended: bool,
    waker: Option<Waker>,
    waited: bool,
}

impl Fed {
    pub(crate) fn feed(&self, bytes: &'static str) {
        let mut feed = self.0.lock();
        feed.chunks.push_back(Bytes::from_static(bytes.as_bytes()));
        feed.waker.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) fn end(&self) {
        let mut feed = self.0.lock();
        feed.ended = true;
        feed.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Someone waits, or waited, for input.
    pub(crate) fn waited(&self) -> bool {
        self.0.lock().waited
    }
}

impl Input for Fed {
    fn read(&self, max: usize) -> InputChunk {
        let mut feed = self.0.lock();
        let feed = &mut *feed;
        match feed.chunks.front_mut() {
            Some(chunk) => {
                let bytes = {
                    let len = max.min(chunk.len());
                    chunk.split_to(len)
                };
                if chunk.is_empty() {
                    feed.chunks.pop_front();
                }
                InputChunk::Bytes(bytes)
            }
            None if feed.ended => InputChunk::End,
            None => InputChunk::Empty,
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut feed = self.0.lock();
        if feed.ended || !feed.chunks.is_empty() {
            return Poll::Ready(());
        }
        feed.waited = true;
        feed.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Gives every other task many turns: guests share this thread, so none is on a CPU meanwhile but in its turn.
pub(crate) async fn turns() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Lets other tasks run until `done`.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}
