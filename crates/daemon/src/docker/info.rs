//! `/info`: what the installation and its host are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::{Value, json};
use sprat_engine::Info;

use super::Door;

/// The daemon's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn info(State(door): State<Arc<Door>>) -> Json<Value> {
    Json(render(&door.engine.info().await))
}

fn render(info: &Info) -> Value {
    let workers = info
        .workers
        .iter()
        .map(|(name, pid, guests)| [format!("Worker {name}"), format!("pid {pid}, {guests} guests")]);
    let workers: Vec<_> = workers.collect();
    let mut value = constant();
    let dynamic = json!({
        "ID": info.id,
        "Containers": info.containers,
        "ContainersRunning": info.running,
        "ContainersPaused": info.paused,
        "ContainersStopped": info.stopped,
        "Images": info.images,
        "DriverStatus": workers,
        "DockerRootDir": info.root,
        "NFd": open_descriptors(),
        "SystemTime": Timestamp::now().to_string(),
        "KernelVersion": kernel(),
        "OperatingSystem": operating_system(),
        "Architecture": std::env::consts::ARCH,
        "NCPU": std::thread::available_parallelism().map_or(1, usize::from),
        "MemTotal": memory_bytes(),
        "Name": rustix::system::uname().nodename().to_string_lossy(),
        "ServerVersion": VERSION,
        "Warnings": info.warnings,
    });
    if let (Value::Object(all), Value::Object(dynamic)) = (&mut value, dynamic) {
        all.extend(dynamic);
    }
    value
}

/// What clients look for and never changes. They refuse flags for limits that are false here.
fn constant() -> Value {
    // The file is part of the program; a test reads it.
    serde_json::from_str(include_str!("info.json")).unwrap_or_default()
}

/// The host's architecture in Go's words.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The host's kernel.
pub(super) fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    u64::from(info.mem_unit).saturating_mul(info.totalram)
}

fn operating_system() -> String {
    let text = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}

fn open_descriptors() -> usize {
    fs_err::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_find_what_they_look_for() {
        let value = render(&Info { id: "x".into(), running: 3, ..Info::default() });
        assert_eq!(value["OSType"], "linux");
        assert_eq!(value["ContainersRunning"], 3);
        assert!(value["MemTotal"].as_u64().unwrap() > 0);
        assert_eq!(value["Swarm"]["LocalNodeState"], "inactive");
    }
}
