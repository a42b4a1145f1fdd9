//! `sprat version`, `sprat info` and `sprat system …`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::df::{self, DfArgs};
use super::events::{self, EventsArgs};
use super::prune::{self, SystemPruneArgs};
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::render::template;

/// A format only.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// json or a Go template
    #[arg(short, long)]
    pub format: Option<String>,
}

/// `sprat system …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum SystemCommand {
    /// Show what takes room on the disk
    #[command(after_help = "Example: sprat system df -v")]
    Df(DfArgs),
    /// Show facts about the installation
    #[command(after_help = "Example: sprat system info")]
    Info(FormatArgs),
    /// Show what happens, as it happens
    #[command(after_help = "Example: sprat system events --filter type=container")]
    Events(EventsArgs),
    /// Remove stopped containers, dangling images and, with --volumes, unused anonymous volumes
    #[command(after_help = "Example: sprat system prune -a --volumes")]
    Prune(SystemPruneArgs),
}

/// `sprat system …`
pub(crate) async fn run(client: &Client, command: SystemCommand) -> Outcome {
    match command {
        SystemCommand::Df(args) => df::run(client, args).await,
        SystemCommand::Info(args) => info(client, args).await,
        SystemCommand::Events(args) => events::run(client, args).await,
        SystemCommand::Prune(args) => prune::system(client, args).await,
    }
}

fn show(value: &Value, format: Option<&str>, page: impl FnOnce() -> String) -> Result<(), CliError> {
    match format {
        Some("json") => outln!("{value}"),
        Some(format) => outln!("{}", template::render(format, value)?),
        None => out!("{}", page()),
    }
    Ok(())
}

/// `sprat version`
pub(crate) async fn version(client: &Client, args: FormatArgs) -> Outcome {
    let server: Value = client.get("/version").await?;
    let whole = json!({"Client": {"Version": env!("CARGO_PKG_VERSION")}, "Server": server});
    let text = |path: &str| whole.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    show(&whole, args.format.as_deref(), || {
        format!(
            "Client: Sprat\n Version:      {}\n Host:         {}\n\nServer: Sprat\n Version:      {}\n API version:  {} (minimum version {})\n OS/Arch:      {}/{}\n",
            text("/Client/Version"),
            client.host(),
            text("/Server/Version"),
            text("/Server/ApiVersion"),
            text("/Server/MinAPIVersion"),
            text("/Server/Os"),
            text("/Server/Arch"),
        )
    })?;
    Ok(0)
}

/// `sprat info`
pub(crate) async fn info(client: &Client, args: FormatArgs) -> Outcome {
    let info: Value = client.get("/info").await?;
    show(&info, args.format.as_deref(), || page(&info))?;
    for warning in info.get("Warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        errln!("warning: {warning}");
    }
    Ok(0)
}

fn page(info: &Value) -> String {
    let lines = [
        ("Containers", "Containers"),
        (" Running", "ContainersRunning"),
        (" Paused", "ContainersPaused"),
        (" Stopped", "ContainersStopped"),
        ("Images", "Images"),
        ("Server Version", "ServerVersion"),
        ("Storage Driver", "Driver"),
        ("Logging Driver", "LoggingDriver"),
        ("Operating System", "OperatingSystem"),
        ("Kernel Version", "KernelVersion"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
        ("CPUs", "NCPU"),
        ("Total Memory", "MemTotal"),
        ("Name", "Name"),
        ("ID", "ID"),
        ("Root Dir", "DockerRootDir"),
    ];
    let value = |field: &str| match info.get(field) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Number(n)) if field == "MemTotal" => crate::quantity::size(n.as_u64().unwrap_or_default()),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut page: String = lines.iter().map(|(name, field)| format!("{name}: {}\n", value(field))).collect();
    // Pairs of name and value, as docker has them: Sprat's are its workers.
    for pair in info.get("DriverStatus").and_then(Value::as_array).into_iter().flatten() {
        let part = |index: usize| pair.get(index).and_then(Value::as_str).unwrap_or_default();
        page += &format!(" {}: {}\n", part(0), part(1));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_shows_the_workers_that_the_daemon_names() {
        let page = page(&json!({"Containers": 2, "DriverStatus": [["Worker a", "pid 7, 3 guests"]]}));
        assert!(page.starts_with("Containers: 2\n") && page.ends_with(" Worker a: pid 7, 3 guests\n"), "{page}");
    }
}
