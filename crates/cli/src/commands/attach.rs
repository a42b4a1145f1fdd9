//! `sprat attach`, and the attached part of `run` and `start`.

use bytes::Bytes;
use clap::Args;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;
use sprat_docker_api::{DetachKeys, Detached};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Attached, Client, Copied, Streams};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::terminal::RawMode;

/// `sprat attach`
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Don't attach standard input
    #[arg(long)]
    pub no_stdin: bool,
    #[command(flatten)]
    pub session: SessionArgs,
    /// Name or id
    pub container: String,
}

/// Exit status when nobody reads our output any more: what the shell gives for SIGPIPE.
pub(super) const NO_READER: u8 = 141;

/// Exit status of a container that was killed, or lost with its worker.
const KILLED: u8 = 137;

/// How one is attached.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Keys that detach from a terminal
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q", value_parser = DetachKeys::parse)]
    pub detach_keys: DetachKeys,
    /// Pass INT and TERM on to the container
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", action = clap::ArgAction::Set)]
    pub sig_proxy: bool,
}

/// An attached container.
#[derive(Debug)]
pub(super) struct Session {
    streams: Streams,
    attached: Attached,
    tty: bool,
    args: SessionArgs,
}

/// How our side of the input ended.
pub(super) enum Typed {
    /// The user typed the detach keys.
    Detached,
    /// Input is at its end; output goes on.
    Ended,
}

impl Session {
    /// Attaches; nothing is copied yet.
    pub(super) async fn attach(
        client: &Client,
        id: &str,
        attached: Attached,
        tty: bool,
        args: SessionArgs,
    ) -> Result<Self, CliError> {
        Ok(Self { streams: client.attach(id, attached, tty).await?, attached, tty, args })
    }

    /// Copies streams until the container ends, and gives its exit status, read from `waiting`.
    pub(super) async fn copy(self, client: &Client, id: &str, waiting: Response<Incoming>) -> Outcome {
        let raw = if self.tty { RawMode::enter(self.attached.stdin) } else { None };
        if self.tty {
            resize(client, id).await;
        }
        let (output, mut to) = self.streams.split();
        let input = async {
            if !self.attached.stdin {
                // Without standard input its side stays open until the container ends.
                return std::future::pending().await;
            }
            type_in(&mut to, self.tty.then_some(self.args.detach_keys)).await
        };
        let signals = forward_signals(client, id, self.tty, self.args.sig_proxy);
        let output = output.copy();
        tokio::pin!(output, input, signals);
        let mut typing = true;
        loop {
            tokio::select! {
                copied = &mut output => {
                    let copied = copied.map_err(|e| {
                        CliError::new("the attachment broke").why(e).fix("see `sprat ps -a` and `sprat logs`").status(125)
                    })?;
                    if copied == Copied::NoReader {
                        // The container goes on, as with docker.
                        return Ok(NO_READER);
                    }
                    break;
                }
                typed = &mut input, if typing => match typed {
                    Typed::Detached => {
                        drop(raw);
                        errln!("read escape sequence");
                        return Ok(0);
                    }
                    // Nothing is left that would come from it.
                    Typed::Ended if !self.attached.stdout && !self.attached.stderr => return Ok(0),
                    Typed::Ended => typing = false,
                },
                () = &mut signals => {}
            }
        }
        drop(raw);
        let status = status(client, waiting).await?;
        if status == KILLED {
            tell_why(client, id).await;
        }
        Ok(status)
    }
}

/// What only the daemon knows of an end: that the worker is gone. A container that is removed already can't be asked.
async fn tell_why(client: &Client, id: &str) {
    let details: Value = client.get(&format!("/containers/{id}/json")).await.unwrap_or_default();
    let state = |key: &str| details.pointer(&format!("/State/{key}"));
    let told_already = state("OOMKilled").and_then(Value::as_bool).unwrap_or_default();
    if let Some(why) = state("Error").and_then(Value::as_str).filter(|why| !why.is_empty() && !told_already) {
        CliError::new(why).fix("start it again: sprat start").print();
    }
}

/// `sprat attach`
pub(crate) async fn run(client: &Client, args: AttachArgs) -> Outcome {
    let id = segment(&args.container);
    let details: Value = client.get(&format!("/containers/{id}/json")).await?;
    let flag = |path: &str| details.pointer(path).and_then(Value::as_bool).unwrap_or_default();
    if !flag("/State/Running") {
        return Err(CliError::new("You cannot attach to a stopped container, start it first")
            .fix(format!("sprat start -a {}", args.container)));
    }
    let attached = Attached { stdin: flag("/Config/OpenStdin") && !args.no_stdin, stdout: true, stderr: true };
    let session = Session::attach(client, &id, attached, flag("/Config/Tty"), args.session).await?;
    let waiting = client.post_raw(&format!("/containers/{id}/wait"), None).await?;
    session.copy(client, &id, waiting).await
}

/// The exit status out of an answer to `wait`.
pub(super) async fn status(client: &Client, waiting: Response<Incoming>) -> Outcome {
    let answer: Value = client.read(waiting).await?;
    if let Some(message) = answer.pointer("/Error/Message").and_then(Value::as_str).filter(|m| !m.is_empty()) {
        return Err(CliError::new(message).status(125));
    }
    let code = answer.get("StatusCode").and_then(Value::as_i64).unwrap_or(125);
    Ok(u8::try_from(code & 0xff).unwrap_or(125))
}

/// Copies our input to the container; its end closes the container's.
pub(super) async fn type_in(to: &mut (impl AsyncWrite + Unpin), mut keys: Option<DetachKeys>) -> Typed {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let n = stdin.read(&mut buffer).await.unwrap_or_default();
        let bytes = buffer.get(..n).unwrap_or_default();
        if bytes.is_empty() {
            // A container that has closed its input already is no error.
            let _ = to.shutdown().await;
            return Typed::Ended;
        }
        let typed = Bytes::copy_from_slice(bytes);
        let (typed, leave) = match keys.as_mut().map(|keys| keys.feed(&typed)) {
            None => (typed, false),
            Some(Detached::No(typed)) => (typed, false),
            Some(Detached::Yes(typed)) => (typed, true),
        };
        if to.write_all(&typed).await.is_err() || to.flush().await.is_err() {
            return Typed::Ended;
        }
        if leave {
            return Typed::Detached;
        }
    }
}

/// Passes signals on to the container (without `proxy` they end us, as the system has it), and the window's size to its
/// terminal. Never ends.
async fn forward_signals(client: &Client, id: &str, tty: bool, proxy: bool) {
    // Watching a signal takes its usual effect from it.
    if !proxy {
        return std::future::pending().await;
    }
    let streams =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::window_change()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut window)) = streams else {
        return std::future::pending().await;
    };
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => "INT",
            _ = terminate.recv() => "TERM",
            _ = window.recv() => {
                if tty {
                    resize(client, id).await;
                }
                continue;
            }
        };
        let path = Query::new(format!("/containers/{id}/kill")).add("signal", name).path();
        // The container may just have ended; then there is nobody to tell.
        let _ = client.post_raw(&path, None).await;
    }
}

/// Tells the container's terminal the size of ours.
async fn resize(client: &Client, id: &str) {
    if let Some((columns, rows)) = crate::terminal::size() {
        let path = format!("/containers/{id}/resize?h={rows}&w={columns}");
        // Before its start a container has no terminal yet; the next change tells it.
        let _ = client.post_raw(&path, None).await;
    }
}
