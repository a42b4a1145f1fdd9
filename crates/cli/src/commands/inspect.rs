//! `sprat inspect` and its kin.

use serde_json::Value;

use crate::args::InspectArgs;
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::segment;
use crate::render::template;

/// `sprat inspect`: whatever has the name.
pub(crate) async fn any(client: &Client, args: InspectArgs) -> Outcome {
    match args.kind.clone() {
        Some(kind) => self::kind(client, args, &kind).await,
        None => show(client, args, &["container", "image", "volume"], "object").await,
    }
}

/// `sprat container inspect` and so on.
pub(crate) async fn kind(client: &Client, args: InspectArgs, kind: &str) -> Outcome {
    if !["container", "image", "volume"].contains(&kind) {
        return Err(
            CliError::new(format!("{kind:?} is not a valid value for --type")).fix("container, image or volume")
        );
    }
    show(client, args, &[kind], kind).await
}

async fn show(client: &Client, args: InspectArgs, kinds: &[&str], word: &str) -> Outcome {
    let mut found = Vec::new();
    let mut status = 0;
    for name in &args.names {
        match find(client, name, kinds).await? {
            Some(value) => found.push(value),
            None => {
                CliError::new(format!("No such {word}: {name}")).print();
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

async fn find(client: &Client, name: &str, kinds: &[&str]) -> Result<Option<Value>, CliError> {
    let name = segment(name);
    for kind in kinds {
        let path = match *kind {
            "container" => format!("/containers/{name}/json"),
            "image" => format!("/images/{name}/json"),
            _ => format!("/volumes/{name}"),
        };
        match client.get::<Value>(&path).await {
            Ok(value) => return Ok(Some(value)),
            Err(e) if e.status == 125 => return Err(e),
            Err(_) => {}
        }
    }
    Ok(None)
}
