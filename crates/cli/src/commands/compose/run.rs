//! `sprat compose run`: a command of one's own in a new container of a service.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::json;
use sprat_compose::{Changes, request};
use sprat_docker_api::DetachKeys;

use super::super::attach::{Session, SessionArgs};
use super::converge::{self, Options};
use super::images::{self, Policy};
use super::place::Place;
use super::{containers, files, resources};
use crate::client::Attached;
use crate::error::{CliError, Outcome};

/// `sprat compose run`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose run --rm report
  sprat compose run --rm -e MODE=check api --list")]
pub(crate) struct RunArgs {
    /// Run in the background and print the container's name
    #[arg(short, long)]
    pub detach: bool,
    /// Remove the container after its end
    #[arg(long)]
    pub rm: bool,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Replace the entry point: words, as a shell splits them
    #[arg(long, value_name = "COMMAND")]
    pub entrypoint: Option<String>,
    /// Don't start what it depends on
    #[arg(long)]
    pub no_deps: bool,
    /// Name of the container
    #[arg(long)]
    pub name: Option<String>,
    /// Publish a port
    #[arg(short, long, value_name = "[ADDRESS:]HOST:PORT")]
    pub publish: Vec<String>,
    /// Publish the service's own ports
    #[arg(short = 'P', long)]
    pub service_ports: bool,
    /// Let others find it under the service's name
    #[arg(long)]
    pub use_aliases: bool,
    /// Bind a folder or volume
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]")]
    pub volume: Vec<String>,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// User: name or uid[:group or gid]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Working folder
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Without a terminal
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// Build the image first
    #[arg(long)]
    pub build: bool,
    /// Keep standard input open
    #[arg(short, long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", action = clap::ArgAction::Set)]
    pub interactive: bool,
    /// No progress of pulls and builds
    #[arg(short, long)]
    pub quiet: bool,
    /// Remove containers of services that the files don't name
    #[arg(long, hide = true)]
    pub remove_orphans: bool,
    /// Service
    pub service: String,
    /// A command instead of its own
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `sprat compose run`
pub(super) async fn run(place: Place, args: RunArgs) -> Outcome {
    let client = &place.client;
    let project = place.load(std::slice::from_ref(&args.service))?;
    let changes = Changes {
        command: args.command.clone(),
        entrypoint: args.entrypoint.as_deref().map(|e| e.split_whitespace().map(str::to_owned).collect()),
        environment: args.env.clone(),
        user: args.user.clone(),
        working_dir: args.workdir.clone(),
        volumes: args.volume.clone(),
        labels: args.label.clone(),
        publish: args.publish.clone(),
        service_ports: args.service_ports,
    };
    let service = project.one_off(&args.service, &changes, &std::env::current_dir()?)?;
    let mut wanted = project.with_dependencies(std::slice::from_ref(&args.service))?;
    wanted.remove(&args.service);
    if args.no_deps {
        wanted.clear();
    }
    let mut needed = vec![&service];
    needed.extend(wanted.iter().filter_map(|name| project.services.get(name)));
    let policy = Policy { build: args.build, quiet: args.quiet, ..Policy::default() };
    let ids = images::ensure(client, &project, &needed, &policy).await?;
    resources::ensure(client, &project).await?;
    if !wanted.is_empty() {
        let options = Options { named: wanted.clone(), ..Options::default() };
        converge::create(client, &project, &wanted, &ids, &options).await?;
        converge::start(client, &project, &wanted, &options).await?;
        await_conditions(&place, &project, &service).await?;
    }
    let slug = slug()?;
    let mut around =
        sprat_compose::plan::surroundings(&project, &service, 1, ids.get(&args.service).map_or("", String::as_str));
    around.name =
        args.name.clone().unwrap_or_else(|| format!("{}-{}-run-{}", project.name, service.name, short(&slug)));
    around.files = files::write(&project)?;
    for container in containers::of_project(client, &project.name).await?.into_iter().filter(|c| !c.one_off) {
        around.containers.entry(container.service).or_default().push(container.id);
    }
    around.one_off = Some(request::OneOff { slug, aliases: args.use_aliases });
    let tty = !args.no_tty && !args.detach && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let stdin = args.interactive && !args.detach;
    let mut body = request::container(&project, &service, &around)?;
    if let Some(map) = body.as_object_mut() {
        for (key, value) in [("Tty", tty), ("OpenStdin", stdin), ("StdinOnce", stdin), ("AttachStdin", stdin)] {
            map.insert(key.to_owned(), json!(value));
        }
        if let Some(host) = map.get_mut("HostConfig").and_then(serde_json::Value::as_object_mut) {
            host.insert("AutoRemove".to_owned(), json!(args.rm));
        }
    }
    let id = converge::post(client, &around.name, &service, &body).await?;
    if args.detach {
        client.post_raw(&format!("/containers/{id}/start"), None).await?;
        outln!("{}", around.name);
        return Ok(0);
    }
    let attached = Attached { stdin, stdout: true, stderr: true };
    let session = SessionArgs { detach_keys: DetachKeys::default_keys(), sig_proxy: true };
    let session = Session::attach(client, &id, attached, tty, session).await?;
    let condition = if args.rm { "removed" } else { "next-exit" };
    let waiting = client.post_raw(&format!("/containers/{id}/wait?condition={condition}"), None).await?;
    client.post_raw(&format!("/containers/{id}/start"), None).await?;
    session.copy(client, &id, waiting).await
}

async fn await_conditions(
    place: &Place,
    project: &sprat_compose::Project,
    service: &sprat_compose::Service,
) -> Result<(), CliError> {
    let there = containers::of_project(&place.client, &project.name).await?;
    for (name, how) in &service.depends_on {
        let Some(dependency) = project.services.get(name) else { continue };
        let own: Vec<_> = there.iter().filter(|c| c.service == *name && !c.one_off).cloned().collect();
        super::ready::until(&place.client, dependency, how.condition, &own).await?;
    }
    Ok(())
}

/// A name that no other container has.
fn slug() -> Result<String, CliError> {
    let mut bytes = [0_u8; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(hex::encode(bytes))
}

fn short(slug: &str) -> &str {
    slug.get(..12).unwrap_or(slug)
}
