//! `sprat compose down`

use std::collections::BTreeSet;

use clap::Args;
use futures_util::future::join_all;
use serde_json::Value;

use super::output::step;
use super::place::Place;
use super::{files, life, resources};
use crate::error::{CliError, Outcome};
use crate::query::segment;

/// `sprat compose down`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose down
  sprat compose down -v --remove-orphans   also volumes, and what the files no longer name")]
pub(crate) struct DownArgs {
    /// Remove the project's volumes too
    #[arg(short, long)]
    pub volumes: bool,
    /// Remove images: all, or local (those without a name of their own)
    #[arg(long, value_name = "WHICH", value_parser = ["all", "local"])]
    pub rmi: Option<String>,
    /// Remove containers of services that the files don't name
    #[arg(long)]
    pub remove_orphans: bool,
    /// Seconds to wait before KILL
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Services; the whole project if none is named
    pub services: Vec<String>,
}

/// `sprat compose down`
pub(super) async fn run(place: &Place, args: DownArgs) -> Outcome {
    let client = &place.client;
    let known = place.known()?;
    let mut all = place.containers(&known, &args.services, true).await?;
    if let (Some(project), false) = (&known.project, args.remove_orphans) {
        let own = |name: &String| project.services.contains_key(name) || project.disabled.contains(name);
        all.retain(|c| own(&c.service));
    }
    life::stop_all(client, known.project.as_ref(), &all, args.timeout).await?;
    let removing = all.iter().map(|container| life::remove_one(client, container, true, args.volumes));
    join_all(removing).await.into_iter().collect::<Result<(), CliError>>()?;
    if args.services.is_empty() {
        resources::remove(client, &known.name, args.volumes).await?;
        files::remove(&known.name)?;
    }
    if let (Some(which), Some(project)) = (&args.rmi, &known.project) {
        let chosen = project.named(&args.services)?.into_iter().filter(|s| which == "all" || s.image.is_none());
        let images: BTreeSet<_> = chosen.map(|service| service.image_name(&project.name)).collect();
        for image in images {
            remove_image(place, &image).await?;
        }
    }
    Ok(0)
}

async fn remove_image(place: &Place, image: &str) -> Result<(), CliError> {
    match place.client.delete::<Value>(&format!("/images/{}", segment(image))).await {
        Ok(_) => step("Image", image, "Removed"),
        Err(error) if error.missing => {}
        // Another project's containers use it.
        Err(error) if error.what.contains("in use") || error.what.contains("being used") => {
            step("Image", image, "Resource is still in use");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
