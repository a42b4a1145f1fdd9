//! `sprat ps` and `sprat images`.

use serde_json::Value;

use crate::args::{ImagesArgs, PsArgs};
use crate::client::Client;
use crate::error::Outcome;
use crate::quantity::size;
use crate::query::Query;
use crate::render::rows::{self, Row, row};
use crate::time::ago;

/// Digits of a short id.
const SHORT: usize = 12;
/// Letters of a shown command.
const COMMAND: usize = 20;

/// `sprat ps`
pub(crate) async fn containers(client: &Client, args: PsArgs) -> Outcome {
    let last = if args.latest { Some(1) } else { args.last };
    let path = Query::new("/containers/json")
        .flag("all", args.all)
        .option("limit", last.map(|n| n.to_string()).as_deref())
        .filters(&args.filter)?
        .path();
    let list: Vec<Value> = client.get(&path).await?;
    let lines: Vec<Row> = list.iter().map(|c| container(c, args.no_trunc)).collect();
    if args.quiet {
        return ids(&lines);
    }
    let columns = [
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
    ];
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

fn container(c: &Value, full: bool) -> Row {
    let text = |name: &str| c.get(name).and_then(Value::as_str).unwrap_or_default();
    let names: Vec<_> =
        c.get("Names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let names: Vec<_> = names.iter().map(|n| n.trim_start_matches('/')).collect();
    let command = if full { text("Command").to_owned() } else { cut(text("Command"), COMMAND) };
    let created = c.get("Created").and_then(Value::as_i64).unwrap_or_default();
    let labels: Vec<_> = c
        .get("Labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    let mounts: Vec<_> = c
        .get("Mounts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|m| m.get("Name").or_else(|| m.get("Source")).and_then(Value::as_str))
        .collect();
    row([
        ("ID", short(text("Id"), full).into()),
        ("Image", text("Image").into()),
        ("Command", format!("\"{command}\"").into()),
        ("CreatedAt", jiff::Timestamp::from_second(created).unwrap_or_default().to_string().into()),
        ("RunningFor", ago(created).into()),
        ("State", text("State").into()),
        ("Status", text("Status").into()),
        ("Ports", ports(c).into()),
        ("Names", names.join(",").into()),
        ("Labels", labels.join(",").into()),
        ("Mounts", mounts.join(",").into()),
        ("Networks", "".into()),
    ])
}

fn ports(c: &Value) -> String {
    let one = |p: &Value| {
        let text = |name: &str| p.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| p.get(name).and_then(Value::as_u64).unwrap_or_default();
        match number("PublicPort") {
            0 => format!("{}/{}", number("PrivatePort"), text("Type")),
            public => format!("{}:{public}->{}/{}", text("IP"), number("PrivatePort"), text("Type")),
        }
    };
    let list: Vec<_> = c.get("Ports").and_then(Value::as_array).into_iter().flatten().map(one).collect();
    list.join(", ")
}

/// `sprat images`
pub(crate) async fn images(client: &Client, args: ImagesArgs) -> Outcome {
    let mut filters = args.filter.clone();
    filters.extend(args.repository.iter().map(|r| format!("reference={r}")));
    let path = Query::new("/images/json").flag("all", args.all).filters(&filters)?.path();
    let list: Vec<Value> = client.get(&path).await?;
    let lines: Vec<Row> = list.iter().flat_map(|i| image(i, args.no_trunc)).collect();
    if args.quiet {
        return ids(&lines);
    }
    let mut columns = vec![("Repository", "REPOSITORY"), ("Tag", "TAG")];
    if args.digests {
        columns.push(("Digest", "DIGEST"));
    }
    columns.extend([("ID", "IMAGE ID"), ("CreatedSince", "CREATED"), ("Size", "SIZE")]);
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

/// One row a name.
fn image(i: &Value, full: bool) -> Vec<Row> {
    let strings = |name: &str| {
        i.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let id = i.get("Id").and_then(Value::as_str).unwrap_or_default();
    let created = i.get("Created").and_then(Value::as_i64).unwrap_or_default();
    let bytes = i.get("Size").and_then(Value::as_u64).unwrap_or_default();
    let digests = strings("RepoDigests");
    let mut names = strings("RepoTags");
    if names.is_empty() {
        names.push("<none>:<none>");
    }
    let digest_of = |repository: &str| {
        let found = digests.iter().find_map(|d| d.strip_prefix(repository)?.strip_prefix('@'));
        found.unwrap_or("<none>").to_owned()
    };
    names
        .into_iter()
        .map(|name| {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "<none>"));
            row([
                ("Repository", repository.into()),
                ("Tag", tag.into()),
                ("Digest", digest_of(repository).into()),
                ("ID", if full { id.into() } else { short(id.trim_start_matches("sha256:"), false).into() }),
                ("CreatedSince", ago(created).into()),
                ("CreatedAt", jiff::Timestamp::from_second(created).unwrap_or_default().to_string().into()),
                ("Size", size(bytes).into()),
            ])
        })
        .collect()
}

fn ids(lines: &[Row]) -> Outcome {
    let mut seen = std::collections::HashSet::new();
    for id in lines.iter().filter_map(|line| line.get("ID").and_then(Value::as_str)).filter(|id| seen.insert(*id)) {
        outln!("{id}");
    }
    Ok(0)
}

/// A shortened id.
pub(super) fn short(id: &str, full: bool) -> String {
    if full { id.to_owned() } else { id.chars().take(SHORT).collect() }
}

/// A text with at most `letters`, cut with an ellipsis.
pub(super) fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters - 1).chain(['…']).collect()
}
