//! [`serve`]: sets the process up.

use std::ffi::CString;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};
use sprat_sandbox::{Sandbox, SandboxOptions};
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ServeError, Server, open_journal};
use crate::host::{Host, SandboxHost};
use crate::outbox::Outbox;
use crate::{WorkerOptions, confine};

/// What a worker writes to its standard output when it can be connected to; then it closes it.
pub(crate) const READY: &str = "sprat worker is ready";

/// Stack of a thread in bytes. Guests run on stacks of their own.
const THREAD_STACK_BYTES: usize = 2 << 20;

/// Threads for calls that block.
const BLOCKING_THREADS: usize = 64;

/// Further processes of all containers that a worker has room for, least and most.
const LEAST_PROCESSES: u32 = 256;
const MOST_PROCESSES: u32 = 1024;

/// How long threads may take to end with the process.
const END_GRACE: Duration = Duration::from_millis(100);

/// How long a failed accept waits: descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Instances of HTTP services that every worker has room for.
const LEAST_REQUESTS: u32 = 256;

/// Instances of HTTP services that a worker has room for at most.
const MOST_REQUESTS: u32 = 1024;

/// Runs a worker until its owner ends it or it is idle for long. Called by `main`; blocks.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(options: WorkerOptions) -> Result<(), ServeError> {
    serve_with(options, |options, Runtimes { control, apart }| {
        let sandbox = Sandbox::new(SandboxOptions {
            slots: options.slots,
            process_slots: process_slots(options.slots),
            request_slots: options.slots.clamp(LEAST_REQUESTS, MOST_REQUESTS),
            max_memory: options.max_memory,
            key: options.key.clone(),
            shared: options.shared,
            further: apart.is_some().then_some(control),
        })?;
        Ok(SandboxHost::new(sandbox, apart))
    })
}

/// Where guests can run.
pub(crate) struct Runtimes {
    /// The threads that serve. Guests that can be interrupted run there too.
    pub(crate) control: Handle,
    /// Threads for guests that can't be, if this worker has such.
    pub(crate) apart: Option<Handle>,
}

/// Further processes that a worker has room for.
fn process_slots(slots: u32) -> u32 {
    (slots / 2).clamp(LEAST_PROCESSES, MOST_PROCESSES)
}

/// [`serve`], with guests of any kind.
pub(crate) fn serve_with<H: Host>(
    options: WorkerOptions,
    make: impl FnOnce(&WorkerOptions, Runtimes) -> Result<H, ServeError>,
) -> Result<(), ServeError> {
    set_up_process(&options);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let listener = listen(&options.socket)?;
    let journal = open_journal(&options.journal)?;
    // Before any other thread exists, so that all are confined.
    let warnings = confine::apply(&options);
    let control = runtime("sprat-worker", threads)?;
    let apart = if options.shared { None } else { Some(runtime("sprat-guest", threads)?) };
    let apart_handle = apart.as_ref().map(|runtime| runtime.handle().clone());
    let host = make(&options, Runtimes { control: control.handle().clone(), apart: apart_handle })?;
    let server = Server::new(host, options, journal, warnings);
    let result = run(&control, listener, &server);
    // A confined worker may not remove it; then its owner does.
    let _ = fs_err::remove_file(&server.options.socket);
    for runtime in apart.into_iter().chain([control]) {
        runtime.shutdown_timeout(END_GRACE);
    }
    result
}

/// Serves on a listener until the worker is to end.
fn run<H: Host>(runtime: &Runtime, listener: StdListener, server: &Arc<Server<H>>) -> Result<(), ServeError> {
    runtime.block_on(async {
        let listener = UnixListener::from_std(listener).map_err(ServeError::io("listen on the socket"))?;
        let mut terminate = signals().map_err(ServeError::io("handle signals"))?;
        if announce_ready().is_err() {
            // Whoever started it is gone, and the next owner may have looked for workers before this one listened.
            return Ok(());
        }
        tokio::select! {
            () = Arc::clone(server).accept(&listener) => {}
            () = server.ended.notified() => {}
            () = server.activity.idle() => {}
            _ = terminate.recv() => server.kill_all().await,
        }
        Ok(())
    })
}

impl<H: Host> Server<H> {
    /// Serves connections for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: &UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Made here, so that outboxes are numbered as clients came.
                    tokio::spawn(Arc::clone(&self).serve_connection(Arc::new(Outbox::new(stream))));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

fn runtime(name: &str, threads: usize) -> Result<Runtime, ServeError> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .thread_stack_size(THREAD_STACK_BYTES)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(ServeError::io("start threads"))
}

/// What is only for order's sake: a worker that can't have it serves all the same.
fn set_up_process(options: &WorkerOptions) {
    if let Ok(name) = CString::new("sprat-worker") {
        let _ = rustix::thread::set_name(&name);
    }
    // Fails if it is the leader of a session or group already.
    let _ = rustix::process::setsid();
    let files = rustix::process::getrlimit(Resource::Nofile);
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
    tracing::debug!(name = options.name, "worker starts");
}

fn listen(path: &Path) -> Result<StdListener, ServeError> {
    let action = || ServeError::io(format!("listen on {}", path.display()));
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(action()(io::Error::new(io::ErrorKind::AddrInUse, "another worker answers there")));
        }
        fs_err::remove_file(path).map_err(action())?;
    }
    // Nobody else may connect, not even between the bind and a change of mode.
    let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = StdListener::bind(path);
    rustix::process::umask(mask);
    let listener = listener.map_err(action())?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(action())?;
    listener.set_nonblocking(true).map_err(action())?;
    Ok(listener)
}

/// Takes the signals that must not end a worker, and gives the one that does.
fn signals() -> io::Result<Signal> {
    // Once taken they stay taken; nobody has to listen.
    for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::pipe()] {
        drop(signal(kind)?);
    }
    signal(SignalKind::terminate())
}

/// Tells whoever started this worker, through the standard output, which then goes nowhere.
///
/// # Errors
/// Nobody is there to read it.
fn announce_ready() -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{READY}").and_then(|()| stdout.flush())?;
    if let Ok(null) = fs_err::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null.file());
    }
    Ok(())
}
