//! `sprat volume …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::inspect::{self, InspectArgs};
use super::prune::{self, VolumePruneArgs};
use crate::client::Client;
use crate::error::Outcome;
use crate::pairs::pairs;
use crate::quantity::size;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row, row};
use crate::render::template::LABELS;

/// `sprat volume …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum VolumeCommand {
    /// Make a volume
    #[command(after_help = "Example: sprat volume create --label team=sea notes")]
    Create(CreateArgs),
    /// List volumes
    #[command(visible_alias = "list")]
    #[command(after_help = "Example: sprat volume ls --filter dangling=true")]
    Ls(ListArgs),
    /// Show details
    #[command(after_help = "Example: sprat volume inspect notes")]
    Inspect(InspectArgs),
    /// Remove volumes
    #[command(alias = "remove")]
    #[command(after_help = "Example: sprat volume rm notes")]
    Rm(RemoveArgs),
    /// Remove unused volumes
    #[command(after_help = "Example: sprat volume prune -a")]
    Prune(VolumePruneArgs),
}

/// `sprat volume create`
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Driver: local
    #[arg(short, long, value_name = "DRIVER", default_value = "local")]
    pub driver: String,
    /// Option for the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
    /// Its name; made up if none
    pub name: Option<String>,
}

/// `sprat volume ls`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only names
    #[arg(short, long)]
    pub quiet: bool,
    /// Filter: dangling=true, name=…, label=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat volume rm`
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// A missing one is no error
    #[arg(short, long)]
    pub force: bool,
    /// Names
    #[arg(required = true)]
    pub volumes: Vec<String>,
}

/// `sprat volume …`
pub(crate) async fn run(client: &Client, command: VolumeCommand) -> Outcome {
    match command {
        VolumeCommand::Create(args) => create(client, args).await,
        VolumeCommand::Ls(args) => list(client, args).await,
        VolumeCommand::Inspect(args) => inspect::kind(client, args, "volume").await,
        VolumeCommand::Rm(args) => remove(client, args).await,
        VolumeCommand::Prune(args) => prune::volumes(client, args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Outcome {
    let body = json!({
        "Name": args.name.unwrap_or_default(),
        "Driver": args.driver,
        "DriverOpts": pairs("--opt", &args.opt)?,
        "Labels": pairs("--label", &args.label)?,
    });
    let volume: Value = client.post("/volumes/create", Some(&body)).await?;
    outln!("{}", volume.get("Name").and_then(Value::as_str).unwrap_or_default());
    Ok(0)
}

async fn list(client: &Client, args: ListArgs) -> Outcome {
    let answer: Value = client.get(&Query::new("/volumes").filters(&args.filter)?.path()).await?;
    let volumes = answer.get("Volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    let lines: Vec<Row> = volumes.iter().map(row_of).collect();
    if args.quiet {
        for name in lines.iter().filter_map(|line| line.get("Name").and_then(Value::as_str)) {
            outln!("{name}");
        }
        return Ok(0);
    }
    rows::print(&lines, &[("Driver", "DRIVER"), ("Name", "VOLUME NAME")], args.format.as_deref())?;
    Ok(0)
}

/// A volume as a row.
pub(super) fn row_of(v: &Value) -> Row {
    let text = |name: &str| v.get(name).and_then(Value::as_str).unwrap_or_default();
    let labels = v.get("Labels").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<_> = labels.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    // Only `system df` measures volumes.
    let usage = |name: &str| v.pointer(&format!("/UsageData/{name}")).and_then(Value::as_u64);
    row([
        ("Driver", text("Driver").into()),
        ("Name", text("Name").into()),
        ("Scope", text("Scope").into()),
        ("Mountpoint", text("Mountpoint").into()),
        ("Labels", labels.join(",").into()),
        (LABELS, v.get("Labels").cloned().unwrap_or_default()),
        ("Links", usage("RefCount").map_or("N/A".into(), |links| links.to_string()).into()),
        ("Size", usage("Size").map_or("N/A".into(), size).into()),
    ])
}

async fn remove(client: &Client, args: RemoveArgs) -> Outcome {
    let mut status = 0;
    for name in &args.volumes {
        let path = Query::new(format!("/volumes/{}", segment(name))).flag("force", args.force).path();
        match client.delete::<Value>(&path).await {
            Ok(_) => outln!("{name}"),
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}
