//! `sprat compose pull` and `push`.

use clap::Args;
use sprat_compose::Project;

use super::super::registry;
use super::output::step;
use super::place::Place;
use crate::client::Client;
use crate::error::{CliError, Outcome};

/// `sprat compose pull`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose pull web")]
pub(crate) struct PullArgs {
    /// Go on with the others if one can't be pulled
    #[arg(long)]
    pub ignore_pull_failures: bool,
    /// Leave out those that are built
    #[arg(long)]
    pub ignore_buildable: bool,
    /// Pull what these depend on too
    #[arg(long)]
    pub include_deps: bool,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `sprat compose push`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose push web")]
pub(crate) struct PushArgs {
    /// Go on with the others if one can't be pushed
    #[arg(long)]
    pub ignore_push_failures: bool,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
    /// Services; all that are built if none is named
    pub services: Vec<String>,
}

/// `sprat compose pull`
pub(super) async fn pull(place: Place, args: PullArgs) -> Outcome {
    let project = place.load(&args.services)?;
    let names: Vec<String> = if args.include_deps {
        project.with_dependencies(&args.services)?.into_iter().collect()
    } else {
        args.services
    };
    let mut done = std::collections::BTreeSet::new();
    for service in project.named(&names)? {
        let Some(image) = &service.image else { continue };
        let buildable = service.build.is_some() && (args.ignore_buildable || service.pull_policy.is_none());
        if buildable || service.pull_policy.as_deref() == Some("never") || !done.insert(image.clone()) {
            continue;
        }
        step("Image", image, "Pulling");
        match registry::fetch(&place.client, image, service.platform.as_deref(), args.quiet).await {
            Ok(()) => step("Image", image, "Pulled"),
            Err(error) if args.ignore_pull_failures => error.print(),
            Err(error) => return Err(error),
        }
    }
    Ok(0)
}

/// `sprat compose push`
pub(super) async fn push(place: Place, args: PushArgs) -> Outcome {
    let project = place.load(&args.services)?;
    match push_all(&place.client, &project, &args.services, args.quiet).await {
        Err(error) if args.ignore_push_failures => error.print(),
        other => other?,
    }
    Ok(0)
}

/// Pushes the images of services that are built.
pub(super) async fn push_all(
    client: &Client,
    project: &Project,
    names: &[String],
    quiet: bool,
) -> Result<(), CliError> {
    for service in project.named(names)?.into_iter().filter(|service| service.build.is_some()) {
        let Some(image) = service.image.clone() else { continue };
        step("Image", &image, "Pushing");
        registry::push(client, registry::PushArgs { all_tags: false, quiet, image: image.clone() }).await?;
        step("Image", &image, "Pushed");
    }
    Ok(())
}
