//! Containers put on networks and taken off them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use sprat_docker_api::NetworkConnect;

use super::request;
use crate::docker::{ApiError, Door, body};

async fn read(headers: &HeaderMap, body: Body) -> Result<NetworkConnect, ApiError> {
    let request = body::json::<NetworkConnect>(headers, body).await?.map(|(request, _)| request).unwrap_or_default();
    if request.container.is_empty() {
        return Err(ApiError::invalid("invalid container: value is empty: name it in the field Container"));
    }
    Ok(request)
}

pub(super) async fn connect(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let asked = read(&headers, body).await?;
    door.engine.connect(&name, &asked.container, request(asked.endpoint_config)?).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn disconnect(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let asked = read(&headers, body).await?;
    door.engine.disconnect(&name, &asked.container).await?;
    Ok(StatusCode::OK)
}
