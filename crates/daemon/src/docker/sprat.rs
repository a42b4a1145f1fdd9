//! Sprat's own endpoints: what Docker's API has no word for.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sprat_engine::Description;

use super::params::Params;
use super::{ApiError, Door, Ending};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/sprat/shutdown", post(shutdown))
        .route("/sprat/compilations", get(compilations))
        .route("/sprat/programs/{*image}", get(program))
}

/// Ends the daemon. Containers are stopped first, unless `keep=1`.
/// Answers with the process id, so that the caller can wait for the end.
async fn shutdown(State(door): State<Arc<Door>>, params: Params) -> Json<Value> {
    let ending = if params.flag("keep") { Ending::LeaveContainers } else { Ending::StopContainers };
    // A full channel means that the daemon is ending already.
    let _ = door.end.try_send(ending);
    Json(json!({ "pid": std::process::id() }))
}

/// What the program of an image is; `path` names another than the entry point's.
async fn program(
    State(door): State<Arc<Door>>,
    Path(image): Path<String>,
    params: Params,
) -> Result<Json<Description>, ApiError> {
    Ok(Json(door.engine.describe(&image, params.text("path")).await?))
}

async fn compilations(State(door): State<Arc<Door>>) -> Json<Value> {
    let list =
        door.engine.compilations().into_iter().map(
            |progress| json!({ "sha256": progress.sha256, "size": progress.size, "elapsed_ms": progress.elapsed_ms }),
        );
    Json(Value::Array(list.collect()))
}
