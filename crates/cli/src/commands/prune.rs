//! `prune`: containers, images, volumes, all.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::Value;

use super::image::print_changes;
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::quantity::size;
use crate::query::Query;

/// `sprat container prune`
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Don't ask
    #[arg(short, long)]
    pub force: bool,
    /// Filter: until=24h, label=…, label!=…
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

/// `sprat image prune`
#[derive(Debug, Args)]
pub(crate) struct ImagePruneArgs {
    /// All unused ones, not only dangling (nameless) ones
    #[arg(short, long)]
    pub all: bool,
    #[command(flatten)]
    pub prune: PruneArgs,
}

/// `sprat volume prune`
#[derive(Debug, Args)]
pub(crate) struct VolumePruneArgs {
    /// All unused ones, not only anonymous ones
    #[arg(short, long)]
    pub all: bool,
    /// Don't ask
    #[arg(short, long)]
    pub force: bool,
    /// Filter: label=…, label!=…
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

/// `sprat system prune`
#[derive(Debug, Args)]
pub(crate) struct SystemPruneArgs {
    /// All unused images, not only dangling (nameless) ones
    #[arg(short, long)]
    pub all: bool,
    /// Unused anonymous volumes too
    #[arg(long)]
    pub volumes: bool,
    #[command(flatten)]
    pub prune: PruneArgs,
}

/// Asks before removing.
fn confirmed(force: bool, what: &str) -> Result<bool, CliError> {
    if force {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(format!("this would remove {what}"))
            .why("standard input is no terminal to ask on")
            .fix("add --force"));
    }
    err!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Sends the prune, prints names of `field`, and gives the bytes freed.
async fn prune(client: &Client, query: Query, field: &str) -> Result<u64, CliError> {
    let answer: Value = client.post(&query.path(), None).await?;
    let gone = answer.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !gone.is_empty() {
        outln!("Deleted {}:", field.trim_end_matches("Deleted"));
    }
    for name in gone.iter().filter_map(Value::as_str) {
        outln!("{name}");
    }
    print_changes(gone);
    Ok(answer.get("SpaceReclaimed").and_then(Value::as_u64).unwrap_or_default())
}

fn done(freed: u64) -> Outcome {
    outln!("\nTotal reclaimed space: {}", size(freed));
    Ok(0)
}

/// `sprat container prune`
pub(crate) async fn containers(client: &Client, args: PruneArgs) -> Outcome {
    if !confirmed(args.force, "all stopped containers")? {
        return Ok(0);
    }
    done(prune(client, Query::new("/containers/prune").filters(&args.filter)?, "ContainersDeleted").await?)
}

/// `sprat image prune`
pub(crate) async fn images(client: &Client, args: ImagePruneArgs) -> Outcome {
    let what = if args.all { "all images without a container" } else { "all dangling images" };
    if !confirmed(args.prune.force, what)? {
        return Ok(0);
    }
    done(prune_images(client, args.all, &args.prune.filter).await?)
}

async fn prune_images(client: &Client, all: bool, filters: &[String]) -> Result<u64, CliError> {
    let mut filters = filters.to_vec();
    filters.push(format!("dangling={}", !all));
    prune(client, Query::new("/images/prune").filters(&filters)?, "ImagesDeleted").await
}

/// `sprat volume prune`
pub(crate) async fn volumes(client: &Client, args: VolumePruneArgs) -> Outcome {
    let what = if args.all { "all volumes without a container" } else { "all anonymous volumes without a container" };
    if !confirmed(args.force, what)? {
        return Ok(0);
    }
    let mut filters = args.filter;
    if args.all {
        filters.push("all=true".to_owned());
    }
    done(prune_volumes(client, &filters).await?)
}

async fn prune_volumes(client: &Client, filters: &[String]) -> Result<u64, CliError> {
    prune(client, Query::new("/volumes/prune").filters(filters)?, "VolumesDeleted").await
}

/// `sprat network prune`
pub(crate) async fn networks(client: &Client, args: PruneArgs) -> Outcome {
    if !confirmed(args.force, "all networks that no container runs on")? {
        return Ok(0);
    }
    prune(client, Query::new("/networks/prune").filters(&args.filter)?, "NetworksDeleted").await?;
    Ok(0)
}

/// `sprat system prune`
pub(crate) async fn system(client: &Client, args: SystemPruneArgs) -> Outcome {
    let filters = &args.prune.filter;
    if args.volumes && filters.iter().any(|filter| filter.starts_with("until=")) {
        return Err(CliError::new("the \"until\" filter is not supported with \"--volumes\"")
            .why("volumes have no time of their last use")
            .fix("prune volumes apart: sprat volume prune"));
    }
    let images = if args.all { "unused" } else { "dangling" };
    let volumes = if args.volumes { ", all unused anonymous volumes" } else { "" };
    if !confirmed(
        args.prune.force,
        &format!("all stopped containers, all unused networks{volumes} and all {images} images"),
    )? {
        return Ok(0);
    }
    let mut freed = prune(client, Query::new("/containers/prune").filters(filters)?, "ContainersDeleted").await?;
    freed += prune(client, Query::new("/networks/prune").filters(filters)?, "NetworksDeleted").await?;
    if args.volumes {
        freed += prune_volumes(client, filters).await?;
    }
    freed += prune_images(client, args.all, filters).await?;
    done(freed)
}
