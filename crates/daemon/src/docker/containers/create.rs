//! `POST /containers/create`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use sprat_docker_api::{CreateRequest, CreateResponse};

use super::{ports, spec};
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door, body};

pub(super) async fn create(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CreateResponse>), ApiError> {
    let empty = || ApiError::invalid("config cannot be empty in order to create a container");
    let (mut request, text) = body::json::<CreateRequest>(&headers, body).await?.ok_or_else(empty)?;
    if door.engine.is_reaper(&request.image) {
        // Testcontainers can be told to ask for these, so that its reaper may use the daemon's socket: it is given none.
        request.host_config.privileged = false;
        request.host_config.security_opt.clear();
    }
    let publish_all = request.host_config.publish_all_ports;
    let (mut spec, mut warnings) = spec::convert(request, params.text("name"), params.text("platform"), version)?;
    if publish_all {
        let exposed = door.engine.image(&spec.image)?.config.exposed_ports.clone();
        ports::publish_all(&mut spec, &exposed)?;
    }
    // The request as it came, so that inspect echoes what Sprat does not read too.
    spec.door_data = String::from_utf8_lossy(&text).into_owned();
    let created = door.engine.create(spec).await?;
    warnings.extend(created.warnings);
    Ok((StatusCode::CREATED, Json(CreateResponse { id: created.id.to_string(), warnings })))
}
