//! [`run`]: the daemon's life as a story.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sprat_engine::Engine;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;
use tracing_subscriber::EnvFilter;

use crate::docker::{self, Ending};
use crate::listen;
use crate::pidfile::PidFile;
use crate::{DaemonConfig, DaemonError, accept, address};

/// How the line on stderr begins that says that the daemon serves; the hosts follow.
pub const READY_LINE: &str = "sprat daemon is ready on";

/// Time that requests under way have when the daemon ends.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Time that the engine has to end, containers' stop timeouts included.
const CLOSE_DEADLINE: Duration = Duration::from_secs(60);

/// Runs the daemon until it is told to end: by SIGTERM or SIGINT (containers go on) or by `POST /sprat/shutdown`
/// (containers are stopped). Blocks.
///
/// # Errors
/// Nothing can be served; see [`DaemonError`].
pub fn run(config: DaemonConfig) -> Result<(), DaemonError> {
    trace(&config.log)?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("sprat-daemon")
        .build()
        .map_err(DaemonError::io("start the runtime"))?;
    let result = runtime.block_on(serve(config));
    // Tasks that are left (detached streams) hold nothing durable.
    runtime.shutdown_background();
    result
}

async fn serve(config: DaemonConfig) -> Result<(), DaemonError> {
    if config.hosts.is_empty() {
        return Err(DaemonError::NoHost);
    }
    let signals = Signals::new()?;
    make_private(&config.root, "state")?;
    make_private(&config.run, "run")?;
    let mut bound = Vec::new();
    for host in &config.hosts {
        bound.push(listen::bind(host).await?);
    }
    let engine = Engine::open(config.engine()).await.map_err(|error| DaemonError::Engine(Box::new(error)))?;
    let _pidfile = config.pidfile.as_deref().map(PidFile::write).transpose()?;

    let (end, ends) = mpsc::channel(1);
    let handlers = docker::handlers(Arc::clone(&engine), &config, end);
    let (tell, ending) = watch::channel(false);
    let tasks = TaskTracker::new();
    for listener in bound {
        let handlers = handlers.clone();
        tasks.spawn(accept::api(listener, handlers, ending.clone(), tasks.clone()));
    }
    if let Some(listener) = address::bind(config.listen).await {
        let handler = address::handler(Arc::clone(&engine));
        tasks.spawn(accept::all(listener, handler, ending.clone(), tasks.clone()));
    }
    announce(&config);
    if let Some(on_ready) = config.on_ready {
        on_ready();
    }

    let why = signals.wait(ends).await;
    tracing::info!(?why, "ending");
    let _ = tell.send(true);
    tasks.close();
    if tokio::time::timeout(DRAIN_DEADLINE, tasks.wait()).await.is_err() {
        tracing::info!("streams that were still open are cut");
    }
    let stop_containers = why == Ending::StopContainers;
    if tokio::time::timeout(CLOSE_DEADLINE, engine.close(stop_containers)).await.is_err() {
        tracing::warn!("the engine did not end in time");
    }
    Ok(())
}

/// What users and the CLI read; it also goes to the log.
fn announce(config: &DaemonConfig) {
    use std::io::Write as _;

    let hosts: Vec<_> = config.hosts.iter().map(ToString::to_string).collect();
    let mut stderr = std::io::stderr().lock();
    for host in config.hosts.iter().filter(|host| matches!(host, crate::Host::Tcp(_))) {
        let _ = writeln!(
            stderr,
            "warning: {host} has no login: every user of this machine can control all containers through it"
        );
    }
    // A closed stderr is no reason to end.
    let _ = writeln!(stderr, "{READY_LINE} {}", hosts.join(", "));
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, DaemonError> {
        let listen = |kind| signal(kind).map_err(DaemonError::io("listen to signals"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn wait(mut self, mut ends: mpsc::Receiver<Ending>) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::LeaveContainers,
            _ = self.interrupt.recv() => Ending::LeaveContainers,
            Some(ending) = ends.recv() => ending,
        }
    }
}

fn trace(filter: &str) -> Result<(), DaemonError> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| DaemonError::LogLevel(filter.to_owned()))?;
    // A process that embeds the daemon may have a subscriber already.
    let _ = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr).with_ansi(false).try_init();
    Ok(())
}

/// Attachments, logs and workers each take a descriptor, so all that the system allows are asked for.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

fn make_private(folder: &Path, kind: &str) -> Result<(), DaemonError> {
    let action = format!("make the {kind} folder {}", folder.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(DaemonError::io(action))
}
