//! Operations that change a container's state and answer without a body.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use sprat_engine::{RemoveOptions, StopOptions};

use crate::docker::params::Params;
use crate::docker::system::NO_CONTENT;
use crate::docker::{ApiError, Door};

type Answer = Result<StatusCode, ApiError>;

pub(super) async fn start(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Answer {
    door.engine.start(&name).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn stop(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    door.engine.stop(&name, stop_options(&params)?).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn restart(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    door.engine.restart(&name, stop_options(&params)?).await?;
    Ok(NO_CONTENT)
}

fn stop_options(params: &Params) -> Result<StopOptions, ApiError> {
    Ok(StopOptions { signal: params.text("signal").map(str::to_owned), timeout: params.timeout("t")? })
}

pub(super) async fn kill(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    door.engine.kill(&name, params.text("signal").unwrap_or("KILL")).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn pause(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Answer {
    door.engine.pause(&name, true).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn unpause(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Answer {
    door.engine.pause(&name, false).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn rename(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    let new = params.text("name").map(|name| name.trim_start_matches('/')).unwrap_or_default();
    if new.is_empty() {
        return Err(ApiError::invalid("Neither old nor new names may be empty"));
    }
    door.engine.rename(&name, new).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn remove(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    if params.flag("link") {
        return Err(ApiError::invalid("removing links is not offered"));
    }
    door.engine.remove(&name, RemoveOptions { force: params.flag("force"), volumes: params.flag("v") }).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn resize(State(door): State<Arc<Door>>, Path(name): Path<String>, params: Params) -> Answer {
    let size = |key| params.number::<u16>(key)?.ok_or_else(|| ApiError::invalid(format!("{key} must be given")));
    let (columns, rows) = (size("w")?, size("h")?);
    door.engine.resize(&name, columns, rows).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn prune(State(door): State<Arc<Door>>, params: Params) -> Result<Json<Value>, ApiError> {
    let filters = params.filters()?.only(&["until", "label", "label!"])?;
    let (ids, freed) = door.engine.prune_containers(&filters.into_map()).await?;
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    Ok(Json(json!({ "ContainersDeleted": Some(ids).filter(|ids| !ids.is_empty()), "SpaceReclaimed": freed })))
}
