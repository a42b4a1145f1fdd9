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
    // As docker counts: all layers but those that only one image has, and which is used.
    let layers = bytes(answer, "/LayersSize");
    let needed: u64 = list(answer, "Images").iter().filter(used_image).map(own).sum();
    let images = Sum { total: layers, free: layers.saturating_sub(needed) };
    let containers = Sum::of(list(answer, "Containers"), |c| bytes(c, "/SizeRw"), running);
    let volumes = Sum::of(list(answer, "Volumes"), |v| bytes(v, "/UsageData/Size"), used_volume);
    vec![
        line("Images", list(answer, "Images"), images, used_image),
        line("Containers", list(answer, "Containers"), containers, running),
        line("Local Volumes", list(answer, "Volumes"), volumes, used_volume),
        line("Build Cache", list(answer, "BuildCache"), Sum { total: 0, free: 0 }, |_| false),
    ]
}

/// Bytes, and those that a prune would free.
#[derive(Debug, Clone, Copy)]
struct Sum {
    total: u64,
    free: u64,
}

impl Sum {
    fn of(items: &[Value], bytes: impl Fn(&Value) -> u64, used: impl Fn(&&Value) -> bool) -> Self {
        let total = items.iter().map(&bytes).sum();
        Self { total, free: items.iter().filter(|item| !used(item)).map(&bytes).sum() }
    }
}

fn line(name: &str, items: &[Value], sum: Sum, used: impl Fn(&&Value) -> bool) -> Row {
    let Sum { total, free } = sum;
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
    list(answer, "Images").iter().flat_map(|image| images::rows_of(image, false)).collect()
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
                "Images 2 1 1kB 500B (50%)",
                "Containers 2 1 40B 30B (75%)",
                "Local Volumes 1 0 0B 0B",
                "Build Cache 0 0 0B 0B"
            ]
        );
    }
}
