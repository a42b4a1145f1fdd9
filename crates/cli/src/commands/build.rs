//! `sprat build`, and the build that `run` does of a path.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::json;

use crate::args::BuildArgs;
use crate::client::{self, Client};
use crate::config::pairs;
use crate::credentials;
use crate::error::{CliError, Outcome};
use crate::query::Query;
use crate::render::build::BuildLog;
use crate::render::progress::Activity;
use crate::source::{Context, Source};

/// `sprat build`
pub(crate) async fn run(client: &Client, args: BuildArgs) -> Outcome {
    let activity = Activity::start(args.quiet);
    let source = if args.path.is_dir() { Source::Folder(args.path.clone()) } else { file(&args.path)? };
    let context = source.prepare(args.file.as_deref(), &activity)?;
    let build_args: BTreeMap<String, Option<String>> = args
        .build_arg
        .iter()
        .map(|arg| match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (arg.clone(), std::env::var(arg).ok()),
        })
        .collect();
    let mut query = Query::new("/build")
        .add("dockerfile", &context.dockerfile)
        .add("buildargs", &json!(build_args).to_string())
        .add("labels", &json!(pairs("--label", &args.label)?).to_string())
        .option("target", args.target.as_deref())
        .flag("nocache", args.no_cache)
        .flag("pull", args.pull)
        .add("rm", "1")
        .add("version", "1");
    for tag in &args.tag {
        query = query.add("t", tag);
    }
    activity.stop();
    let id = send(client, &query.path(), context, &activity, !args.quiet).await?;
    if args.quiet {
        outln!("{id}");
    }
    Ok(0)
}

/// Builds a source for `run`, with progress but no log, and gives the image's name.
pub(super) async fn quietly(client: &Client, source: &Source) -> Result<String, CliError> {
    let activity = Activity::start(false);
    let context = source.prepare(None, &activity)?;
    let tag = source.default_tag()?;
    let path = Query::new("/build").add("dockerfile", &context.dockerfile).add("t", &tag).add("rm", "1").path();
    send(client, &path, context, &activity, false).await?;
    Ok(tag)
}

async fn send(
    client: &Client,
    path: &str,
    context: Context,
    activity: &Activity,
    verbose: bool,
) -> Result<String, CliError> {
    let body = client::file(tokio::fs::File::from_std(context.tar));
    let config = credentials::all()?;
    let headers = [("Content-Type", "application/x-tar"), ("X-Registry-Config", config.as_str())];
    let response = client.send(Method::POST, path, &headers, body).await?;
    let mut log = BuildLog::new(activity, verbose);
    client.lines(response, |message| log.message(&message)).await?;
    log.id.ok_or_else(|| CliError::new("the build ended without an image").fix("look at the daemon's log"))
}

fn file(path: &std::path::Path) -> Result<Source, CliError> {
    let known = path.extension().is_some_and(|e| e == "wasm" || e == "wat");
    if path.is_file() && known {
        return Ok(Source::Program(path.into()));
    }
    let why = if path.exists() { "it is no folder and no .wasm or .wat file" } else { "no such file or folder" };
    Err(CliError::new(format!("cannot build {}", path.display())).why(why).fix("name a folder, a .wasm or a .wat file"))
}
