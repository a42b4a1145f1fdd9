//! `sprat pull` and `sprat push`.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use crate::client::{self, Client};
use crate::credentials;
use crate::error::{CliError, Outcome};
use crate::name::split;
use crate::query::{Query, segment};
use crate::render::progress::Transfers;

/// `sprat pull`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat pull registry.example.com/team/app:1")]
pub(crate) struct PullArgs {
    /// All tags of the repository
    #[arg(short, long)]
    pub all_tags: bool,
    /// Only the name at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Platform of an index: wasi/wasm
    #[arg(long)]
    pub platform: Option<String>,
    /// Name
    pub image: String,
}

/// `sprat push`
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// All tags of the repository that are here
    #[arg(short, long)]
    pub all_tags: bool,
    /// Only the name at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Name
    pub image: String,
}

/// `sprat pull`
pub(crate) async fn pull(client: &Client, args: PullArgs) -> Outcome {
    let (name, tag) = split(&args.image);
    if args.all_tags {
        refuse_tag(tag)?;
        let query = Query::new("/images/create").add("fromImage", name).option("platform", args.platform.as_deref());
        transfer(client, query, name, args.quiet).await?;
    } else {
        if tag.is_none() && !args.quiet {
            outln!("Using default tag: latest");
        }
        fetch(client, &args.image, args.platform.as_deref(), args.quiet).await?;
    }
    outln!("{}", args.image);
    Ok(0)
}

fn refuse_tag(tag: Option<&str>) -> Result<(), CliError> {
    match tag {
        None => Ok(()),
        Some(_) => Err(CliError::new("tag can't be used with --all-tags/-a")
            .why("all tags of the repository are meant")
            .fix("leave out the tag, or --all-tags")),
    }
}

/// Pulls one image with progress on standard error.
pub(super) async fn fetch(client: &Client, image: &str, platform: Option<&str>, quiet: bool) -> Result<(), CliError> {
    let (name, tag) = split(image);
    let query = Query::new("/images/create")
        .add("fromImage", name)
        .add("tag", tag.unwrap_or("latest"))
        .option("platform", platform);
    transfer(client, query, name, quiet).await
}

/// `sprat push`
pub(crate) async fn push(client: &Client, args: PushArgs) -> Outcome {
    let (name, tag) = split(&args.image);
    let tags = if args.all_tags {
        refuse_tag(tag)?;
        local_tags(client, name).await?
    } else {
        vec![tag.unwrap_or("latest").to_owned()]
    };
    for tag in &tags {
        let query = Query::new(format!("/images/{}/push", segment(name))).add("tag", tag);
        transfer(client, query, name, args.quiet).await?;
    }
    outln!("{}", args.image);
    Ok(0)
}

/// The tags of a repository that are here.
async fn local_tags(client: &Client, repository: &str) -> Result<Vec<String>, CliError> {
    let list: Vec<Value> = client.get("/images/json").await?;
    let names = list.iter().filter_map(|image| image.get("RepoTags").and_then(Value::as_array)).flatten();
    let pairs = names.filter_map(Value::as_str).map(split);
    let tags: Vec<_> =
        pairs.filter(|(name, _)| *name == repository).filter_map(|(_, tag)| tag.map(str::to_owned)).collect();
    if tags.is_empty() {
        return Err(CliError::new(format!("An image does not exist locally with the tag: {repository}"))
            .fix("see `sprat images` for what is here; `sprat tag IMAGE NAME` gives an image a name"));
    }
    Ok(tags)
}

/// Sends a request about an image with its registry's credentials, and shows the progress.
async fn transfer(client: &Client, query: Query, image: &str, quiet: bool) -> Result<(), CliError> {
    let registry = credentials::registry_of(image);
    let auth = credentials::header(&registry)?;
    let headers = [("X-Registry-Auth", auth.as_str()), ("Content-Length", "0")];
    let transferred = async {
        let response = client.send(Method::POST, &query.path(), &headers, client::empty()).await?;
        let mut transfers = Transfers::start(quiet);
        client.lines(response, |message| transfers.message(&message)).await
    };
    transferred.await.map_err(|error| advise(error, &registry))
}

/// Who may pull or push is a matter of the registry, which only we name.
fn advise(error: CliError, registry: &str) -> CliError {
    if error.what.contains("refused access") { error.fix(format!("log in: sprat login {registry}")) } else { error }
}
