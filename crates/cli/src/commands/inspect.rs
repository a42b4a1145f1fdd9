//! `sprat inspect` and its kin.

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::render::template;

/// `sprat inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// json or a Go template
    #[arg(short, long)]
    pub format: Option<String>,
    /// Bytes that a container wrote, and of all its files
    #[arg(short, long)]
    pub size: bool,
    /// container, image, network or volume
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Names or ids
    #[arg(required = true)]
    pub names: Vec<String>,
}

/// `sprat inspect`: whatever has the name.
pub(crate) async fn any(client: &Client, args: InspectArgs) -> Outcome {
    match args.kind.clone() {
        Some(kind) => self::kind(client, args, &kind).await,
        None => show(client, args, &["container", "image", "network", "volume"], "object").await,
    }
}

/// `sprat container inspect` and so on.
pub(crate) async fn kind(client: &Client, args: InspectArgs, kind: &str) -> Outcome {
    if !["container", "image", "network", "volume"].contains(&kind) {
        return Err(CliError::new(format!("{kind:?} is not a valid value for --type"))
            .fix("name container, image, network or volume"));
    }
    show(client, args, &[kind], kind).await
}

async fn show(client: &Client, args: InspectArgs, kinds: &[&str], word: &str) -> Outcome {
    let mut found = Vec::new();
    let mut status = 0;
    for name in &args.names {
        match find(client, name, kinds, args.size).await? {
            Some(value) => found.push(value),
            None => {
                CliError::new(format!("No such {word}: {name}")).fix(format!("see {}", where_to_look(kinds))).print();
                status = 1;
            }
        }
    }
    match args.format.as_deref() {
        None => outln!("{}", serde_json::to_string_pretty(&found)?),
        Some("json") => outln!("{}", serde_json::to_string(&found)?),
        Some(format) => {
            for value in &found {
                outln!("{}", template::render(format, value)?);
            }
        }
    }
    Ok(status)
}

fn where_to_look(kinds: &[&str]) -> &'static str {
    match kinds {
        ["container"] => "`sprat ps -a`",
        ["image"] => "`sprat images`",
        ["network"] => "`sprat network ls`",
        ["volume"] => "`sprat volume ls`",
        _ => "`sprat ps -a`, `sprat images`, `sprat network ls` and `sprat volume ls`",
    }
}

async fn find(client: &Client, name: &str, kinds: &[&str], size: bool) -> Result<Option<Value>, CliError> {
    let name = segment(name);
    for kind in kinds {
        let path = match *kind {
            "container" => Query::new(format!("/containers/{name}/json")).flag("size", size).path(),
            "image" => format!("/images/{name}/json"),
            "network" => format!("/networks/{name}"),
            _ => format!("/volumes/{name}"),
        };
        match client.get::<Value>(&path).await {
            Ok(value) => return Ok(Some(value)),
            Err(e) if e.missing => {}
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}
