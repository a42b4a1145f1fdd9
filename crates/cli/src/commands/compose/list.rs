//! `sprat compose ps`, `images` and `port`.

use clap::Args;
use serde_json::{Value, json};
use sprat_compose::labels;

use super::super::ps::row_of;
use super::containers::Container;
use super::place::Place;
use crate::error::{CliError, Outcome};
use crate::name::split;
use crate::quantity::size;
use crate::render::rows::{self, Row, row, short};

/// `sprat compose ps`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose ps
  sprat compose ps -a --format json")]
pub(crate) struct PsArgs {
    /// Those that don't run too
    #[arg(short, long)]
    pub all: bool,
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Only the names of services
    #[arg(long)]
    pub services: bool,
    /// Full ids and commands
    #[arg(long)]
    pub no_trunc: bool,
    /// Only those in this state: running, exited, paused, …
    #[arg(long, value_name = "STATE")]
    pub status: Vec<String>,
    /// The same as status=STATE
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Option<String>,
    /// Docker's flag for what is always done
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub orphans: Option<bool>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Services; all if none is named
    #[arg(value_name = "SERVICE")]
    pub names: Vec<String>,
}

/// `sprat compose port`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose port web 80")]
pub(crate) struct PortArgs {
    /// tcp or udp
    #[arg(long, default_value = "tcp")]
    pub protocol: String,
    /// The container's number
    #[arg(long, default_value_t = 1)]
    pub index: u32,
    /// Service
    pub service: String,
    /// Port of the container
    pub port: u16,
}

/// `sprat compose images`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose images -q")]
pub(crate) struct ImagesArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// json or table
    #[arg(long)]
    pub format: Option<String>,
    /// Services; all if none is named
    #[arg(value_name = "SERVICE")]
    pub names: Vec<String>,
}

/// `sprat compose ps`
pub(super) async fn ps(place: &Place, args: &PsArgs) -> Outcome {
    let known = place.known()?;
    let mut there = place.containers(&known, &args.names, args.all).await?;
    let mut states = args.status.clone();
    match args.filter.as_deref().map(|filter| filter.split_once('=')) {
        Some(Some(("status", state))) => states.push(state.to_owned()),
        Some(_) => return Err(CliError::new("invalid --filter").fix("write status=running, or another state")),
        None => {}
    }
    if states.is_empty() {
        there.retain(|c| args.all || c.is_up());
    } else {
        there.retain(|c| states.contains(&c.state));
    }
    if args.services {
        let names: std::collections::BTreeSet<_> = there.iter().map(|c| c.service.as_str()).collect();
        names.iter().for_each(|name| outln!("{name}"));
        return Ok(0);
    }
    if args.quiet {
        there.iter().for_each(|c| outln!("{}", c.id));
        return Ok(0);
    }
    let lines: Vec<Row> = there.iter().map(|c| line(c, args.no_trunc)).collect();
    let columns = [
        ("Name", "NAME"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("Service", "SERVICE"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
    ];
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

/// A container with the fields of Compose's own list.
fn line(container: &Container, full: bool) -> Row {
    let mut line = row_of(&container.raw, full);
    let status = line.get("Status").and_then(Value::as_str).unwrap_or_default().to_owned();
    let between = |open: &str, close: char| {
        status.split_once(open).and_then(|(_, rest)| rest.split(close).next()).unwrap_or_default().to_owned()
    };
    let code: i64 = if status.starts_with("Exited") { between("Exited (", ')').parse().unwrap_or_default() } else { 0 };
    let health = ["unhealthy", "healthy"].into_iter().find(|health| status.contains(&format!("({health})")));
    let health = health.or(status.contains("health: starting").then_some("starting")).unwrap_or_default();
    let publisher = |p: &Value| {
        let get = |key: &str| p.get(key).cloned().unwrap_or_default();
        json!({"URL": p.get("IP").and_then(Value::as_str).unwrap_or_default(), "TargetPort": get("PrivatePort"),
            "PublishedPort": p.get("PublicPort").and_then(Value::as_u64).unwrap_or_default(), "Protocol": get("Type")})
    };
    let ports = container.raw.get("Ports").and_then(Value::as_array).into_iter().flatten();
    let publishers: Vec<Value> = ports.map(publisher).collect();
    let more = [
        ("Name", json!(container.name)),
        ("Service", json!(container.service)),
        ("Project", json!(container.labels.get(labels::PROJECT))),
        ("ExitCode", json!(code)),
        ("Health", json!(health)),
        ("Publishers", json!(publishers)),
    ];
    line.extend(more.map(|(name, value)| (name.to_owned(), value)));
    line
}

/// `sprat compose port`
pub(super) async fn port(place: &Place, args: &PortArgs) -> Outcome {
    let known = place.known()?;
    let there = place.containers(&known, std::slice::from_ref(&args.service), false).await?;
    let container = pick(&there, &args.service, args.index)?;
    let ports = container.raw.get("Ports").and_then(Value::as_array).into_iter().flatten();
    let fits = |p: &&Value| {
        p.get("PrivatePort").and_then(Value::as_u64) == Some(u64::from(args.port))
            && p.get("Type").and_then(Value::as_str) == Some(&args.protocol)
            && p.get("PublicPort").and_then(Value::as_u64).is_some_and(|port| port > 0)
    };
    let found = ports.into_iter().find(fits).ok_or_else(|| {
        CliError::new(format!("no port {}/{} for container {}", args.port, args.protocol, container.name))
            .fix("publish it below `ports:`, and see `sprat compose ps`")
    })?;
    let ip = found.get("IP").and_then(Value::as_str).unwrap_or("0.0.0.0");
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    outln!("{ip}:{}", found.get("PublicPort").and_then(Value::as_u64).unwrap_or_default());
    Ok(0)
}

/// A service's container of a number.
pub(super) fn pick<'a>(there: &'a [Container], service: &str, index: u32) -> Result<&'a Container, CliError> {
    let found = if index <= 1 { there.first() } else { there.iter().find(|c| c.number == index) };
    found.ok_or_else(|| {
        CliError::new(format!("service {service:?} is not running container #{}", index.max(1)))
            .fix(format!("start it: sprat compose up -d {service}"))
    })
}

/// `sprat compose images`
pub(super) async fn images(place: &Place, args: &ImagesArgs) -> Outcome {
    let known = place.known()?;
    let mut lines = Vec::new();
    for container in place.containers(&known, &args.names, false).await? {
        let text = |name: &str| container.raw.get(name).and_then(Value::as_str).unwrap_or_default();
        let (repository, tag) = split(text("Image"));
        let id = text("ImageID");
        let image: Value = place.client.get(&format!("/images/{id}/json")).await.unwrap_or_default();
        let bytes = image.get("Size").and_then(Value::as_u64).unwrap_or_default();
        lines.push(row([
            ("ID", short(id.trim_start_matches("sha256:"), args.format.as_deref() == Some("json")).into()),
            ("ContainerName", container.name.clone().into()),
            ("Repository", repository.into()),
            ("Tag", tag.unwrap_or("latest").into()),
            ("Size", size(bytes).into()),
        ]));
    }
    if args.quiet {
        return rows::ids(&lines);
    }
    let columns = [
        ("ContainerName", "CONTAINER"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("Size", "SIZE"),
    ];
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}
