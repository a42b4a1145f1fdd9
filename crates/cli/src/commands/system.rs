//! `sprat version` and `sprat info`.

use serde_json::{Value, json};

use crate::args::FormatArgs;
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::render::template;

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
        eprintln!("warning: {warning}");
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
    lines.iter().map(|(name, field)| format!("{name}: {}\n", value(field))).collect()
}
