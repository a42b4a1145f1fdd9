//! `sprat images`

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::error::Outcome;
use crate::quantity::size;
use crate::query::Query;
use crate::render::rows::{self, Row, row, short};
use crate::time::{ago, stamp};

/// `sprat images`
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Full ids
    #[arg(long)]
    pub no_trunc: bool,
    /// Show digests
    #[arg(long)]
    pub digests: bool,
    /// All images
    #[arg(short, long)]
    pub all: bool,
    /// Filter: dangling=true, label=…, reference=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Only this repository
    pub repository: Option<String>,
}

/// `sprat images`
pub(crate) async fn run(client: &Client, args: ImagesArgs) -> Outcome {
    let mut filters = args.filter.clone();
    filters.extend(args.repository.iter().map(|r| format!("reference={r}")));
    // What only templates and JSON show.
    let sizes = args.format.is_some();
    let path = Query::new("/images/json").flag("all", args.all).flag("shared-size", sizes).filters(&filters)?.path();
    let list: Vec<Value> = client.get(&path).await?;
    let lines: Vec<Row> = list.iter().flat_map(|i| rows_of(i, args.no_trunc)).collect();
    if args.quiet {
        return rows::ids(&lines);
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
pub(super) fn rows_of(i: &Value, full: bool) -> Vec<Row> {
    let strings = |name: &str| {
        i.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let id = i.get("Id").and_then(Value::as_str).unwrap_or_default();
    let created = i.get("Created").and_then(Value::as_i64).unwrap_or_default();
    let bytes = i.get("Size").and_then(Value::as_u64).unwrap_or_default();
    // Docker's -1 is "not counted".
    let counted = |name: &str| i.get(name).and_then(Value::as_u64);
    let known = |bytes: Option<u64>| bytes.map_or_else(|| "N/A".to_owned(), size);
    let shared = counted("SharedSize");
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
                ("CreatedAt", stamp(created).into()),
                ("Size", size(bytes).into()),
                ("VirtualSize", size(bytes).into()),
                ("SharedSize", known(shared).into()),
                ("UniqueSize", known(shared.map(|shared| bytes.saturating_sub(shared))).into()),
                ("Containers", counted("Containers").map_or_else(|| "N/A".to_owned(), |n| n.to_string()).into()),
            ])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_and_containers_are_those_of_docker() {
        let image = json!({"Id": "sha256:ab", "Size": 1000, "SharedSize": 400, "Containers": 2});
        let shown = |image: &Value| {
            let row = &rows_of(image, false)[0];
            ["Size", "VirtualSize", "SharedSize", "UniqueSize", "Containers"].map(|name| row[name].clone())
        };
        assert_eq!(shown(&image), ["1kB", "1kB", "400B", "600B", "2"]);
        let image = json!({"Id": "sha256:ab", "Size": 1000, "SharedSize": -1, "Containers": -1});
        assert_eq!(shown(&image), ["1kB", "1kB", "N/A", "N/A", "N/A"]);
    }
}
