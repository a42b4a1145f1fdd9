//! What Docker's API has and Sprat does not offer: said so, instead of "page not found".

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{any, get, post, put};
use axum::{Json, Router};
use http::StatusCode;

use super::{ApiError, Door};

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// Told to those who follow that advice.
const NEVER_SWARM: &str =
    "swarm mode is not offered: Sprat runs containers on one machine; leave swarm out, or run services with Compose";

const NO_PLUGINS: &str = "plugins are not offered: volumes, networks and logs are Sprat's own";

const SWARM_RESOURCES: [&str; 6] = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];

pub(super) fn routes() -> Router<Arc<Door>> {
    let router = Router::new()
        .route("/swarm/init", post(async || ApiError::unsupported(NEVER_SWARM)))
        .route("/swarm/join", post(async || ApiError::unsupported(NEVER_SWARM)))
        .route("/swarm/leave", post(async || unavailable("This node is not part of a swarm")))
        .route("/volumes/{name}", put(cluster_volume))
        .route("/plugins", get(async || Json(serde_json::json!([]))))
        .route("/plugins/privileges", get(async || ApiError::unsupported(NO_PLUGINS)))
        .route("/plugins/pull", post(async || ApiError::unsupported(NO_PLUGINS)))
        .route("/plugins/create", post(async || ApiError::unsupported(NO_PLUGINS)))
        .route("/plugins/{*name}", any(no_plugin));
    SWARM_RESOURCES.iter().fold(router, |router, resource| {
        router.route(&format!("/{resource}"), any(no_swarm)).route(&format!("/{resource}/{{*rest}}"), any(no_swarm))
    })
}

fn unavailable(message: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", message)
}

async fn no_swarm() -> ApiError {
    unavailable(NO_SWARM)
}

async fn cluster_volume() -> ApiError {
    unavailable("volume update only valid for cluster volumes, but swarm is unavailable")
}

/// The path is `NAME` or `NAME/VERB`, and a name may contain slashes.
async fn no_plugin(Path(path): Path<String>) -> ApiError {
    const VERBS: [&str; 6] = ["json", "enable", "disable", "push", "set", "upgrade"];
    let name = match path.rsplit_once('/') {
        Some((name, verb)) if VERBS.contains(&verb) => name,
        _ => &path,
    };
    ApiError::new(StatusCode::NOT_FOUND, "plugin_not_found", format!("plugin \"{name}\" not found"))
}
