//! `sprat run` and `sprat create`.

mod body;
mod flags;
mod foreign;
mod health;
mod mount;
pub(super) mod network;
mod publish;
mod service;

use std::path::Path;

use clap::Args;
use hyper::StatusCode;
use serde_json::Value;

use self::flags::ContainerArgs;
use super::attach::{Session, SessionArgs};
use super::{build, registry};
use crate::client::{Attached, Client};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::source::{Source, meant_as_path};

/// Exit status of docker's CLI when there is no container to take one from.
const DAEMON: u8 = 125;

/// The streams of a container in front without standard input.
const OUTPUT: Attached = Attached { stdin: false, stdout: true, stderr: true };

/// `sprat run`
#[derive(Debug, Args)]
#[command(args_override_self = true, disable_help_flag = true)]
#[command(after_help = "\
Examples:
  sprat run examples/hello
  sprat run --rm -it -v notes:/notes editor /notes/today.txt
  sprat run -d --restart on-failure:3 --memory 64m worker
  sprat run --isolation process ./kernel.wasm
  sprat run -d --network front -p 8080:80 --egress api.example.com:443 web

The image of a folder is named after the folder (examples/hello: hello:latest), as `sprat build -t` would. The image of a bare
file is named after the file and its content (tool.wasm: tool:1f0a2c…): files of one name don't take it from each other.")]
pub(crate) struct RunArgs {
    /// Run in the background and print the id
    #[arg(short, long)]
    pub detach: bool,
    #[command(flatten)]
    pub session: SessionArgs,
    #[command(flatten)]
    pub container: ContainerArgs,
}

/// `sprat create`
#[derive(Debug, Args)]
#[command(args_override_self = true, disable_help_flag = true)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub container: ContainerArgs,
}

/// `sprat run`: statuses below 125 are the program's.
pub(crate) async fn run(client: &Client, args: RunArgs) -> Outcome {
    let ours = |error: CliError| if error.status == 1 { error.status(DAEMON) } else { error };
    run_program(client, args).await.map_err(ours)
}

async fn run_program(client: &Client, args: RunArgs) -> Outcome {
    let container = &args.container;
    let attached = if args.detach { detached(container)? } else { streams(container) };
    if !args.detach {
        check_terminal(container)?;
    }
    let made = make(client, container, attached).await?;
    if args.detach {
        made.start(client).await?;
        outln!("{}", made.id);
        return Ok(0);
    }
    let id = &made.id;
    let session = Session::attach(client, id, attached, container.tty, args.session).await?;
    let condition = if container.rm { "removed" } else { "next-exit" };
    let waiting = client.post_raw(&format!("/containers/{id}/wait?condition={condition}"), None).await?;
    made.start(client).await?;
    if !attached.stdout && !attached.stderr {
        outln!("{id}");
    }
    session.copy(client, id, waiting).await
}

/// `sprat create`
pub(crate) async fn create(client: &Client, args: CreateArgs) -> Outcome {
    let made = make(client, &args.container, streams(&args.container)).await?;
    outln!("{}", made.id);
    Ok(0)
}

/// The streams that are attached: those named, or output, and input with `-i`.
fn streams(args: &ContainerArgs) -> Attached {
    if args.attach.is_empty() {
        return Attached { stdin: args.interactive, ..OUTPUT };
    }
    let named = |name: &str| args.attach.iter().any(|stream| stream.eq_ignore_ascii_case(name));
    Attached { stdin: named("stdin"), stdout: named("stdout"), stderr: named("stderr") }
}

fn detached(args: &ContainerArgs) -> Result<Attached, CliError> {
    if args.attach.is_empty() {
        return Ok(Attached { stdin: false, stdout: false, stderr: false });
    }
    Err(CliError::new("conflicting options: -a and -d")
        .why("a container in the background has nothing attached")
        .fix("leave out one of them")
        .status(DAEMON))
}

/// A container that was made.
#[derive(Debug)]
struct Made {
    id: String,
    /// The image, if it was made for this run from a bare file and the container goes with its end.
    passing: Option<String>,
}

impl Made {
    /// Starts it. One that can't be started stays, as with docker, unless it goes with its end: then the daemon removes
    /// it, and here goes the image that was made for it.
    async fn start(&self, client: &Client) -> Result<(), CliError> {
        let started = client.post_raw(&format!("/containers/{}/start", self.id), None).await.map(drop);
        if let (Err(_), Some(image)) = (&started, &self.passing) {
            // Gone already is as good; and an image that another container uses stays.
            let _ = client.post::<Value>(&format!("/containers/{}/wait?condition=removed", self.id), None).await;
            let _ = client.delete::<Value>(&format!("/images/{}", segment(image))).await;
        }
        started.map_err(not_started)
    }
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
async fn make(client: &Client, args: &ContainerArgs, attached: Attached) -> Result<Made, CliError> {
    let source = Source::of(&args.image);
    let image = match &source {
        Some(source) => build::quietly(client, source).await?,
        None if looks_like_a_path(&args.image) => return Err(no_such_path(&args.image)),
        None => args.image.clone(),
    };
    let fetch = async || registry::fetch(client, &image, args.platform.as_deref(), args.quiet).await;
    if args.pull == "always" && source.is_none() {
        fetch().await?;
    }
    let body = body::body(args, &image, attached)?;
    let path = Query::new("/containers/create")
        .option("name", args.name.as_deref())
        .option("platform", args.platform.as_deref())
        .path();
    let created = match post(client, &path, &body).await {
        Err(error) if error.what.starts_with("No such image") && args.pull == "missing" => {
            errln!("Unable to find image '{image}' locally");
            fetch().await.map_err(|e| no_such_image(e, &image))?;
            post(client, &path, &body).await
        }
        other => other,
    };
    let created = created.map_err(|e| if e.missing { no_such_image(e, &image) } else { not_started(e) })?;
    for warning in created.get("Warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        errln!("warning: {warning}");
    }
    let id = created.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(file) = &args.cidfile {
        write_id(file, &id)?;
    }
    let passing = matches!(source, Some(Source::Program(_))) && args.rm;
    Ok(Made { id, passing: passing.then_some(image) })
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

/// An image that is nowhere may have been meant as a path.
fn no_such_image(error: CliError, image: &str) -> CliError {
    let fix = meant_as_path(image).unwrap_or_else(|| error.fix.clone());
    error.fix(fix).status(DAEMON)
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
