//! `sprat logs`

use clap::Args;
use serde_json::Value;

use crate::client::Client;
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
    // That nobody reads it any more is no failure.
    let copied = client.log(&path, raw).await?.copy().await;
    copied.map(|_| 0).map_err(|e| CliError::new("the log broke off").why(e).status(125))
}

/// What `--tail` asks for; a negative number means all lines, as with docker.
pub(super) fn lines_of(tail: &str) -> Result<&str, CliError> {
    match tail.parse::<i64>() {
        Ok(0..) => Ok(tail),
        Ok(_) => Ok("all"),
        Err(_) if tail == "all" => Ok(tail),
        Err(_) => Err(CliError::new(format!("invalid --tail {tail:?}"))
            .why("it is no number of lines")
            .fix("write a number, or all")),
    }
}
