//! `sprat build`, and the build that `run` does of a path.

use clap::Args;
use std::collections::BTreeMap;
use std::path::Path;

use hyper::Method;
use serde_json::json;

use crate::client::{self, Client};
use crate::credentials;
use crate::error::{CliError, Outcome};
use crate::pairs::pairs;
use crate::query::Query;
use crate::render::build::BuildLog;
use crate::render::progress::Activity;
use crate::source::{Context, Source};

/// `sprat build`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat build -t app .                 compile the folder's program and build its image
  sprat build -t app:1 --build-arg MODE=fast .
  sprat build -t tool tool.wasm        an image of one program
  sprat build -t app - < context.tar   a context (or a Dockerfile alone) from standard input
  sprat build -t app -f - . < Dockerfile")]
pub(crate) struct BuildArgs {
    /// Name of the image
    #[arg(short, long, value_name = "NAME[:TAG]")]
    pub tag: Vec<String>,
    /// Path of the Dockerfile (default PATH/Dockerfile), or - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<std::path::PathBuf>,
    /// Set a build argument
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Stage to end with
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Don't use the layer cache
    #[arg(long)]
    pub no_cache: bool,
    /// Always ask the registry for base images
    #[arg(long)]
    pub pull: bool,
    /// Platform of the image: wasi/wasm
    #[arg(long)]
    pub platform: Option<String>,
    /// Write the image's id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<std::path::PathBuf>,
    /// Docker's word for what is always done: intermediate containers go
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub rm: Option<bool>,
    /// The same
    #[arg(long, hide = true)]
    pub force_rm: bool,
    /// Only print the image's id
    #[arg(short, long)]
    pub quiet: bool,
    /// Folder, .wasm or .wat file, or - for standard input: a tar (also of gzip or zstd), or a Dockerfile
    pub path: std::path::PathBuf,
}

/// `sprat build`
pub(crate) async fn run(client: &Client, args: BuildArgs) -> Outcome {
    let id = image(client, &args, !args.quiet).await?;
    if let Some(file) = &args.iidfile {
        std::fs::write(file, &id).map_err(|e| {
            CliError::new(format!("cannot write the image's id to {}", file.display()))
                .why(e)
                .fix(format!("name another --iidfile; the image is there: {id}"))
        })?;
    }
    if args.quiet {
        outln!("{id}");
    }
    Ok(0)
}

/// Builds, and gives the image's id. `verbose` shows all lines; else they are shown if the build fails.
pub(super) async fn image(client: &Client, args: &BuildArgs, verbose: bool) -> Result<String, CliError> {
    let activity = Activity::start(args.quiet);
    let context = context(args, &activity)?;
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
        .option("platform", args.platform.as_deref())
        .add("rm", "1")
        .add("version", "1");
    for tag in &args.tag {
        query = query.add("t", tag);
    }
    activity.stop();
    send(client, &query.path(), context, &activity, verbose).await
}

/// What is built: standard input, or what the path names.
fn context(args: &BuildArgs, activity: &Activity) -> Result<Context, CliError> {
    let dash = Path::new("-");
    let dockerfile_in = args.file.as_deref() == Some(dash);
    if args.path == dash {
        if dockerfile_in {
            return Err(CliError::new("invalid argument: can't use stdin for both build context and dockerfile")
                .why("standard input can be read once")
                .fix("name a folder as PATH, or a Dockerfile of the context with --file"));
        }
        return Context::from_input(args.file.as_deref());
    }
    let source = if args.path.is_dir() { Source::Folder(args.path.clone()) } else { file(&args.path)? };
    if !dockerfile_in {
        return source.prepare(args.file.as_deref(), activity);
    }
    let dockerfile = crate::source::dockerfile_from_input()?;
    source.prepare(Some(dockerfile.path()), activity)
}

/// Builds a source for `run`, with progress but no log, and gives the image's name.
pub(super) async fn quietly(client: &Client, source: &Source) -> Result<String, CliError> {
    let activity = Activity::start(false);
    let context = source.prepare(None, &activity)?;
    let tag = context.name.clone();
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

fn file(path: &Path) -> Result<Source, CliError> {
    let known = path.extension().is_some_and(|e| e == "wasm" || e == "wat");
    if path.is_file() && known {
        return Ok(Source::Program(path.into()));
    }
    let why = if path.exists() { "it is no folder and no .wasm or .wat file" } else { "no such file or folder" };
    Err(CliError::new(format!("cannot build {}", path.display())).why(why).fix("name a folder, a .wasm or a .wat file"))
}
