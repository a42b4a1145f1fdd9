//! `prune`: containers, images, volumes, all.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use super::image::print_changes;
use crate::args::{ImagePruneArgs, PruneArgs};
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::quantity::size;
use crate::query::Query;

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
    eprint!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Sends the prune, prints names of `field`, and gives the bytes freed.
async fn prune(client: &Client, query: Query, field: &str) -> Result<u64, CliError> {
    let answer: Value = client.post(&query.path(), None).await?;
    let gone = answer.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !gone.is_empty() {
        outln!("{}:", field.replace("sDeleted", "s deleted").replace("Deleted", " deleted").replace("  ", " "));
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
    if !confirmed(args.force, what)? {
        return Ok(0);
    }
    done(prune_images(client, args.all).await?)
}

async fn prune_images(client: &Client, all: bool) -> Result<u64, CliError> {
    let filter = format!("dangling={}", !all);
    prune(client, Query::new("/images/prune").filters(&[filter])?, "ImagesDeleted").await
}

/// `sprat volume prune`
pub(crate) async fn volumes(client: &Client, args: ImagePruneArgs) -> Outcome {
    let what = if args.all { "all volumes without a container" } else { "all anonymous volumes without a container" };
    if !confirmed(args.force, what)? {
        return Ok(0);
    }
    done(prune_volumes(client, args.all).await?)
}

async fn prune_volumes(client: &Client, all: bool) -> Result<u64, CliError> {
    let filters = if all { vec!["all=true".to_owned()] } else { Vec::new() };
    prune(client, Query::new("/volumes/prune").filters(&filters)?, "VolumesDeleted").await
}

/// `sprat system prune`
pub(crate) async fn system(client: &Client, args: ImagePruneArgs) -> Outcome {
    if !confirmed(args.force, "all stopped containers, unused images and unused anonymous volumes")? {
        return Ok(0);
    }
    let containers = prune(client, Query::new("/containers/prune"), "ContainersDeleted").await?;
    let images = prune_images(client, args.all).await?;
    let volumes = prune_volumes(client, false).await?;
    done(containers + images + volumes)
}
