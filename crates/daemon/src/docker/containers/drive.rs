//! Operations that change a container's state and answer without a body.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sprat_engine::{EngineError, RemoveOptions, StopOptions};

use crate::docker::params::Params;
use crate::docker::system::NO_CONTENT;
use crate::docker::{ApiError, Door};

type Answer = Result<StatusCode, ApiError>;

/// Bytes of the longest body that says nothing: `null`, `{}` and a line's end.
const MAX_EMPTY_BODY: u64 = 7;

pub(super) async fn start(State(door): State<Arc<Door>>, Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MAX_EMPTY_BODY) {
        return Err(ApiError::invalid(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
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
    let killed = door.engine.kill(&name, params.text("signal").unwrap_or("KILL")).await;
    killed.map_err(|error| within(error, &format!("Cannot kill container: {name}")))?;
    Ok(NO_CONTENT)
}

/// What is missing, taken or not in the right state, told with what was being done, as docker does.
fn within(error: EngineError, action: &str) -> ApiError {
    let told =
        matches!(error, EngineError::State { .. } | EngineError::NoSuchContainer(_) | EngineError::NameTaken { .. });
    let mut answer = ApiError::from(error);
    if told {
        answer.body.message = format!("{action}: {}", answer.body.message);
    }
    answer
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
    match door.engine.rename(&name, new).await {
        Err(error @ EngineError::NameTaken { .. }) => Err(within(error, "Error when allocating new name")),
        renamed => Ok(renamed.map(|()| NO_CONTENT)?),
    }
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
