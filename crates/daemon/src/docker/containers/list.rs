//! `GET /containers/json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use sprat_docker_api::{
    ApiVersion, ContainerSummary, EndpointSettings, ListedPort, MountPoint, SummaryHostConfig, SummaryNetworks,
};
use sprat_engine::{Container, HealthStatus, ListFilter, Status};

use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door, networks};

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
) -> Result<Json<Vec<ContainerSummary>>, ApiError> {
    // Docker's limit counts from 1; -1 is none.
    let limit = params.number::<i64>("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let filter = ListFilter { all: params.flag("all"), limit, filters: params.filters()?.into_map() };
    let containers = door.engine.list(&filter)?;
    if !params.flag("size") {
        return Ok(Json(containers.iter().map(|container| summary(container, None, version)).collect()));
    }
    measured(door, containers, version).await.map(Json)
}

/// Containers as the list shows them, with their sizes.
pub(in crate::docker) async fn measured(
    door: Arc<Door>,
    containers: Vec<Container>,
    version: ApiVersion,
) -> Result<Vec<ContainerSummary>, ApiError> {
    let measure = move || {
        let sized = |container: &Container| {
            let written = sprat_engine::tree_size(&container.upper);
            let image = door.engine.image(&container.image.to_string()).map_or(0, |image| image.size);
            summary(container, Some((written, written + image)), version)
        };
        containers.iter().map(sized).collect()
    };
    let list = tokio::task::spawn_blocking(measure).await;
    list.map_err(|error| ApiError::host("measure containers", &std::io::Error::other(error)))
}

/// One container as the list shows it; `sizes` are bytes it wrote and bytes of all its files.
pub(super) fn summary(container: &Container, sizes: Option<(u64, u64)>, version: ApiVersion) -> ContainerSummary {
    ContainerSummary {
        id: container.id.to_string(),
        names: vec![format!("/{}", container.name)],
        image: container.spec.image.clone(),
        image_id: container.image.to_string(),
        command: command(&container.argv),
        created: container.created.as_second(),
        ports: ports(container),
        size_rw: sizes.map(|(written, _)| written),
        size_root_fs: sizes.map(|(_, all)| all),
        labels: container.labels.clone(),
        state: state(container.state.status).to_owned(),
        status: status(container, Timestamp::now()),
        host_config: SummaryHostConfig {
            network_mode: network_mode(container).to_owned(),
            annotations: container.spec.annotations.clone(),
        },
        network_settings: SummaryNetworks { networks: endpoints(container, version) },
        mounts: mounts(container),
    }
}

/// The network mode as it was asked for.
pub(super) fn network_mode(container: &Container) -> &str {
    if container.spec.network.is_empty() { "default" } else { &container.spec.network }
}

/// Docker's words for states.
pub(super) fn state(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Restarting => "restarting",
        Status::Removing => "removing",
        Status::Exited => "exited",
        Status::Dead => "dead",
    }
}

/// The program and its arguments; those with spaces are quoted.
fn command(argv: &[String]) -> String {
    let quote = |word: &String| if word.contains(' ') { format!("'{word}'") } else { word.clone() };
    argv.iter().map(quote).collect::<Vec<_>>().join(" ")
}

fn status(container: &Container, now: Timestamp) -> String {
    let since = |time: Option<Timestamp>| human(time.map_or(0, |time| now.as_second() - time.as_second()));
    let state = &container.state;
    let code = state.exit.as_ref().map_or(0, |exit| exit.code);
    let ended = || since(state.exit.as_ref().map(|exit| exit.at));
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Running => match &state.health {
            None => format!("Up {}", since(state.started)),
            Some(health) if health.status == HealthStatus::Starting => {
                format!("Up {} (health: starting)", since(state.started))
            }
            Some(health) => format!("Up {} ({})", since(state.started), health.status.as_str()),
        },
        Status::Paused => format!("Up {} (Paused)", since(state.started)),
        Status::Restarting => format!("Restarting ({code}) {} ago", ended()),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Exited => format!("Exited ({code}) {} ago", ended()),
        Status::Dead => "Dead".to_owned(),
    }
}

/// A duration in docker's words.
fn human(seconds: i64) -> String {
    let (minute, hour, day) = (60, 3_600, 86_400);
    match seconds {
        i64::MIN..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3_600 => format!("{} minutes", seconds / minute),
        3_600..5_400 => "About an hour".to_owned(),
        5_400..172_800 => format!("{} hours", (seconds + hour / 2) / hour),
        172_800..1_209_600 => format!("{} days", seconds / day),
        1_209_600..5_184_000 => format!("{} weeks", seconds / (7 * day)),
        5_184_000..63_072_000 => format!("{} months", seconds / (30 * day)),
        _ => format!("{} years", seconds / (365 * day)),
    }
}

/// Published ports as bound, then exposed ones.
fn ports(container: &Container) -> Vec<ListedPort> {
    let published = container.ports.iter().map(|port| ListedPort {
        ip: port.host_ip.clone(),
        private_port: port.container,
        public_port: Some(port.host),
        protocol: port.protocol.clone(),
    });
    let mut list: Vec<_> = published.collect();
    for exposed in container.exposed.iter().filter(|_| is_up(container)) {
        let Ok(port) = exposed.parse::<sprat_docker_api::Port>() else { continue };
        let protocol = port.protocol.to_string();
        if !list.iter().any(|listed| listed.private_port == port.number && listed.protocol == protocol) {
            list.push(ListedPort { private_port: port.number, protocol, ..ListedPort::default() });
        }
    }
    list
}

/// Ports are shown of what runs only, as docker does; those of the host's own network are not its.
pub(super) fn is_up(container: &Container) -> bool {
    let running = matches!(container.state.status, Status::Running | Status::Paused);
    running && !matches!(container.spec.network.as_str(), "host" | "none")
}

/// Its networks by name.
pub(super) fn endpoints(container: &Container, version: ApiVersion) -> BTreeMap<String, EndpointSettings> {
    let shown =
        |view: &sprat_engine::EndpointView| (view.network.clone(), networks::settings(container.id, view, version));
    container.networks.iter().map(shown).collect()
}

/// Mounts in docker's shape.
pub(super) fn mounts(container: &Container) -> Vec<MountPoint> {
    let render = |mount: &sprat_engine::MountPoint| MountPoint {
        kind: mount.kind.clone(),
        name: mount.name.clone(),
        source: mount.source.to_string_lossy().into_owned(),
        destination: mount.target.clone(),
        driver: if mount.kind == "volume" { "local".to_owned() } else { String::new() },
        mode: if mount.writable { String::new() } else { "ro".to_owned() },
        rw: mount.writable,
        propagation: if mount.kind == "bind" { "rprivate".to_owned() } else { String::new() },
    };
    container.mounts.iter().map(render).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_dockers_words() {
        for (seconds, text) in [
            (-5, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (61, "About a minute"),
            (600, "10 minutes"),
            (4_000, "About an hour"),
            (7_300, "2 hours"),
            (200_000, "2 days"),
            (1_300_000, "2 weeks"),
            (6_000_000, "2 months"),
            (70_000_000, "2 years"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }

    #[test]
    fn arguments_with_spaces_are_quoted() {
        assert_eq!(command(&["sh".into(), "-c".into(), "echo a".into()]), "sh -c 'echo a'");
    }
}
