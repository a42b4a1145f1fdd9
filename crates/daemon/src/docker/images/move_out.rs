//! How images go out: save and push.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use sprat_docker_api::JsonMessage;
use sprat_engine::{EngineError, Reference, StoreError};

use super::list::named;
use super::move_in::registry_auth;
use crate::docker::lines::{self, Lines};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door, tars};

/// `GET /images/get?names=A&names=B`.
pub(super) async fn save(State(door): State<Arc<Door>>, params: Params) -> Result<Response, ApiError> {
    let names: Vec<_> = params.all("names").flat_map(|names| names.split(',')).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(ApiError::invalid("names must be given"));
    }
    archive(&door, names).await
}

/// An archive of images, written as it is sent.
pub(super) async fn archive(door: &Door, names: Vec<String>) -> Result<Response, ApiError> {
    let engine = Arc::clone(&door.engine);
    tars::stream("application/x-tar", |to| async move { engine.save(names, to).await }).await
}

/// Docker's words for an image that can't be pushed because it is not there.
fn not_here(error: EngineError, name: &Reference) -> ApiError {
    let missing = matches!(error, EngineError::Image(StoreError::NotFound(_)));
    let mut answer = ApiError::from(error);
    if missing {
        answer.body.message = format!("An image does not exist locally with the tag: {}", name.familiar_name());
    }
    answer
}

/// `POST /images/NAME/push?tag=`. Like docker's the answer begins before anything is known, so errors are its last line.
pub(super) async fn push(
    door: Arc<Door>,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let name = named(name, params.text("tag"))?;
    let credentials = registry_auth(headers)?;
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        writer.push(&JsonMessage::status("", format!("The push refers to repository [{}]", name.familiar_name())));
        let names = match name.tag() {
            Some(_) => vec![name],
            None => tags_of(&door, &name)?,
        };
        let progress = writer.progress();
        for name in names {
            door.engine.image(&name.to_string()).map_err(|error| not_here(error, &name))?;
            let (digest, size) = door.engine.push(&name, &credentials, &progress).await?;
            let tag = name.tag().unwrap_or_default();
            writer.push(&JsonMessage::aux(json!({ "Tag": tag, "Digest": digest.to_string(), "Size": size })));
        }
        Ok(())
    })
    .await
}

/// All tags that images have in the repository of `name`.
fn tags_of(door: &Door, name: &Reference) -> Result<Vec<Reference>, ApiError> {
    let images = door.engine.images()?;
    let tags = images.iter().flat_map(|(image, _)| &image.tags).filter(|tag| tag.same_repository(name));
    let tags: Vec<_> = tags.cloned().collect();
    if tags.is_empty() {
        let text = format!("An image does not exist locally with the tag: {}", name.familiar_name());
        return Err(ApiError::new(StatusCode::NOT_FOUND, "image_not_found", text));
    }
    Ok(tags)
}
