//! `sprat system df`: what takes room on the disk.

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::quantity::size;
use crate::render::rows::{self, Row, row};

use super::{images, ps, volume};

/// `sprat system df`
#[derive(Debug, Args)]
pub(crate) struct DfArgs {
    /// Each image, container and volume
    #[arg(short, long)]
    pub verbose: bool,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat system df`
pub(crate) async fn run(client: &Client, args: DfArgs) -> Outcome {
    let answer: Value = client.get("/system/df").await?;
    match (args.verbose, args.format.as_deref()) {
        (false, format) => rows::print(&summary(&answer), &COLUMNS, format)?,
        (true, None) => verbose(&answer)?,
        // As docker has it: one object with all lists.
        (true, Some(format)) => {
            let template = if format == "json" { "{{json .}}" } else { format };
            outln!("{}", crate::render::template::render(template, &Value::Object(details(&answer)))?);
        }
    }
    Ok(0)
}

const COLUMNS: [(&str, &str); 5] =
    [("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"), ("Reclaimable", "RECLAIMABLE")];

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A number of bytes; docker's -1 is "not known".
fn bytes(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn summary(answer: &Value) -> Vec<Row> {
    let running =
        |c: &&Value| matches!(c.get("State").and_then(Value::as_str), Some("running" | "paused" | "restarting"));
    let used_image = |i: &&Value| i.get("Containers").and_then(Value::as_i64).unwrap_or_default() > 0;
    let used_volume = |v: &&Value| bytes(v, "/UsageData/RefCount") > 0;
    let own = |i: &Value| bytes(i, "/Size").saturating_sub(bytes(i, "/SharedSize"));
    vec![
        kind("Images", list(answer, "Images"), Some(bytes(answer, "/LayersSize")), own, used_image),
        kind("Containers", list(answer, "Containers"), None, |c| bytes(c, "/SizeRw"), running),
        kind("Local Volumes", list(answer, "Volumes"), None, |v| bytes(v, "/UsageData/Size"), used_volume),
        kind("Build Cache", list(answer, "BuildCache"), None, |b| bytes(b, "/Size"), |_| false),
    ]
}

/// One line: how many there are and are used, their bytes (the sum, if they are not known as a whole), and how many of
/// these would come free.
fn kind(
    name: &str,
    items: &[Value],
    whole: Option<u64>,
    bytes: impl Fn(&Value) -> u64,
    used: impl Fn(&&Value) -> bool,
) -> Row {
    let total = whole.unwrap_or_else(|| items.iter().map(&bytes).sum());
    let free: u64 = items.iter().filter(|item| !used(item)).map(&bytes).sum();
    let free = free.min(total);
    let percent = free.checked_mul(100).and_then(|part| part.checked_div(total));
    let reclaimable = match percent {
        Some(percent) => format!("{} ({percent}%)", size(free)),
        None => size(free),
    };
    row([
        ("Type", name.into()),
        ("TotalCount", items.len().to_string().into()),
        ("Active", items.iter().filter(|item| used(item)).count().to_string().into()),
        ("Size", size(total).into()),
        ("Reclaimable", reclaimable.into()),
    ])
}

fn details(answer: &Value) -> Row {
    let all = |rows: Vec<Row>| Value::Array(rows.into_iter().map(Value::Object).collect());
    row([
        ("Images", all(image_rows(answer))),
        ("Containers", all(container_rows(answer))),
        ("Volumes", all(list(answer, "Volumes").iter().map(volume::row_of).collect())),
        ("BuildCache", Value::Array(list(answer, "BuildCache").to_vec())),
    ])
}

fn image_rows(answer: &Value) -> Vec<Row> {
    let sized = |image: &Value| {
        let shared = bytes(image, "/SharedSize");
        let unique = bytes(image, "/Size").saturating_sub(shared);
        let users = image.get("Containers").and_then(Value::as_i64).unwrap_or_default();
        let mut lines = images::rows_of(image, false);
        for line in &mut lines {
            line.extend(row([
                ("SharedSize", size(shared).into()),
                ("UniqueSize", size(unique).into()),
                ("Containers", users.to_string().into()),
            ]));
        }
        lines
    };
    list(answer, "Images").iter().flat_map(sized).collect()
}

fn container_rows(answer: &Value) -> Vec<Row> {
    let sized = |container: &Value| {
        let mut line = ps::row_of(container, false);
        line.insert("Size".into(), size(bytes(container, "/SizeRw")).into());
        line
    };
    list(answer, "Containers").iter().map(sized).collect()
}

fn verbose(answer: &Value) -> Result<(), CliError> {
    outln!("Images space usage:\n");
    let columns = [
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ];
    rows::print(&image_rows(answer), &columns, None)?;
    outln!("\nContainers space usage:\n");
    let columns = [
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Size", "SIZE"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Names", "NAMES"),
    ];
    rows::print(&container_rows(answer), &columns, None)?;
    outln!("\nLocal Volumes space usage:\n");
    let columns = [("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE")];
    let volumes: Vec<_> = list(answer, "Volumes").iter().map(volume::row_of).collect();
    rows::print(&volumes, &columns, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_nobody_uses_is_reclaimable() {
        let answer = json!({
            "LayersSize": 1000,
            "Images": [{"Size": 600, "SharedSize": 100, "Containers": 1}, {"Size": 500, "SharedSize": 100, "Containers": 0}],
            "Containers": [{"State": "running", "SizeRw": 10}, {"State": "exited", "SizeRw": 30}],
            "Volumes": [{"UsageData": {"Size": -1, "RefCount": 0}}],
            "BuildCache": [],
        });
        let line = |row: &Row| {
            COLUMNS.iter().map(|(name, _)| row[*name].as_str().unwrap_or_default()).collect::<Vec<_>>().join(" ")
        };
        let lines: Vec<_> = summary(&answer).iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "Images 2 1 1kB 400B (40%)",
                "Containers 2 1 40B 30B (75%)",
                "Local Volumes 1 0 0B 0B",
                "Build Cache 0 0 0B 0B"
            ]
        );
    }
}
