//! `up` in front: the output of all containers with their names before it, until they end, one ends that all depend on, or the
//! user interrupts. Then they are stopped, as with docker; a second interrupt kills them.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;
use sprat_compose::Project;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::containers::{self, Container};
use super::converge::{self, Options};
use super::output::{Prefix, short};
use super::{life, ready};
use crate::client::{Attached, Client, Output};
use crate::error::{CliError, Outcome};
use crate::query::Query;

/// Exit status after an interrupt.
const INTERRUPTED: u8 = 130;

/// What is shown, and when it ends.
#[derive(Debug)]
pub(super) struct Shown {
    /// Services whose output is shown.
    pub services: BTreeSet<String>,
    /// Names before lines.
    pub prefix: bool,
    /// In colours, on a terminal.
    pub colour: bool,
    /// When all are stopped.
    pub end: End,
    /// Seconds that a container has to stop.
    pub timeout: Option<i64>,
}

/// When all are stopped because of one.
#[derive(Debug)]
pub(super) struct End {
    /// When one ends.
    pub any: bool,
    /// When one fails.
    pub failure: bool,
    /// The service whose status is ours.
    pub status_of: Option<String>,
}

/// The end of a container: its exit status.
struct Ended(i64);

/// Starts all and stays with them.
pub(super) async fn run(
    client: &Client,
    project: &Project,
    wanted: &BTreeSet<String>,
    options: &Options,
    shown: Shown,
) -> Outcome {
    let mut all = containers::of_project(client, &project.name).await?;
    all.retain(|c| wanted.contains(&c.service) && !c.one_off);
    let width = all.iter().map(|c| short(&c.name, &project.name).len()).max().unwrap_or_default();
    let colour = shown.colour && std::io::stdout().is_terminal();
    let (sender, mut ends) = mpsc::unbounded_channel();
    let names: Vec<_> = all.iter().map(|c| short(&c.name, &project.name)).collect();
    errln!("Attaching to {}", names.join(", "));
    let mut followers = Vec::new();
    // Attached before they start, so that nothing they write is missed.
    for (i, container) in all.iter().enumerate() {
        let visible = shown.services.contains(&container.service);
        let name = short(&container.name, &project.name).to_owned();
        let prefix = visible.then(|| Prefix::new(&name, width, i, shown.prefix, colour));
        let follower = Follower::attach(client, container, name, prefix).await?;
        let before = follower.run.before();
        let sender = sender.clone();
        // It ends with its container, or with this process.
        let follower = tokio::spawn(async move {
            let ended = follower.follow().await;
            // Nobody listens any more once all are being stopped.
            let _ = sender.send(ended);
        });
        followers.extend(before.map(|before| (container.id.clone(), before, follower.abort_handle())));
    }
    drop(sender);
    let mut interrupts = Interrupts::new()?;
    let started = tokio::select! {
        started = converge::start(client, project, wanted, options) => started.map(|()| true),
        () = interrupts.next() => Ok(false),
    };
    let status = match started {
        Err(error) => {
            stop(client, project, &all, &shown, &mut interrupts).await?;
            return Err(error);
        }
        Ok(false) => None,
        Ok(true) => tokio::select! {
            status = watch(&mut ends, all.len(), &shown.end) => Some(status),
            () = interrupts.next() => None,
        },
    };
    match status {
        // All have ended by themselves.
        Some(None) => Ok(0),
        Some(Some(first)) => {
            stop(client, project, &all, &shown, &mut interrupts).await?;
            drain(client, &followers, &mut ends).await;
            match &shown.end.status_of {
                Some(service) => status_of(client, &all, service).await,
                None => Ok(first),
            }
        }
        None => {
            errln!("Gracefully stopping... (press Ctrl+C again to force)");
            stop(client, project, &all, &shown, &mut interrupts).await?;
            drain(client, &followers, &mut ends).await;
            Ok(INTERRUPTED)
        }
    }
}

/// Waits for the rest of the output. Those of the followers whose container was not started would wait without end.
async fn drain(
    client: &Client,
    followers: &[(String, String, AbortHandle)],
    ends: &mut mpsc::UnboundedReceiver<Ended>,
) {
    for (id, before, follower) in followers {
        let state = ready::state(client, id).await.unwrap_or_default();
        if state.get("StartedAt").and_then(Value::as_str).is_none_or(|started| started == before) {
            follower.abort();
        }
    }
    while ends.recv().await.is_some() {}
}

/// Waits for the end: `None` if all ended, or the status of the one that ends all.
async fn watch(ends: &mut mpsc::UnboundedReceiver<Ended>, count: usize, end: &End) -> Option<u8> {
    for _ in 0..count {
        let ended = ends.recv().await?;
        let code = u8::try_from(ended.0 & 0xff).unwrap_or(1);
        if end.any || (end.failure && code != 0) {
            return Some(code);
        }
    }
    if end.any { Some(0) } else { None }
}

async fn status_of(client: &Client, all: &[Container], service: &str) -> Outcome {
    let mut status = 0;
    for container in all.iter().filter(|c| c.service == service) {
        let state = ready::state(client, &container.id).await?;
        let code = state.get("ExitCode").and_then(Value::as_i64).unwrap_or_default();
        status = status.max(u8::try_from(code & 0xff).unwrap_or(1));
    }
    Ok(status)
}

/// Stops all; an interrupt meanwhile kills them.
async fn stop(
    client: &Client,
    project: &Project,
    all: &[Container],
    shown: &Shown,
    interrupts: &mut Interrupts,
) -> Result<(), CliError> {
    // Their states are those of before the start.
    let mut there = containers::of_project(client, &project.name).await?;
    there.retain(|c| all.iter().any(|one| one.id == c.id));
    tokio::select! {
        stopped = life::stop_all(client, Some(project), &there, shown.timeout) => stopped,
        () = interrupts.next() => {
            for container in &there {
                // One that has ended already can't be killed.
                let _ = client.post_raw(&format!("/containers/{}/kill", container.id), None).await;
            }
            Ok(())
        }
    }
}

/// Follows the output of one container through all its starts.
struct Follower {
    client: Client,
    id: String,
    name: String,
    raw: bool,
    output: Output,
    run: Run,
    prefix: Option<Prefix>,
}

/// The run that is followed.
enum Run {
    /// The one that began then.
    Since(String),
    /// One that is still to begin: its end will be told here, and the one before began then.
    Next(Response<Incoming>, String),
}

impl Run {
    /// When the run before began, if this one is still to begin.
    fn before(&self) -> Option<String> {
        match self {
            Self::Since(_) => None,
            Self::Next(_, before) => Some(before.clone()),
        }
    }
}

impl Follower {
    async fn attach(
        client: &Client,
        container: &Container,
        name: String,
        prefix: Option<Prefix>,
    ) -> Result<Self, CliError> {
        let details: Value = client.get(&format!("/containers/{}/json", container.id)).await?;
        let raw = details.pointer("/Config/Tty").and_then(Value::as_bool).unwrap_or_default();
        let state = |key: &str| details.pointer(&format!("/State/{key}")).and_then(Value::as_str).unwrap_or_default();
        let started = state("StartedAt").to_owned();
        let run = match state("Status") {
            "running" | "paused" => Run::Since(started),
            _ => {
                let path = format!("/containers/{}/wait?condition=next-exit", container.id);
                Run::Next(client.post_raw(&path, None).await?, started)
            }
        };
        let attached = Attached { stdin: false, stdout: true, stderr: true };
        let (output, _input) = client.attach(&container.id, attached, raw).await?.split();
        Ok(Self { client: client.clone(), id: container.id.clone(), name, raw, output, run, prefix })
    }

    async fn follow(mut self) -> Ended {
        loop {
            let prefix = &mut self.prefix;
            let write = |to, data: &[u8]| prefix.as_mut().map_or(Ok(()), |prefix| prefix.write(to, data));
            if self.output.each(write).await.is_err_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
                std::process::exit(0);
            }
            if let Some(prefix) = &mut self.prefix {
                prefix.finish();
            }
            // A container that is gone was removed by somebody else.
            match again(&self.client, &self.id, self.run).await.unwrap_or(Next::Ended(0)) {
                Next::Started { at, since } => {
                    let Ok(since) = crate::time::moment(&since) else { return Ended(0) };
                    let path = Query::new(format!("/containers/{}/logs", self.id))
                        .add("stdout", "1")
                        .add("stderr", "1")
                        .add("follow", "1")
                        .add("since", &since)
                        .path();
                    match self.client.log(&path, self.raw).await {
                        Ok(output) => (self.output, self.run) = (output, Run::Since(at)),
                        Err(_) => return Ended(1),
                    }
                }
                Next::Ended(code) => {
                    if self.prefix.is_some() {
                        errln!("{} exited with code {code}", self.name);
                    }
                    return Ended(code);
                }
            }
        }
    }
}

/// What follows after a run of a container.
enum Next {
    /// Another run, which began then; what was written since the other moment is not shown yet.
    Started { at: String, since: String },
    /// Nothing: its exit status.
    Ended(i64),
}

/// Waits for what follows after a run whose output has ended.
async fn again(client: &Client, id: &str, run: Run) -> Result<Next, CliError> {
    fn text<'a>(state: &'a Value, name: &str) -> &'a str {
        state.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    let runs = |state: &Value| matches!(text(state, "Status"), "running" | "paused");
    // Output ends before the end of its run is told.
    let run = match run {
        Run::Since(at) => at,
        Run::Next(end, _) => {
            // What it says the state says too.
            drop(end.into_body().collect().await);
            String::new()
        }
    };
    let over = |state: &Value| (!runs(state) || text(state, "StartedAt") != run).then(|| state.clone());
    let last = ready::watch(client, id, over).await?;
    let started = text(&last, "StartedAt");
    if runs(&last) {
        return Ok(Next::Started { at: started.to_owned(), since: started.to_owned() });
    }
    // Of several short runs in a row only the last may be seen, but the log has them all.
    let next = |state: &Value| match (text(state, "Status"), text(state, "StartedAt")) {
        (_, at) if at != started => {
            Some(Next::Started { at: at.to_owned(), since: text(&last, "FinishedAt").to_owned() })
        }
        ("restarting" | "created", _) => None,
        _ => Some(Next::Ended(state.get("ExitCode").and_then(Value::as_i64).unwrap_or_default())),
    };
    ready::watch(client, id, next).await
}

/// Interrupts by the user.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> Result<Self, CliError> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
