//! `sprat compose build`: as `sprat build` does, for the services that say how.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use sprat_compose::{Build, Project, Service};

use super::super::build as single;
use super::output::step;
use super::place::Place;
use crate::client::Client;
use crate::error::{CliError, Outcome};

/// `sprat compose build`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose build
  sprat compose build --no-cache web")]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub flags: Flags,
    /// Services; all that are built if none is named
    pub services: Vec<String>,
}

/// What changes a build.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// Don't use the layer cache
    #[arg(long)]
    pub no_cache: bool,
    /// Always ask the registry for base images
    #[arg(long)]
    pub pull: bool,
    /// Set a build argument
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// Only the images' ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Push them then
    #[arg(long)]
    pub push: bool,
    /// Build what these depend on too
    #[arg(long)]
    pub with_dependencies: bool,
    /// The build itself is what was asked for, so that its log is output
    #[arg(skip = true)]
    pub verbose: bool,
}

/// `sprat compose build`
pub(super) async fn run(place: Place, args: BuildArgs) -> Outcome {
    let project = place.load(&args.services)?;
    let names = if args.flags.with_dependencies {
        project.with_dependencies(&args.services)?.into_iter().collect()
    } else {
        args.services
    };
    for service in project.named(&names)?.into_iter().filter(|service| service.build.is_some()) {
        one(&place.client, &project, service, &args.flags).await?;
    }
    if args.flags.push {
        super::transfer::push_all(&place.client, &project, &names, args.flags.quiet).await?;
    }
    Ok(0)
}

/// Builds the image of one service.
pub(super) async fn one(client: &Client, project: &Project, service: &Service, flags: &Flags) -> Result<(), CliError> {
    let Some(build) = &service.build else { return Ok(()) };
    let context = Path::new(&build.context);
    if !context.is_dir() {
        let why = if build.context.contains("://") { "contexts are folders of this machine" } else { "no such folder" };
        return Err(CliError::new(format!("cannot build {}", build.context))
            .why(why)
            .fix(format!("correct services.{}.build.context", service.name)));
    }
    let inline = build.dockerfile_inline.as_deref().map(written).transpose()?;
    let name = service.image_name(&project.name);
    step("Image", &name, "Building");
    let args = single::BuildArgs {
        tag: std::iter::once(name.clone()).chain(build.tags.iter().cloned()).collect(),
        file: inline.as_ref().map(|file| file.path().to_path_buf()).or_else(|| dockerfile(build)),
        build_arg: arguments(build).chain(flags.build_arg.iter().cloned()).collect(),
        label: build.labels.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        target: build.target.clone(),
        no_cache: flags.no_cache || build.no_cache,
        pull: flags.pull || build.pull,
        platform: service.platform.clone().or_else(|| build.platforms.first().cloned()),
        iidfile: None,
        rm: None,
        force_rm: false,
        quiet: flags.quiet,
        path: context.to_path_buf(),
    };
    let id = single::image(client, &args, flags.verbose && !flags.quiet).await.map_err(|mut error| {
        error.what = format!("services.{}: {}", service.name, error.what);
        error
    })?;
    if flags.quiet && flags.verbose {
        outln!("{id}");
    }
    step("Image", &name, "Built");
    Ok(())
}

/// The Dockerfile, unless it is the usual one: then there need not be one, as with `sprat build`.
fn dockerfile(build: &Build) -> Option<PathBuf> {
    let file = build.dockerfile.as_deref().filter(|file| *file != "Dockerfile")?;
    Some(Path::new(&build.context).join(file))
}

fn arguments(build: &Build) -> impl Iterator<Item = String> + '_ {
    build.args.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
}

fn written(text: &str) -> Result<tempfile::NamedTempFile, CliError> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
