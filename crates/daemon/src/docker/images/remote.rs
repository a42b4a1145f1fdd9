//! `GET /distribution/NAME/json`: what a registry has under a name. `GET /images/search`, which there is not.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};

use super::list::named;
use super::move_in::registry_auth;
use crate::docker::{ApiError, Door};

pub(super) async fn distribution(
    State(door): State<Arc<Door>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let name = path.strip_suffix("/json").ok_or_else(ApiError::page_not_found)?;
    let name = named(name, None)?.or_latest();
    let remote = door.engine.remote_image(&name, &registry_auth(&headers)?).await?;
    let platforms = remote.platforms.iter().map(|(os, architecture, variant)| {
        let mut platform = json!({ "architecture": architecture, "os": os });
        if let (false, Some(map)) = (variant.is_empty(), platform.as_object_mut()) {
            map.insert("variant".to_owned(), json!(variant));
        }
        platform
    });
    let platforms: Vec<Value> = platforms.collect();
    let descriptor =
        json!({ "mediaType": remote.media_type, "digest": remote.digest.to_string(), "size": remote.size });
    Ok(Json(json!({ "Descriptor": descriptor, "Platforms": platforms })))
}

pub(super) async fn search() -> ApiError {
    ApiError::unsupported(
        "searching is not offered: only Docker Hub has such a search, and it can't tell images for wasm apart; look at the \
         registry's web page, then pull the image by its name",
    )
}
