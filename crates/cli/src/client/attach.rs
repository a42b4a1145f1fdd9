//! Attachments: the hijacked connection that carries a container's streams.

use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::{Body, Client, empty, json};
use crate::error::CliError;
use crate::query::Query;

/// Bytes of the head before each piece of output (Docker Engine API, "Stream format").
const HEAD: usize = 8;

/// Which streams are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attached {
    /// Our input goes to the container.
    pub stdin: bool,
    /// Its standard output comes here.
    pub stdout: bool,
    /// Its standard error comes here.
    pub stderr: bool,
}

type Connection = TokioIo<hyper::upgrade::Upgraded>;

/// The streams of an attached container.
#[derive(Debug)]
pub(crate) struct Streams {
    from: ReadHalf<Connection>,
    /// Takes standard input; shutting it down is the input's end.
    pub to: WriteHalf<Connection>,
    raw: bool,
}

impl Client {
    /// Attaches to a container. `raw`: it has a terminal, so its output is not framed.
    pub(crate) async fn attach(&self, id: &str, attached: Attached, raw: bool) -> Result<Streams, CliError> {
        let path = Query::new(format!("/containers/{id}/attach"))
            .add("stream", "1")
            .flag("stdin", attached.stdin)
            .flag("stdout", attached.stdout)
            .flag("stderr", attached.stderr)
            .path();
        let headers = [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Length", "0")];
        self.upgrade(&path, &headers, empty(), raw).await
    }

    /// Starts an exec and attaches to it. `raw`: it has a terminal, so its output is not framed.
    pub(crate) async fn exec(&self, id: &str, raw: bool) -> Result<Streams, CliError> {
        let headers = [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json")];
        let body = json(&serde_json::json!({ "Detach": false, "Tty": raw }));
        self.upgrade(&format!("/exec/{id}/start"), &headers, body, raw).await
    }

    async fn upgrade(&self, path: &str, headers: &[(&str, &str)], body: Body, raw: bool) -> Result<Streams, CliError> {
        let response = self.send(Method::POST, path, headers, body).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(CliError::new("the daemon does not attach")
                .why(format!("it answered {}", response.status()))
                .fix("check `sprat version`: is the daemon older, or is there a proxy before it?")
                .status(125));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|e| {
            CliError::new("the attachment broke").why(e).fix("look at the daemon's log, then try again").status(125)
        })?;
        let (from, to) = tokio::io::split(TokioIo::new(upgraded));
        Ok(Streams { from, to, raw })
    }
}

impl Streams {
    /// Splits reading from writing.
    pub(crate) fn split(self) -> (Output, WriteHalf<Connection>) {
        (Output { from: self.from, raw: self.raw, buffer: vec![0; 64 * 1024] }, self.to)
    }
}

/// Why copying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The container ended its output.
    Ended,
    /// Whoever read our output is gone (`sprat run … | head -1`).
    NoReader,
}

/// The output half.
#[derive(Debug)]
pub(crate) struct Output {
    from: ReadHalf<Connection>,
    raw: bool,
    buffer: Vec<u8>,
}

impl Output {
    /// Copies output to our own streams until the container ends it.
    pub(crate) async fn copy(self) -> std::io::Result<Copied> {
        match self.copy_all().await {
            Ok(()) => Ok(Copied::Ended),
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Copied::NoReader),
            Err(e) => Err(e),
        }
    }

    async fn copy_all(mut self) -> std::io::Result<()> {
        let (mut out, mut err) = (tokio::io::stdout(), tokio::io::stderr());
        if self.raw {
            while let n @ 1.. = self.from.read(&mut self.buffer).await? {
                out.write_all(self.buffer.get(..n).unwrap_or_default()).await?;
                out.flush().await?;
            }
            return Ok(());
        }
        while let Some((stream, mut left)) = self.head().await? {
            while left > 0 {
                let room = left.min(self.buffer.len());
                let Some(buffer) = self.buffer.get_mut(..room) else { break };
                let n = self.from.read(buffer).await?;
                if n == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                left -= n;
                let bytes = self.buffer.get(..n).unwrap_or_default();
                if stream == 2 { err.write_all(bytes).await? } else { out.write_all(bytes).await? }
            }
            out.flush().await?;
            err.flush().await?;
        }
        Ok(())
    }

    async fn head(&mut self) -> std::io::Result<Option<(u8, usize)>> {
        let mut head = [0; HEAD];
        match self.from.read_exact(&mut head).await {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let [stream, _, _, _, a, b, c, d] = head;
        Ok(Some((stream, u32::from_be_bytes([a, b, c, d]) as usize)))
    }
}
