//! What Docker's API has and Sprat does not offer: said so, instead of "page not found".

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{any, get, post, put};
use axum::{Json, Router};
use http::StatusCode;

use super::{ApiError, Door};

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

const NO_SWARM_MODE: &str = "swarm mode is not offered: a daemon runs the containers of its own machine";

const NO_PLUGINS: &str = "plugins are not offered: they are containers with rights over the host, and a guest has none";

const NO_CHECKPOINTS: &str = "checkpoints are not offered, as by a Docker that is not in experimental mode";

const SWARM_RESOURCES: [&str; 6] = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];

pub(super) fn routes() -> Router<Arc<Door>> {
    let router = Router::new()
        .route("/plugins", get(async || Json(serde_json::json!([]))))
        .route("/plugins/{*rest}", any(no_plugin))
        .route("/volumes/{name}", put(cluster_volume))
        .route("/containers/{name}/checkpoints", any(async || ApiError::unsupported(NO_CHECKPOINTS)))
        .route("/containers/{name}/checkpoints/{id}", any(async || ApiError::unsupported(NO_CHECKPOINTS)))
        .route("/swarm/init", post(async || ApiError::unsupported(NO_SWARM_MODE)))
        .route("/swarm/join", post(async || ApiError::unsupported(NO_SWARM_MODE)))
        .route("/swarm/leave", post(no_part));
    SWARM_RESOURCES.iter().fold(router, |router, resource| {
        router.route(&format!("/{resource}"), any(no_swarm)).route(&format!("/{resource}/{{*rest}}"), any(no_swarm))
    })
}

/// `/plugins/NAME/json` looks for one; all else wants to have one.
async fn no_plugin(Path(rest): Path<String>) -> ApiError {
    match rest.strip_suffix("/json") {
        Some(name) => ApiError::new(StatusCode::NOT_FOUND, "plugin_not_found", format!("plugin \"{name}\" not found")),
        None => ApiError::unsupported(NO_PLUGINS),
    }
}

async fn no_part() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", "This node is not part of a swarm")
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", NO_SWARM)
}

async fn cluster_volume() -> ApiError {
    let message = "volume update only valid for cluster volumes, but swarm is unavailable";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", message)
}
