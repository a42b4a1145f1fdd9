//! `sprat attach`, and the attached part of `run` and `start`.

use hyper::Response;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::AttachArgs;
use crate::client::{Client, Copied, Streams};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::terminal::RawMode;

/// Docker's default detach keys: Ctrl-P, Ctrl-Q.
const DETACH: [u8; 2] = [0x10, 0x11];

/// Exit status when nobody reads our output any more: what the shell gives for SIGPIPE.
const NO_READER: u8 = 141;

/// An attached container.
#[derive(Debug)]
pub(super) struct Session {
    streams: Streams,
    stdin: bool,
    tty: bool,
}

/// How our side of the input ended.
enum Typed {
    /// The user typed the detach keys.
    Detached,
    /// Input is at its end; output goes on.
    Ended,
}

impl Session {
    /// Attaches; nothing is copied yet.
    pub(super) async fn attach(client: &Client, id: &str, stdin: bool, tty: bool) -> Result<Self, CliError> {
        Ok(Self { streams: client.attach(id, stdin, tty).await?, stdin, tty })
    }

    /// Copies streams until the container ends, and gives its exit status, read from `waiting`.
    pub(super) async fn copy(self, client: &Client, id: &str, waiting: Response<Incoming>) -> Outcome {
        let raw = if self.tty { RawMode::enter(self.stdin) } else { None };
        if self.tty {
            resize(client, id).await;
        }
        let (output, mut to) = self.streams.split();
        let input = async {
            if !self.stdin {
                // Without standard input its side stays open until the container ends.
                return std::future::pending().await;
            }
            type_in(&mut to, self.tty).await
        };
        let signals = forward_signals(client, id, self.tty);
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
                        eprintln!("read escape sequence");
                        return Ok(0);
                    }
                    Typed::Ended => typing = false,
                },
                () = &mut signals => {}
            }
        }
        drop(raw);
        status(client, waiting).await
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
    let stdin = flag("/Config/OpenStdin") && !args.no_stdin;
    let session = Session::attach(client, &id, stdin, flag("/Config/Tty")).await?;
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
async fn type_in(to: &mut (impl AsyncWrite + Unpin), tty: bool) -> Typed {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 32 * 1024];
    let mut held = false;
    loop {
        let n = stdin.read(&mut buffer).await.unwrap_or_default();
        let bytes = buffer.get(..n).unwrap_or_default();
        if bytes.is_empty() {
            // A container that has closed its input already is no error.
            let _ = to.shutdown().await;
            return Typed::Ended;
        }
        if tty {
            if bytes == DETACH || (held && bytes == [DETACH[1]]) {
                return Typed::Detached;
            }
            held = bytes == [DETACH[0]];
            if held {
                continue;
            }
        }
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            return Typed::Ended;
        }
    }
}

/// Passes signals on to the container, and the window's size to its terminal. Never ends.
async fn forward_signals(client: &Client, id: &str, tty: bool) {
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
