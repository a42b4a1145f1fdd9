//! `sprat ps`

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::error::Outcome;
use crate::quantity::size;
use crate::query::Query;
use crate::render::rows::{self, Row, cut, row, short};
use crate::render::template::LABELS;
use crate::time::{ago, stamp};

/// Letters of a shown command.
const COMMAND: usize = 20;

/// `sprat ps`
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Those that don't run too
    #[arg(short, long)]
    pub all: bool,
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Bytes that each container wrote, and of all its files
    #[arg(short, long)]
    pub size: bool,
    /// Full ids and commands
    #[arg(long)]
    pub no_trunc: bool,
    /// Only the newest so many
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub last: Option<usize>,
    /// Only the newest
    #[arg(short, long)]
    pub latest: bool,
    /// Filter: status=running, name=…, label=…, ancestor=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat ps`
pub(crate) async fn run(client: &Client, args: PsArgs) -> Outcome {
    let last = if args.latest { Some(1) } else { args.last };
    // A template asks for sizes by naming them, as with docker.
    let sized = args.size || args.format.as_deref().is_some_and(|format| format.contains(".Size"));
    let path = Query::new("/containers/json")
        .flag("all", args.all)
        .flag("size", sized)
        .option("limit", last.map(|n| n.to_string()).as_deref())
        .filters(&args.filter)?
        .path();
    let list: Vec<Value> = client.get(&path).await?;
    let lines: Vec<Row> = list.iter().map(|c| row_of(c, args.no_trunc)).collect();
    if args.quiet {
        return rows::ids(&lines);
    }
    let mut columns = vec![
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
    ];
    if args.size {
        columns.push(("Size", "SIZE"));
    }
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

/// A container as a row.
pub(super) fn row_of(c: &Value, full: bool) -> Row {
    let text = |name: &str| c.get(name).and_then(Value::as_str).unwrap_or_default();
    let listed = |name: &str| c.get(name).and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = listed("Names").filter_map(Value::as_str).map(|n| n.trim_start_matches('/')).collect();
    let command = if full { text("Command").to_owned() } else { cut(text("Command"), COMMAND) };
    let created = c.get("Created").and_then(Value::as_i64).unwrap_or_default();
    let labels: Vec<_> = c
        .get("Labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    let mounts: Vec<_> =
        listed("Mounts").filter_map(|m| m.get("Name").or_else(|| m.get("Source")).and_then(Value::as_str)).collect();
    let volumes = listed("Mounts").filter(|m| m.get("Type").and_then(Value::as_str) == Some("volume")).count();
    let networks = c.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let networks: Vec<_> = networks.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    row([
        ("ID", short(text("Id"), full).into()),
        ("Image", text("Image").into()),
        ("Command", format!("\"{command}\"").into()),
        ("CreatedAt", stamp(created).into()),
        ("RunningFor", ago(created).into()),
        ("State", text("State").into()),
        ("Status", text("Status").into()),
        ("Ports", ports(c).into()),
        ("Names", names.join(",").into()),
        ("Labels", labels.join(",").into()),
        (LABELS, c.get("Labels").cloned().unwrap_or_default()),
        ("Mounts", mounts.join(",").into()),
        ("Networks", networks.join(",").into()),
        ("LocalVolumes", volumes.to_string().into()),
        ("Size", sizes(c).into()),
    ])
}

/// `12B (virtual 1.2MB)`: what it wrote, and all its files; empty if nobody asked.
fn sizes(c: &Value) -> String {
    let bytes = |name: &str| c.get(name).and_then(Value::as_u64);
    match (bytes("SizeRw"), bytes("SizeRootFs")) {
        (Some(written), Some(all)) => format!("{} (virtual {})", size(written), size(all)),
        (written, all) => written.or(all).map(size).unwrap_or_default(),
    }
}

/// Ports as docker shows them: those side by side as one range.
fn ports(c: &Value) -> String {
    let mut runs: Vec<PortRun> = Vec::new();
    let mut list: Vec<PortRun> =
        c.get("Ports").and_then(Value::as_array).into_iter().flatten().map(PortRun::of).collect();
    list.sort();
    for port in list {
        match runs.last_mut() {
            Some(last) if last.is_followed_by(&port) => last.last = port.first,
            _ => runs.push(port),
        }
    }
    // Published ports come first in docker's list as well: those without an address sort before them.
    runs.sort_by_key(|run| run.public.is_none());
    runs.iter().map(PortRun::show).collect::<Vec<_>>().join(", ")
}

/// Ports side by side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PortRun {
    ip: String,
    kind: String,
    first: u64,
    last: u64,
    public: Option<u64>,
}

impl PortRun {
    fn of(p: &Value) -> Self {
        let text = |name: &str| p.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| p.get(name).and_then(Value::as_u64);
        let private = number("PrivatePort").unwrap_or_default();
        let public = number("PublicPort").filter(|port| *port != 0);
        Self { ip: text("IP"), kind: text("Type"), first: private, last: private, public }
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        self.ip == next.ip
            && self.kind == next.kind
            && self.last + 1 == next.first
            && self.public.map(|port| port + (next.first - self.first)) == next.public
    }

    fn show(&self) -> String {
        let range = |first: u64| {
            if self.first == self.last {
                first.to_string()
            } else {
                format!("{first}-{}", first + self.last - self.first)
            }
        };
        let inside = format!("{}/{}", range(self.first), self.kind);
        let Some(public) = self.public else { return inside };
        let ip = if self.ip.contains(':') { format!("[{}]", self.ip) } else { self.ip.clone() };
        format!("{ip}:{}->{inside}", range(public))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_side_by_side_are_one_range() {
        let port = |ip: &str, private: u16, public: u16| json!({"IP": ip, "PrivatePort": private, "PublicPort": public, "Type": "tcp"});
        let list = json!({"Ports": [
            port("0.0.0.0", 81, 8001), port("0.0.0.0", 80, 8000), port("::", 80, 8000), port("::", 81, 8001),
            port("0.0.0.0", 90, 9005), {"PrivatePort": 7, "Type": "udp"},
        ]});
        assert_eq!(
            ports(&list),
            "0.0.0.0:8000-8001->80-81/tcp, 0.0.0.0:9005->90/tcp, [::]:8000-8001->80-81/tcp, 7/udp"
        );
    }
}
