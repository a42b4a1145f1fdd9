//! Output of containers: of an attachment or an exec, which is a hijacked connection, or of a log.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use sprat_docker_api::{Frame, FrameDecoder, StdStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::{Body, Client, empty, json};
use crate::error::CliError;
use crate::query::Query;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

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
    output: Output,
    to: WriteHalf<Connection>,
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

    /// Reads a log. `raw`: its container has a terminal, so it is not framed.
    pub(crate) async fn log(&self, path: &str, raw: bool) -> Result<Output, CliError> {
        let body = self.send(Method::GET, path, &[], empty()).await?.into_body();
        Ok(Output::new(Source::Body(body), raw))
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
        Ok(Streams { output: Output::new(Source::Connection(from, BytesMut::new()), raw), to })
    }
}

impl Streams {
    /// Splits reading from writing; shutting that down is the end of standard input.
    pub(crate) fn split(self) -> (Output, WriteHalf<Connection>) {
        (self.output, self.to)
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

/// Where output comes from.
#[derive(Debug)]
enum Source {
    Connection(ReadHalf<Connection>, BytesMut),
    Body(Incoming),
}

/// Output of a container.
#[derive(Debug)]
pub(crate) struct Output {
    from: Source,
    /// Takes it apart, unless it is that of a terminal.
    frames: Option<FrameDecoder>,
}

impl Output {
    fn new(from: Source, raw: bool) -> Self {
        Self { from, frames: (!raw).then(FrameDecoder::default) }
    }

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
        while let Some(Frame { stream, data }) = self.next().await? {
            if stream == StdStream::Stderr {
                err.write_all(&data).await?;
                err.flush().await?;
            } else {
                out.write_all(&data).await?;
                out.flush().await?;
            }
        }
        Ok(())
    }

    /// Hands each piece on; ends when the container does, or when `each` fails, which means that nobody reads any more.
    pub(crate) async fn each(
        mut self,
        mut each: impl FnMut(StdStream, &[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        while let Some(Frame { stream, data }) = self.next().await? {
            each(stream, &data)?;
        }
        Ok(())
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> std::io::Result<Option<Frame>> {
        loop {
            if let Some(frames) = &mut self.frames
                && let Some(frame) = frames.next_frame().map_err(std::io::Error::other)?
            {
                return Ok(Some(frame));
            }
            let data = self.read().await?;
            match (&mut self.frames, data) {
                (Some(frames), None) if frames.is_partial() => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                (_, None) => return Ok(None),
                (Some(frames), Some(data)) => frames.push(&data),
                (None, Some(data)) => return Ok(Some(Frame { stream: StdStream::Stdout, data })),
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<Option<Bytes>> {
        match &mut self.from {
            Source::Connection(from, buffer) => {
                buffer.reserve(CHUNK);
                let n = from.read_buf(buffer).await?;
                Ok((n > 0).then(|| buffer.split().freeze()))
            }
            Source::Body(body) => {
                while let Some(frame) = body.frame().await {
                    if let Ok(data) = frame.map_err(std::io::Error::other)?.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(None)
            }
        }
    }
}
