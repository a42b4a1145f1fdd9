//! Networks: list, inspect, make, remove, connect, disconnect, prune.

mod connect;
mod create;
mod endpoint;
mod list;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::Door;

pub(super) use endpoint::{request, settings};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/networks", get(list::list))
        .route("/networks/create", post(create::create))
        .route("/networks/prune", post(create::prune))
        .route("/networks/{name}", get(list::inspect).delete(create::remove))
        .route("/networks/{name}/connect", post(connect::connect))
        .route("/networks/{name}/disconnect", post(connect::disconnect))
}

/// The network that a network mode stands for.
pub(super) fn of_mode(mode: &str) -> &str {
    if matches!(mode, "" | "default") { "bridge" } else { mode }
}
