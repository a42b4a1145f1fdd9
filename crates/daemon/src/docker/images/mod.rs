//! Images. Their names contain slashes, so a path is split at its last segment here, not by the router.

mod commit;
mod inspect;
mod list;
mod move_in;
mod move_out;
mod remote;
mod remove;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::HeaderMap;

use super::params::{Params, Version};
use super::{ApiError, Door};

pub(super) use list::summary;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/images/json", get(list::list))
        .route("/images/create", post(move_in::create))
        .route("/images/load", post(move_in::load))
        .route("/images/get", get(move_out::save))
        .route("/images/search", get(remote::search))
        .route("/distribution/{*name}", get(remote::distribution))
        .route("/images/prune", post(remove::prune))
        .route("/commit", post(commit::commit))
        .route("/images/{*name}", get(read).post(change).delete(remove::remove))
}

/// `GET /images/NAME/json`, `/history`, `/get`.
async fn read(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    match path.rsplit_once('/') {
        Some((name, "json")) => Ok(inspect::inspect(&door, name, version)?.into_response()),
        Some((name, "history")) => Ok(inspect::history(&door, name)?.into_response()),
        Some((name, "get")) => move_out::archive(&door, vec![name.to_owned()]).await,
        _ => Err(ApiError::page_not_found()),
    }
}

/// `POST /images/NAME/tag`, `/push`.
async fn change(
    State(door): State<Arc<Door>>,
    Path(path): Path<String>,
    params: Params,
    headers: HeaderMap,
    _body: Body,
) -> Result<Response, ApiError> {
    match path.rsplit_once('/') {
        Some((name, "tag")) => Ok(list::tag(&door, name, &params)?.into_response()),
        Some((name, "push")) => move_out::push(door, name, &params, &headers).await,
        _ => Err(ApiError::page_not_found()),
    }
}
