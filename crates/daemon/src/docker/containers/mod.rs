//! Containers: create, look at, drive, attach to, clean up.

mod attach;
mod attach_ws;
mod config;
mod create;
mod drive;
mod exec;
mod files;
mod inspect;
mod limits;
mod list;
mod logs;
mod mounts;
mod networks;
mod ports;
mod refusals;
mod spec;
mod stats;
mod streams;
mod top;
mod update;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use super::Door;

pub(super) use list::measured;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/containers/create", post(create::create))
        .route("/containers/json", get(list::list))
        .route("/containers/prune", post(drive::prune))
        .route("/containers/{name}", delete(drive::remove))
        .route("/containers/{name}/json", get(inspect::inspect))
        .route("/containers/{name}/start", post(drive::start))
        .route("/containers/{name}/stop", post(drive::stop))
        .route("/containers/{name}/restart", post(drive::restart))
        .route("/containers/{name}/kill", post(drive::kill))
        .route("/containers/{name}/pause", post(drive::pause))
        .route("/containers/{name}/unpause", post(drive::unpause))
        .route("/containers/{name}/rename", post(drive::rename))
        .route("/containers/{name}/resize", post(drive::resize))
        .route("/containers/{name}/wait", post(wait::wait))
        .route("/containers/{name}/logs", get(logs::logs))
        .route("/containers/{name}/attach", post(attach::attach))
        .route("/containers/{name}/attach/ws", get(attach_ws::attach))
        .route("/containers/{name}/stats", get(stats::stats))
        .route("/containers/{name}/top", get(top::top))
        .route("/containers/{name}/update", post(update::update))
        .route("/containers/{name}/archive", get(files::get).head(files::head).put(files::put))
        .route("/containers/{name}/changes", get(files::changes))
        .route("/containers/{name}/export", get(files::export))
        .route("/containers/{name}/exec", post(exec::create))
        .route("/exec/{id}/start", post(exec::start))
        .route("/exec/{id}/resize", post(exec::resize))
        .route("/exec/{id}/json", get(exec::inspect))
}
