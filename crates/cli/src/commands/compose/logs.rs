//! `sprat compose logs`

use std::io::IsTerminal as _;

use clap::Args;
use futures_util::future::join_all;
use serde_json::Value;

use super::super::logs::lines_of;
use super::containers::Container;
use super::output::{Prefix, short};
use super::place::Place;
use crate::error::{CliError, Outcome};
use crate::query::Query;
use crate::time::moment;

/// `sprat compose logs`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose logs
  sprat compose logs -f --tail 20 web")]
pub(crate) struct LogsArgs {
    /// Go on with new lines
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last so many lines of each container
    #[arg(short = 'n', long, default_value = "all", value_name = "NUMBER", allow_negative_numbers = true)]
    pub tail: String,
    /// Lines from this time on: 2026-11-22T10:00:00Z, or 10m for the last ten minutes
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Lines up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Show the time of each line
    #[arg(short, long)]
    pub timestamps: bool,
    /// Without the containers' names
    #[arg(long)]
    pub no_log_prefix: bool,
    /// Without colours
    #[arg(long)]
    pub no_color: bool,
    /// Only the container of this number
    #[arg(long)]
    pub index: Option<u32>,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `sprat compose logs`
pub(super) async fn run(place: &Place, args: LogsArgs) -> Outcome {
    let known = place.known()?;
    let mut there = place.containers(&known, &args.services, false).await?;
    there.retain(|c| args.index.is_none_or(|index| c.number == index));
    let width = there.iter().map(|c| short(&c.name, &known.name).len()).max().unwrap_or_default();
    let colour = !args.no_color && std::io::stdout().is_terminal();
    let path = query(&args)?;
    let shown = there.iter().enumerate().map(async |(i, container)| {
        let prefix = Prefix::new(short(&container.name, &known.name), width, i, !args.no_log_prefix, colour);
        show(place, container, &path, prefix).await
    });
    if args.follow {
        return join_all(shown).await.into_iter().collect::<Result<(), CliError>>().map(|()| 0);
    }
    for one in shown {
        one.await?;
    }
    Ok(0)
}

fn query(args: &LogsArgs) -> Result<String, CliError> {
    let tail = lines_of(&args.tail)?;
    let since = args.since.as_deref().map(moment).transpose()?;
    let until = args.until.as_deref().map(moment).transpose()?;
    let query = Query::new("").add("stdout", "1").add("stderr", "1").add("tail", tail);
    let query = query.flag("follow", args.follow).flag("timestamps", args.timestamps);
    Ok(query.option("since", since.as_deref()).option("until", until.as_deref()).path())
}

async fn show(place: &Place, container: &Container, query: &str, mut prefix: Prefix) -> Result<(), CliError> {
    let details: Value = place.client.get(&format!("/containers/{}/json", container.id)).await?;
    let raw = details.pointer("/Config/Tty").and_then(Value::as_bool).unwrap_or_default();
    let output = place.client.log(&format!("/containers/{}/logs{query}", container.id), raw).await?;
    match output.each(|to, data| prefix.write(to, data)).await {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(CliError::new(format!("the log of {} broke off", container.name)).why(e)),
        Ok(()) => {
            prefix.finish();
            Ok(())
        }
    }
}
