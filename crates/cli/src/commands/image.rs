//! `sprat tag`, `rmi`, `history`, `commit`.

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Outcome;
use crate::name::split;
use crate::quantity::size;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row, cut, row, short};
use crate::time::ago;

/// `sprat tag`
#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// Name or id
    pub source: String,
    /// The new name
    pub target: String,
}

/// `sprat rmi`
#[derive(Debug, Args)]
pub(crate) struct RmiArgs {
    /// Even if a stopped container uses it
    #[arg(short, long)]
    pub force: bool,
    /// Names or ids
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// `sprat history`
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Full text
    #[arg(long)]
    pub no_trunc: bool,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Name or id
    pub image: String,
}

/// `sprat commit`
#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Dockerfile instruction to apply
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Hold the container meanwhile
    #[arg(short, long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", action = clap::ArgAction::Set)]
    pub pause: bool,
    /// Message
    #[arg(short, long)]
    pub message: Option<String>,
    /// Author
    #[arg(short, long)]
    pub author: Option<String>,
    /// Name or id
    pub container: String,
    /// Name of the image
    pub name: Option<String>,
}

/// Letters of a shown step.
const STEP: usize = 45;

/// `sprat tag`
pub(crate) async fn tag(client: &Client, args: TagArgs) -> Outcome {
    let (repository, tag) = split(&args.target);
    let path = Query::new(format!("/images/{}/tag", segment(&args.source)))
        .add("repo", repository)
        .add("tag", tag.unwrap_or("latest"))
        .path();
    client.post::<Value>(&path, None).await?;
    Ok(0)
}

/// `sprat rmi`
pub(crate) async fn remove(client: &Client, args: RmiArgs) -> Outcome {
    let mut status = 0;
    for image in &args.images {
        let path = Query::new(format!("/images/{}", segment(image))).flag("force", args.force).path();
        match client.delete::<Vec<Value>>(&path).await {
            Ok(changes) => print_changes(&changes),
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}

/// `Untagged: …` and `Deleted: …` lines.
pub(super) fn print_changes(changes: &[Value]) {
    for (word, name) in changes.iter().filter_map(Value::as_object).flatten() {
        outln!("{word}: {}", name.as_str().unwrap_or_default());
    }
}

/// `sprat history`
pub(crate) async fn history(client: &Client, args: HistoryArgs) -> Outcome {
    let list: Vec<Value> = client.get(&format!("/images/{}/history", segment(&args.image))).await?;
    let lines: Vec<Row> = list.iter().map(|step| line(step, args.no_trunc)).collect();
    if args.quiet {
        for id in lines.iter().filter_map(|l| l.get("ID").and_then(Value::as_str)) {
            outln!("{id}");
        }
        return Ok(0);
    }
    let columns = [
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ];
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

fn line(step: &Value, full: bool) -> Row {
    let text = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
    let created = step.get("Created").and_then(Value::as_i64).unwrap_or_default();
    let by = if full { text("CreatedBy").to_owned() } else { cut(text("CreatedBy"), STEP) };
    row([
        ("ID", short(text("Id").trim_start_matches("sha256:"), full).into()),
        ("CreatedSince", if created > 0 { ago(created).into() } else { "N/A".into() }),
        ("CreatedAt", jiff::Timestamp::from_second(created).unwrap_or_default().to_string().into()),
        ("CreatedBy", by.into()),
        ("Size", size(step.get("Size").and_then(Value::as_u64).unwrap_or_default()).into()),
        ("Comment", text("Comment").into()),
    ])
}

/// `sprat commit`
pub(crate) async fn commit(client: &Client, args: CommitArgs) -> Outcome {
    let (repository, tag) = args.name.as_deref().map(split).unzip();
    let tag = tag.map(|tag| tag.unwrap_or("latest"));
    let mut query = Query::new("/commit")
        .add("container", &args.container)
        .option("repo", repository)
        .option("tag", tag)
        .option("comment", args.message.as_deref())
        .option("author", args.author.as_deref())
        .add("pause", if args.pause { "1" } else { "0" });
    for change in &args.change {
        query = query.add("changes", change);
    }
    let answer: Value = client.post(&query.path(), Some(&json!({}))).await?;
    outln!("{}", answer.get("Id").and_then(Value::as_str).unwrap_or_default());
    Ok(0)
}
