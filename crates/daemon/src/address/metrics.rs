//! Gauges of the installation in Prometheus' text format (version 0.0.4).

use std::fmt::Write as _;

use sprat_engine::Info;

/// The content type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders what the engine tells, and the daemon's own memory.
pub(crate) fn render(info: &Info) -> String {
    let mut text = String::new();
    gauge(&mut text, "sprat_build_info", "The daemon's version.", &[(label("version", env!("CARGO_PKG_VERSION")), 1)]);
    let states = [("running", info.running), ("paused", info.paused), ("stopped", info.stopped)];
    let states: Vec<_> = states.iter().map(|(state, count)| (label("state", state), *count as u64)).collect();
    gauge(&mut text, "sprat_containers", "Containers by state.", &states);
    gauge(&mut text, "sprat_images", "Images in the store.", &[(String::new(), info.images as u64)]);
    gauge(&mut text, "sprat_workers", "Worker processes.", &[(String::new(), info.workers.len() as u64)]);
    let guests: Vec<_> = info.workers.iter().map(|(name, _, guests)| (label("worker", name), *guests as u64)).collect();
    gauge(&mut text, "sprat_worker_guests", "Guests by worker.", &guests);
    if let Some(bytes) = resident_bytes() {
        gauge(&mut text, "process_resident_memory_bytes", "Memory of the daemon.", &[(String::new(), bytes)]);
    }
    text
}

fn gauge(text: &mut String, name: &str, help: &str, samples: &[(String, u64)]) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("{{{name}=\"{value}\"}}")
}

/// The second number of `statm` is the resident set in pages.
fn resident_bytes() -> Option<u64> {
    let text = fs_err::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_in_prometheus_format() {
        let info = Info { running: 2, images: 3, workers: vec![("w\"1".into(), 7, 4)], ..Info::default() };
        let text = render(&info);
        assert!(text.contains("# TYPE sprat_containers gauge\nsprat_containers{state=\"running\"} 2\n"), "{text}");
        assert!(text.contains("sprat_images 3\n"), "{text}");
        assert!(text.contains("sprat_worker_guests{worker=\"w\\\"1\"} 4\n"), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
