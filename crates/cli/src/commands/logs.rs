//! `sprat logs`

use clap::Args;
use std::io::Write as _;

use http_body_util::BodyExt as _;
use hyper::Method;
use serde_json::Value;

use crate::client::{self, Client};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::time::moment;

/// `sprat logs`
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on with new lines
    #[arg(short, long)]
    pub follow: bool,
    /// Show the time of each line
    #[arg(short, long)]
    pub timestamps: bool,
    /// Show what is noted with each line (--log-opt labels, env, tag)
    #[arg(long)]
    pub details: bool,
    /// Lines from this time on: 2026-11-22T10:00:00Z, or 10m for the last ten minutes
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Lines up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the last so many lines
    #[arg(short = 'n', long, default_value = "all", value_name = "NUMBER", allow_negative_numbers = true)]
    pub tail: String,
    /// Name or id
    pub container: String,
}

/// Bytes of the head before each piece (Docker Engine API, "Stream format").
const HEAD: usize = 8;

/// `sprat logs`
pub(crate) async fn run(client: &Client, args: LogsArgs) -> Outcome {
    let tail = lines_of(&args.tail)?;
    let id = segment(&args.container);
    let details: Value = client.get(&format!("/containers/{id}/json")).await?;
    let raw = details.pointer("/Config/Tty").and_then(Value::as_bool).unwrap_or_default();
    let since = args.since.as_deref().map(moment).transpose()?;
    let until = args.until.as_deref().map(moment).transpose()?;
    let path = Query::new(format!("/containers/{id}/logs"))
        .add("stdout", "1")
        .add("stderr", "1")
        .flag("follow", args.follow)
        .flag("timestamps", args.timestamps)
        .flag("details", args.details)
        .option("since", since.as_deref())
        .option("until", until.as_deref())
        .add("tail", tail)
        .path();
    let mut body = client.send(Method::GET, &path, &[], client::empty()).await?.into_body();
    let mut split = Split::new(raw);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| CliError::new("the log broke off").why(e).status(125))?;
        if let Ok(data) = frame.into_data() {
            match split.write(&data) {
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(0),
                other => other?,
            }
        }
    }
    Ok(0)
}

/// What `--tail` asks for; a negative number means all lines, as with docker.
fn lines_of(tail: &str) -> Result<&str, CliError> {
    match tail.parse::<i64>() {
        Ok(0..) => Ok(tail),
        Ok(_) => Ok("all"),
        Err(_) if tail == "all" => Ok(tail),
        Err(_) => Err(CliError::new(format!("invalid --tail {tail:?}"))
            .why("it is no number of lines")
            .fix("write a number, or all")),
    }
}

/// Takes the stream apart, whatever the borders of its pieces.
struct Split {
    raw: bool,
    head: Vec<u8>,
    stream: u8,
    left: usize,
}

impl Split {
    const fn new(raw: bool) -> Self {
        Self { raw, head: Vec::new(), stream: 1, left: 0 }
    }

    fn write(&mut self, mut data: &[u8]) -> std::io::Result<()> {
        let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
        if self.raw {
            out.write_all(data)?;
            return out.flush();
        }
        while !data.is_empty() {
            if self.left == 0 {
                let (head, rest) = data.split_at(data.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(head);
                data = rest;
                if let [stream, _, _, _, a, b, c, d] = *self.head.as_slice() {
                    self.stream = stream;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.head.clear();
                }
                continue;
            }
            let (text, rest) = data.split_at(data.len().min(self.left));
            self.left -= text.len();
            data = rest;
            if self.stream == 2 { err.write_all(text)? } else { out.write_all(text)? }
        }
        out.flush()
    }
}
