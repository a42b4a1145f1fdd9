//! What Docker's API has and Sprat does not offer: said so, instead of "page not found".

use std::sync::Arc;

use axum::extract::Request;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::StatusCode;

use super::{ApiError, Door};

const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

const SWARM_RESOURCES: [&str; 6] = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];

pub(super) fn routes() -> Router<Arc<Door>> {
    let router = Router::new()
        .route("/plugins", get(async || Json(serde_json::json!([]))))
        .route("/containers/{name}/exec", post(not_offered))
        .route("/containers/{name}/update", post(not_offered))
        .route("/containers/{name}/top", get(not_offered))
        .route("/containers/{name}/export", get(not_offered))
        .route("/containers/{name}/changes", get(not_offered))
        .route("/containers/{name}/attach/ws", get(not_offered))
        .route("/containers/{name}/archive", get(not_offered).put(not_offered))
        .route("/images/search", get(not_offered))
        .route("/distribution/{*name}", get(not_offered));
    SWARM_RESOURCES.iter().fold(router, |router, resource| {
        router.route(&format!("/{resource}"), any(no_swarm)).route(&format!("/{resource}/{{*rest}}"), any(no_swarm))
    })
}

async fn not_offered(request: Request) -> ApiError {
    let path = request.uri().path();
    ApiError::unsupported(format!("Sprat does not offer {} {path}", request.method()))
}

async fn no_swarm() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_swarm", NO_SWARM)
}
