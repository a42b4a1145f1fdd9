//! `GET /containers/NAME/json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sprat_docker_api::{
    ApiVersion, ContainerInspect, ContainerState, Health, HealthResult, NetworkSettings, PortBinding, format_time,
};
use sprat_engine::{Container, ImageConfig, Status};

use super::{config, list};
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door};

pub(super) async fn inspect(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<ContainerInspect>, ApiError> {
    let container = door.engine.inspect(&name)?;
    // The image may be gone; the container shows what is in effect then.
    let image = door.engine.image(&container.image.to_string()).ok();
    let mut answer = render(&container, image.as_ref().map(|image| &image.config), version);
    if params.flag("size") {
        let upper = container.upper.clone();
        let written = tokio::task::spawn_blocking(move || sprat_engine::tree_size(&upper)).await.unwrap_or_default();
        answer.size_rw = Some(written);
        answer.size_root_fs = Some(written + image.map_or(0, |image| image.size));
    }
    Ok(Json(answer))
}

fn render(container: &Container, image: Option<&ImageConfig>, version: ApiVersion) -> ContainerInspect {
    let (config, host_config) = config::echo(container, image, version);
    let mut argv = container.argv.iter().cloned();
    ContainerInspect {
        id: container.id.to_string(),
        created: container.created.to_string(),
        path: argv.next().unwrap_or_default(),
        args: argv.collect(),
        state: state(container),
        image: container.image.to_string(),
        log_path: container.log_path.to_string_lossy().into_owned(),
        name: format!("/{}", container.name),
        restart_count: container.restart_count,
        driver: "sprat".to_owned(),
        platform: "linux".to_owned(),
        exec_ids: Some(container.execs.clone()).filter(|ids| !ids.is_empty()),
        host_config,
        graph_driver: graph_driver(container),
        mounts: list::mounts(container),
        config,
        network_settings: network(container, version),
        ..ContainerInspect::default()
    }
}

/// Docker's clients read texts only; layers are the highest first, as overlayfs has them.
fn graph_driver(container: &Container) -> Value {
    let lower: Vec<_> = container.layers.iter().rev().map(|layer| layer.to_string_lossy()).collect();
    json!({ "Name": "sprat", "Data": { "UpperDir": container.upper, "LowerDir": lower.join(":") } })
}

fn state(container: &Container) -> ContainerState {
    let state = &container.state;
    let last = state.exit.as_ref();
    // As docker has it, one that runs shows of its last run only when that ended.
    let exit = last.filter(|_| !matches!(state.status, Status::Running | Status::Paused));
    let failed = !state.error.is_empty();
    ContainerState {
        status: list::state(state.status).to_owned(),
        running: matches!(state.status, Status::Running | Status::Paused | Status::Restarting),
        paused: state.status == Status::Paused,
        restarting: state.status == Status::Restarting,
        oom_killed: exit.is_some_and(|exit| exit.oom_killed),
        dead: state.status == Status::Dead,
        pid: state.pid,
        exit_code: exit.map_or(0, |exit| exit.code.into()),
        error: if failed { state.error.clone() } else { exit.map(|exit| exit.message.clone()).unwrap_or_default() },
        started_at: format_time(state.started),
        finished_at: format_time(last.map(|exit| exit.at)),
        health: state.health.as_ref().map(health),
    }
}

fn health(health: &sprat_engine::Health) -> Health {
    let result = |result: &sprat_engine::HealthResult| HealthResult {
        start: format_time(Some(result.start)),
        end: format_time(Some(result.end)),
        exit_code: result.exit_code,
        output: result.output.clone(),
    };
    Health {
        status: health.status.as_str().to_owned(),
        failing_streak: health.failing_streak,
        log: health.log.iter().map(result).collect(),
    }
}

fn network(container: &Container, version: ApiVersion) -> NetworkSettings {
    let networks = list::endpoints(container, version);
    // The fields beside the list are those of the default network.
    let default = networks.get("bridge").cloned().unwrap_or_default();
    let running = matches!(container.state.status, Status::Running | Status::Paused);
    NetworkSettings {
        sandbox_id: if running { container.id.to_string() } else { String::new() },
        ports: ports(container),
        endpoint_id: default.endpoint_id,
        gateway: default.gateway,
        ip_address: default.ip_address,
        ip_prefix_len: default.ip_prefix_len,
        ipv6_gateway: default.ipv6_gateway,
        global_ipv6_address: default.global_ipv6_address,
        global_ipv6_prefix_len: default.global_ipv6_prefix_len,
        mac_address: if running { default.mac_address } else { String::new() },
        networks,
        egress: container.egress.clone(),
        ..NetworkSettings::default()
    }
}

/// Bindings by container port while it runs; exposed ports without a binding are null, as in docker.
fn ports(container: &Container) -> BTreeMap<String, Option<Vec<PortBinding>>> {
    if !list::is_up(container) {
        return BTreeMap::new();
    }
    let mut ports: BTreeMap<_, Option<Vec<_>>> = container.exposed.iter().map(|port| (port.clone(), None)).collect();
    for port in &container.ports {
        let binding = PortBinding { host_ip: port.host_ip.clone(), host_port: port.host.to_string() };
        let key = format!("{}/{}", port.container, port.protocol);
        ports.entry(key).or_default().get_or_insert_default().push(binding);
    }
    ports
}
