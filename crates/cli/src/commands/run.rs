//! `sprat run` and `sprat create`.

use std::path::Path;

use hyper::StatusCode;
use serde_json::Value;

use super::attach::Session;
use super::{build, transfer};
use crate::args::{ContainerArgs, CreateArgs, RunArgs};
use crate::client::Client;
use crate::config;
use crate::error::{CliError, Outcome};
use crate::query::Query;
use crate::source::Source;

/// Exit status of docker's CLI when the daemon refuses.
const DAEMON: u8 = 125;

/// `sprat run`
pub(crate) async fn run(client: &Client, args: RunArgs) -> Outcome {
    let container = &args.container;
    if !args.detach {
        check_terminal(container)?;
    }
    let id = make(client, container, !args.detach).await?;
    if args.detach {
        begin(client, &id).await?;
        outln!("{id}");
        return Ok(0);
    }
    let session = Session::attach(client, &id, container.interactive, container.tty).await?;
    let condition = if container.rm { "removed" } else { "next-exit" };
    let waiting = client.post_raw(&format!("/containers/{id}/wait?condition={condition}"), None).await?;
    begin(client, &id).await?;
    session.copy(client, &id, waiting).await
}

/// `sprat create`
pub(crate) async fn create(client: &Client, args: CreateArgs) -> Outcome {
    let id = make(client, &args.container, true).await?;
    outln!("{id}");
    Ok(0)
}

/// Starts it. One that can't be started and goes with its end goes now, as with docker.
async fn begin(client: &Client, id: &str) -> Result<(), CliError> {
    client.post_raw(&format!("/containers/{id}/start"), None).await.map(drop).map_err(not_started)
}

/// Docker's exit statuses for a program that is missing (127) or can't be run (126).
fn not_started(mut error: CliError) -> CliError {
    let text = &error.what;
    error.status = if text.contains("executable file not found") || text.contains("no such file or directory") {
        127
    } else if text.contains("exec: ") || text.contains("permission denied") || text.contains("exec format error") {
        126
    } else {
        DAEMON
    };
    error
}

/// Makes the container, and before it the image if its source was named, or it is missing.
async fn make(client: &Client, args: &ContainerArgs, attach: bool) -> Result<String, CliError> {
    let image = match Source::of(&args.image) {
        Some(source) => build::quietly(client, &source).await?,
        None if looks_like_a_path(&args.image) => return Err(no_such_path(&args.image)),
        None => args.image.clone(),
    };
    if args.pull == "always" && image == args.image {
        transfer::fetch(client, &image, None, args.quiet).await?;
    }
    let body = config::body(args, &image, attach)?;
    let path = Query::new("/containers/create").option("name", args.name.as_deref()).path();
    let created = match post(client, &path, &body).await {
        Err(error) if error.what.starts_with("No such image") && args.pull == "missing" => {
            eprintln!("Unable to find image '{image}' locally");
            transfer::fetch(client, &image, None, args.quiet).await.map_err(|e| e.status(DAEMON))?;
            post(client, &path, &body).await
        }
        other => other,
    };
    let created = created.map_err(not_started)?;
    for warning in created.get("Warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("warning: {warning}");
    }
    let id = created.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(file) = &args.cidfile {
        write_id(file, &id)?;
    }
    Ok(id)
}

/// Creates; while a program is compiled for more than half a second, shows it.
async fn post(client: &Client, path: &str, body: &Value) -> Result<Value, CliError> {
    let creating = async {
        let response = client.post_raw(path, Some(body)).await?;
        debug_assert_eq!(response.status(), StatusCode::CREATED);
        client.read(response).await
    };
    tokio::select! {
        created = creating => created,
        never = super::program::show_compilations(client) => match never {},
    }
}

fn looks_like_a_path(text: &str) -> bool {
    text.starts_with(['.', '/', '~']) || text.ends_with(".wasm") || text.ends_with(".wat")
}

fn no_such_path(text: &str) -> CliError {
    let why =
        if Path::new(text).exists() { "it is no folder and no .wasm or .wat file" } else { "no such file or folder" };
    CliError::new(format!("cannot run {text}"))
        .why(why)
        .fix("name an image, a .wasm or .wat file, or a source folder")
        .status(DAEMON)
}

fn check_terminal(args: &ContainerArgs) -> Result<(), CliError> {
    use std::io::IsTerminal as _;
    if args.tty && args.interactive && !std::io::stdin().is_terminal() {
        return Err(
            CliError::new("the input device is not a TTY").fix("leave -t out when input comes from a pipe or file")
        );
    }
    Ok(())
}

fn write_id(file: &Path, id: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let mut created = fs_err::OpenOptions::new().write(true).create_new(true).open(file).map_err(|e| {
        CliError::new(format!("cannot write the container's id to {}", file.display()))
            .why(e)
            .fix("remove the file if its container is gone")
            .status(DAEMON)
    })?;
    created.write_all(id.as_bytes())?;
    Ok(())
}
