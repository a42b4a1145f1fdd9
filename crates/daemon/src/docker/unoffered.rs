//! What Docker's API has and Sprat does not offer: said so, instead of "page not found".

use std::sync::Arc;

use axum::routing::{any, get};
use axum::{Json, Router};
use http::StatusCode;

use super::{ApiError, Door};

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

const SWARM_RESOURCES: [&str; 6] = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];

pub(super) fn routes() -> Router<Arc<Door>> {
    let router = Router::new().route("/plugins", get(async || Json(serde_json::json!([]))));
    SWARM_RESOURCES.iter().fold(router, |router, resource| {
        router.route(&format!("/{resource}"), any(no_swarm)).route(&format!("/{resource}/{{*rest}}"), any(no_swarm))
    })
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", NO_SWARM)
}
