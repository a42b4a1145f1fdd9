//! `GET /containers/NAME/stats`: samples of what a container uses.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use sprat_docker_api::{CpuStats, CpuUsage, InterfaceStats, MemoryStats, PidsStats, Stats, ZERO_TIME};
use sprat_engine::{Container, Status, Usage};

use crate::docker::params::Params;
use crate::docker::{ApiError, Door, lines};

/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(1);

/// The name under which a container's network is counted, whatever networks it is on.
const INTERFACE: &str = "eth0";

/// Docker's lists of what block devices did.
const BLOCK_COUNTERS: [&str; 8] = [
    "io_service_bytes_recursive",
    "io_serviced_recursive",
    "io_queue_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "io_time_recursive",
    "sectors_recursive",
];

pub(super) async fn stats(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let container = door.engine.inspect(&name)?;
    let stream = params.get("stream").is_none() || params.flag("stream");
    let mut sampler = Sampler { door, id: container.id.to_string(), before: None };
    if !stream {
        let mut sample = sampler.next().await?;
        if !params.flag("one-shot") && is_running(&container) {
            tokio::time::sleep(INTERVAL).await;
            sample = sampler.next().await?;
        }
        return Ok(lines::json_stream(futures_util::stream::iter([Ok::<_, Infallible>(line(&sample))])));
    }
    let first = sampler.next().await?;
    let rest = futures_util::stream::unfold((Some(first), sampler), |(sample, mut sampler)| async move {
        let sample = match sample {
            Some(first) => first,
            None => {
                tokio::time::sleep(INTERVAL).await;
                // The stream ends with the container's removal.
                sampler.next().await.ok()?
            }
        };
        Some((Ok::<_, Infallible>(line(&sample)), (None, sampler)))
    });
    Ok(lines::endless(lines::json_stream(rest)))
}

fn is_running(container: &Container) -> bool {
    matches!(container.state.status, Status::Running | Status::Paused)
}

fn line(stats: &Stats) -> Bytes {
    // This type always serialises: string keys and numbers only.
    let mut line = serde_json::to_vec(stats).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

struct Sampler {
    door: Arc<Door>,
    id: String,
    before: Option<(String, CpuStats)>,
}

impl Sampler {
    async fn next(&mut self) -> Result<Stats, ApiError> {
        let container = self.door.engine.inspect(&self.id)?;
        let usage = if is_running(&container) {
            Some((self.door.engine.usage(&self.id).await?, self.door.engine.process_count(&self.id).await?))
        } else {
            None
        };
        let sample = render(&container, usage, self.before.take(), self.door.default_memory);
        self.before = Some((sample.read.clone(), sample.cpu_stats));
        Ok(sample)
    }
}

/// A container that doesn't run uses nothing; docker answers so too.
fn render(
    container: &Container,
    usage: Option<(Usage, u64)>,
    before: Option<(String, CpuStats)>,
    default_memory: u64,
) -> Stats {
    let (preread, precpu_stats) = before.unwrap_or_else(|| (ZERO_TIME.to_owned(), CpuStats::default()));
    let mut stats = Stats {
        name: format!("/{}", container.name),
        id: container.id.to_string(),
        read: ZERO_TIME.to_owned(),
        preread,
        precpu_stats,
        blkio_stats: BLOCK_COUNTERS.iter().map(|name| ((*name).to_owned(), Value::Null)).collect(),
        ..Stats::default()
    };
    let Some((usage, processes)) = usage else { return stats };
    let nanoseconds = usage.cpu_us.saturating_mul(1_000);
    stats.read = Timestamp::now().to_string();
    stats.pids_stats = PidsStats { current: Some(processes) };
    stats.cpu_stats = CpuStats {
        cpu_usage: CpuUsage { total_usage: nanoseconds, usage_in_kernelmode: 0, usage_in_usermode: nanoseconds },
        system_cpu_usage: system_cpu_ns(&fs_err::read_to_string("/proc/stat").unwrap_or_default()),
        online_cpus: std::thread::available_parallelism().ok().and_then(|cpus| u32::try_from(cpus.get()).ok()),
        ..CpuStats::default()
    };
    // A guest on the host's network has no interface of its own, in docker neither.
    if !matches!(container.spec.network.as_str(), "host" | "none") {
        let network = usage.network;
        let interface = InterfaceStats {
            rx_bytes: network.received_bytes,
            rx_packets: network.received_packets,
            tx_bytes: network.sent_bytes,
            tx_packets: network.sent_packets,
            tx_dropped: network.refused,
            ..InterfaceStats::default()
        };
        stats.networks.insert(INTERFACE.to_owned(), interface);
    }
    stats.memory_stats = MemoryStats {
        usage: Some(usage.memory_bytes),
        max_usage: Some(usage.peak_memory_bytes),
        limit: Some(container.spec.memory_bytes.unwrap_or(default_memory)),
        ..MemoryStats::default()
    };
    stats
}

/// CPU time of the whole machine in nanoseconds, from the first line of `/proc/stat` (`cpu  user nice system idle …`,
/// in hundredths of a second).
fn system_cpu_ns(text: &str) -> Option<u64> {
    const NS_PER_TICK: u64 = 10_000_000;
    const FIELDS: usize = 7;

    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(FIELDS);
    let ticks = fields.map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
    ticks.checked_mul(NS_PER_TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_cpu_time_is_read() {
        assert_eq!(system_cpu_ns("cpu  1 2 3 4 0 0 0 9 9\ncpu0 1\n"), Some(100_000_000));
        assert_eq!(system_cpu_ns(""), None);
        assert_eq!(system_cpu_ns("cpu  x"), None);
    }
}
