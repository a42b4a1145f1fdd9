//! `sprat stats`: what containers use, once or as it changes.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use serde_json::Value;
use sprat_docker_api::Stats;

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::quantity::size;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row, row, short};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// `sprat stats`
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Those that don't run too
    #[arg(short, long)]
    pub all: bool,
    /// Look once
    #[arg(long)]
    pub no_stream: bool,
    /// Full ids
    #[arg(long)]
    pub no_trunc: bool,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Names or ids; all that run without any
    pub containers: Vec<String>,
}

/// `sprat stats`
pub(crate) async fn run(client: &Client, args: StatsArgs) -> Outcome {
    loop {
        let names = if args.containers.is_empty() { running(client, args.all).await? } else { args.containers.clone() };
        // Each sample is two of the daemon's, a second apart: all at once.
        let samples = join_all(names.iter().map(|name| sample(client, name))).await;
        let mut lines: Vec<Row> = Vec::new();
        for (sample, name) in samples.into_iter().zip(&names) {
            match sample {
                Ok(stats) => lines.push(line(&stats, name, args.no_trunc)),
                // It was removed meanwhile, unless it was asked for.
                Err(error) if args.containers.is_empty() && error.missing => {}
                Err(error) => return Err(error),
            }
        }
        if !args.no_stream && std::io::stdout().is_terminal() {
            out!("{CLEAR}");
        }
        let columns = [
            ("ID", "CONTAINER ID"),
            ("Name", "NAME"),
            ("CPUPerc", "CPU %"),
            ("MemUsage", "MEM USAGE / LIMIT"),
            ("MemPerc", "MEM %"),
            ("NetIO", "NET I/O"),
            ("BlockIO", "BLOCK I/O"),
            ("PIDs", "PIDS"),
        ];
        rows::print(&lines, &columns, args.format.as_deref())?;
        if args.no_stream {
            return Ok(0);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn running(client: &Client, all: bool) -> Result<Vec<String>, CliError> {
    let list: Vec<Value> = client.get(&Query::new("/containers/json").flag("all", all).path()).await?;
    Ok(list.iter().filter_map(|container| container.get("Id")?.as_str()).map(str::to_owned).collect())
}

async fn sample(client: &Client, name: &str) -> Result<Stats, CliError> {
    client.get(&format!("/containers/{}/stats?stream=false", segment(name))).await
}

fn line(stats: &Stats, container: &str, full: bool) -> Row {
    let memory = stats.memory_stats.usage.unwrap_or_default();
    let limit = stats.memory_stats.limit.unwrap_or_default();
    let share = if limit == 0 { 0.0 } else { memory as f64 * 100.0 / limit as f64 };
    row([
        ("ID", short(&stats.id, full).into()),
        ("Container", container.into()),
        ("Name", stats.name.trim_start_matches('/').into()),
        ("CPUPerc", format!("{:.2}%", cpu(stats)).into()),
        ("MemUsage", format!("{} / {}", size(memory), size(limit)).into()),
        ("MemPerc", format!("{share:.2}%").into()),
        ("NetIO", "0B / 0B".into()),
        ("BlockIO", "0B / 0B".into()),
        ("PIDs", stats.pids_stats.current.unwrap_or_default().into()),
    ])
}

/// Percents of one CPU between the two samples, as docker's clients compute it.
fn cpu(stats: &Stats) -> f64 {
    let used = |of: &sprat_docker_api::CpuStats| of.cpu_usage.total_usage;
    let own = used(&stats.cpu_stats).saturating_sub(used(&stats.precpu_stats)) as f64;
    let system = |of: &sprat_docker_api::CpuStats| of.system_cpu_usage.unwrap_or_default();
    let all = system(&stats.cpu_stats).saturating_sub(system(&stats.precpu_stats)) as f64;
    if all <= 0.0 { 0.0 } else { own / all * f64::from(stats.cpu_stats.online_cpus.unwrap_or(1)) * 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_between_the_two_samples() {
        let mut stats = Stats { name: "/bass".to_owned(), id: "abc".repeat(10), ..Stats::default() };
        stats.cpu_stats.cpu_usage.total_usage = 500;
        stats.cpu_stats.system_cpu_usage = Some(2_000);
        stats.cpu_stats.online_cpus = Some(2);
        stats.precpu_stats.system_cpu_usage = Some(1_000);
        stats.memory_stats.usage = Some(1 << 20);
        stats.memory_stats.limit = Some(4 << 20);
        let line = line(&stats, "bass", false);
        let cell = |name: &str| line[name].as_str().unwrap().to_owned();
        assert_eq!(
            (cell("CPUPerc"), cell("MemPerc"), cell("Name"), cell("ID").len()),
            ("100.00%".into(), "25.00%".into(), "bass".into(), 12)
        );
    }
}
