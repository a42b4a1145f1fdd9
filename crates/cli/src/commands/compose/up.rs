//! `sprat compose up` and `create`.

use std::collections::BTreeSet;

use clap::Args;
use sprat_compose::Project;
use sprat_compose::plan::Recreate;

use super::containers::{self, Container};
use super::converge::{self, Options};
use super::foreground::{self, Shown};
use super::images::{self, Policy};
use super::place::Place;
use super::{life, ready, resources};
use crate::error::{CliError, Outcome};

/// What `up` and `create` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct MakeArgs {
    /// Build images before
    #[arg(long)]
    pub build: bool,
    /// Don't build images, even if they are missing
    #[arg(long, conflicts_with = "build")]
    pub no_build: bool,
    /// When to pull: always, missing, never
    #[arg(long, value_name = "POLICY", value_parser = ["always", "missing", "never", "build"])]
    pub pull: Option<String>,
    /// No progress of pulls
    #[arg(long)]
    pub quiet_pull: bool,
    /// Make containers anew though nothing changed
    #[arg(long, conflicts_with = "no_recreate")]
    pub force_recreate: bool,
    /// Leave containers as they are, whatever changed
    #[arg(long)]
    pub no_recreate: bool,
    /// Remove containers of services that the files don't name
    #[arg(long)]
    pub remove_orphans: bool,
    /// So many containers of a service
    #[arg(long, value_name = "SERVICE=NUMBER")]
    pub scale: Vec<String>,
}

/// `sprat compose up`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose up                   with the output of all; Ctrl-C stops them
  sprat compose up -d --build
  sprat compose up -d --scale worker=4
  sprat compose up --exit-code-from tests")]
pub(crate) struct UpArgs {
    /// Leave them running in the background
    #[arg(short, long)]
    pub detach: bool,
    #[command(flatten)]
    pub make: MakeArgs,
    /// Don't start what these depend on
    #[arg(long)]
    pub no_deps: bool,
    /// Make containers anew that others need, too
    #[arg(long)]
    pub always_recreate_deps: bool,
    /// New anonymous volumes instead of those before
    #[arg(short = 'V', long)]
    pub renew_anon_volumes: bool,
    /// Only create
    #[arg(long)]
    pub no_start: bool,
    /// Wait until all run, or are healthy; implies -d
    #[arg(long)]
    pub wait: bool,
    /// Seconds that --wait waits
    #[arg(long, value_name = "SECONDS")]
    pub wait_timeout: Option<u64>,
    /// Stop all when one ends
    #[arg(long, conflicts_with = "detach")]
    pub abort_on_container_exit: bool,
    /// Stop all when one fails
    #[arg(long, conflicts_with = "detach")]
    pub abort_on_container_failure: bool,
    /// Stop all when one ends, and exit with the status of this service
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    pub exit_code_from: Option<String>,
    /// Seconds to wait before KILL when stopping
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Show the output of these alone
    #[arg(long, value_name = "SERVICE")]
    pub attach: Vec<String>,
    /// Don't show the output of these
    #[arg(long, value_name = "SERVICE")]
    pub no_attach: Vec<String>,
    /// Show the output of what these depend on, too
    #[arg(long)]
    pub attach_dependencies: bool,
    /// Without the containers' names
    #[arg(long)]
    pub no_log_prefix: bool,
    /// Without colours
    #[arg(long)]
    pub no_color: bool,
    /// Show the time of each line
    #[arg(long, hide = true)]
    pub timestamps: bool,
    /// Docker's flag for a menu that is not here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub menu: Option<bool>,
    /// Services, with what they depend on; all if none is named
    pub services: Vec<String>,
}

/// `sprat compose create`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose create --build")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub make: MakeArgs,
    /// Services, with what they depend on; all if none is named
    pub services: Vec<String>,
}

/// A project that is being made.
struct Making {
    project: Project,
    wanted: BTreeSet<String>,
    options: Options,
}

/// `sprat compose create`
pub(super) async fn create(place: Place, args: CreateArgs) -> Outcome {
    make(&place, &args.make, &args.services, false, Options::default()).await?;
    Ok(0)
}

/// `sprat compose up`
pub(super) async fn run(place: Place, args: UpArgs) -> Outcome {
    let options = Options {
        renew_volumes: args.renew_anon_volumes,
        timeout: args.timeout,
        no_dependencies: args.no_deps,
        recreate_dependencies: if args.always_recreate_deps { Recreate::Always } else { Recreate::Changed },
        ..Options::default()
    };
    let making = make(&place, &args.make, &args.services, args.no_deps, options).await?;
    if args.no_start {
        return Ok(0);
    }
    if args.detach || args.wait {
        converge::start(&place.client, &making.project, &making.wanted, &making.options).await?;
        if args.wait {
            wait(&place, &making, args.wait_timeout).await?;
        }
        return Ok(0);
    }
    let shown = Shown {
        services: shown_services(&making, &args)?,
        prefix: !args.no_log_prefix,
        colour: !args.no_color,
        end: foreground::End {
            any: args.abort_on_container_exit || args.exit_code_from.is_some(),
            failure: args.abort_on_container_failure,
            status_of: args.exit_code_from,
        },
        timeout: args.timeout,
    };
    foreground::run(&place.client, &making.project, &making.wanted, &making.options, shown).await
}

async fn make(
    place: &Place,
    args: &MakeArgs,
    services: &[String],
    no_dependencies: bool,
    options: Options,
) -> Result<Making, CliError> {
    let client = &place.client;
    let mut project = place.load(services)?;
    for scale in &args.scale {
        let wrong = || CliError::new(format!("invalid --scale {scale:?}")).fix("write SERVICE=NUMBER");
        let (name, count) = scale.split_once('=').ok_or_else(wrong)?;
        project.scale(name, count.parse().map_err(|_| wrong())?)?;
    }
    let wanted = if no_dependencies {
        project.named(services)?.into_iter().map(|s| s.name.clone()).collect()
    } else {
        project.with_dependencies(services)?
    };
    let recreate = match (args.force_recreate, args.no_recreate) {
        (true, _) => Recreate::Always,
        (_, true) => Recreate::Never,
        _ => Recreate::Changed,
    };
    let recreate_dependencies = if recreate == Recreate::Never { recreate } else { options.recreate_dependencies };
    let named = services.iter().cloned().collect();
    let options = Options { recreate, recreate_dependencies, named, ..options };
    let policy = Policy { build: args.build, no_build: args.no_build, pull: args.pull.clone(), quiet: args.quiet_pull };
    let needed: Vec<_> = wanted.iter().filter_map(|name| project.services.get(name)).collect();
    let images = images::ensure(client, &project, &needed, &policy).await?;
    orphans(place, &project, args.remove_orphans).await?;
    resources::ensure(client, &project).await?;
    converge::create(client, &project, &wanted, &images, &options).await?;
    Ok(Making { project, wanted, options })
}

/// Containers of services that the files no longer name.
async fn orphans(place: &Place, project: &Project, remove: bool) -> Result<(), CliError> {
    let mut there = containers::of_project(&place.client, &project.name).await?;
    let own = |c: &Container| project.services.contains_key(&c.service) || project.disabled.contains(&c.service);
    there.retain(|c| !own(c) && !c.one_off);
    if there.is_empty() {
        return Ok(());
    }
    if !remove {
        let names: Vec<_> = there.iter().map(|c| c.name.as_str()).collect();
        errln!(
            "warning: Found orphan containers ({}) for this project. If you removed or renamed this service in your \
             compose file, you can run this command with the --remove-orphans flag to clean it up.",
            names.join(", ")
        );
        return Ok(());
    }
    for container in &there {
        life::stop_one(&place.client, container, None).await?;
        life::remove_one(&place.client, container, true, false).await?;
    }
    Ok(())
}

async fn wait(place: &Place, making: &Making, timeout: Option<u64>) -> Result<(), CliError> {
    let mut there = containers::of_project(&place.client, &making.project.name).await?;
    there.retain(|c| making.wanted.contains(&c.service) && !c.one_off);
    let all = there.iter().map(|container| ready::healthy(&place.client, container, false));
    let all = futures_util::future::join_all(all);
    let outcomes = match timeout {
        None => all.await,
        Some(seconds) => {
            let limit = std::time::Duration::from_secs(seconds);
            tokio::time::timeout(limit, all).await.map_err(|_| {
                CliError::new("application not healthy in time")
                    .why(format!("{seconds} seconds have passed"))
                    .fix("see `sprat compose ps`; give it longer with --wait-timeout")
            })?
        }
    };
    outcomes.into_iter().collect()
}

/// Services whose output is shown.
fn shown_services(making: &Making, args: &UpArgs) -> Result<BTreeSet<String>, CliError> {
    let project = &making.project;
    for name in args.attach.iter().chain(&args.no_attach).chain(&args.exit_code_from) {
        project.service(name)?;
    }
    let all = args.services.is_empty() || args.attach_dependencies;
    let mut shown: BTreeSet<String> = if !args.attach.is_empty() {
        args.attach.iter().cloned().collect()
    } else if all {
        making.wanted.clone()
    } else {
        args.services.iter().cloned().collect()
    };
    shown.retain(|name| !args.no_attach.contains(name));
    shown.retain(|name| {
        args.attach.contains(name) || project.services.get(name).is_some_and(|s| s.attach != Some(false))
    });
    Ok(shown)
}
