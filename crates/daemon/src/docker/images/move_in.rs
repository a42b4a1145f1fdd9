//! How images come in: pull, import, load, commit.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sprat_docker_api::{JsonMessage, RegistryAuth};
use sprat_engine::{CommitRequest, Credentials, EngineError, ImageConfig};

use super::list::named;
use crate::docker::lines::{self, Lines};
use crate::docker::params::Params;
use crate::docker::{ApiError, Door, body, build, system};

/// `POST /images/create`: a pull with `fromImage`, an import with `fromSrc`.
pub(super) async fn create(
    State(door): State<Arc<Door>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    match (params.text("fromImage"), params.text("fromSrc")) {
        (Some(image), _) => pull(door, image, &params, &headers).await,
        (None, Some("-")) => import(door, &params, body).await,
        (None, Some(_)) => {
            Err(ApiError::unsupported("importing from a URL is not offered: send the archive as the body"))
        }
        (None, None) => Err(ApiError::invalid("either fromImage or fromSrc must be given")),
    }
}

/// A name without tag and digest means all tags; docker's clients send `latest` themselves.
async fn pull(door: Arc<Door>, image: &str, params: &Params, headers: &HeaderMap) -> Result<Response, ApiError> {
    let name = named(image, params.text("tag"))?;
    let credentials = registry_auth(headers)?;
    let platform = params.text("platform").map(str::to_owned);
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        let progress = writer.progress();
        let platform = platform.as_deref();
        if name.tag().is_none() && name.digest().is_none() {
            return Ok(door.engine.pull_all(&name, platform, &credentials, &progress).await.map_err(not_pulled)?);
        }
        door.engine.pull(&name, platform, &credentials, &progress).await.map_err(not_pulled)?;
        Ok(())
    })
    .await
}

/// As docker has it, what a registry refuses is not found: at 401 docker's command line would ask for a login at once.
fn not_pulled(error: EngineError) -> ApiError {
    let mut answer = ApiError::from(error);
    if answer.status == StatusCode::UNAUTHORIZED {
        answer.status = StatusCode::NOT_FOUND;
    }
    answer
}

/// Credentials of `X-Registry-Auth`.
pub(super) fn registry_auth(headers: &HeaderMap) -> Result<Credentials, ApiError> {
    let text = headers.get("x-registry-auth").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let auth = RegistryAuth::from_header(text).map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(system::credentials(auth))
}

async fn import(door: Arc<Door>, params: &Params, body: Body) -> Result<Response, ApiError> {
    build::refuse_platform(params.text("platform"))?;
    let tag = params.text("repo").map(|repository| named(repository, params.text("tag"))).transpose()?;
    let message = params.text("message").unwrap_or_default().to_owned();
    let changes = params.all("changes").map(str::to_owned).collect();
    let archive = body::upload(&door, body).await?;
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        let id = door.engine.import(archive.to_path_buf(), tag.map(|tag| tag.or_latest()), message, changes).await?;
        writer.push(&JsonMessage::status("", id.to_string()));
        Ok(())
    })
    .await
}

pub(super) async fn load(State(door): State<Arc<Door>>, params: Params, body: Body) -> Result<Response, ApiError> {
    let archive = body::upload(&door, body).await?;
    let quiet = params.flag("quiet");
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        let progress = if quiet { Arc::new(|_| {}) as sprat_engine::ProgressSink } else { writer.progress() };
        for loaded in door.engine.load(archive.to_path_buf(), progress).await? {
            for tag in &loaded.tags {
                writer.push(&JsonMessage::stream(format!("Loaded image: {}\n", tag.familiar())));
            }
            if loaded.tags.is_empty() {
                writer.push(&JsonMessage::stream(format!("Loaded image ID: {}\n", loaded.id)));
            }
        }
        Ok(())
    })
    .await
}

/// The body (a configuration that replaces the container's) is not read: clients send none, or an empty one.
pub(super) async fn commit(
    State(door): State<Arc<Door>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let container = params.text("container").ok_or_else(|| ApiError::invalid("container must be given"))?;
    let tag = params.text("repo").map(|repository| named(repository, params.text("tag"))).transpose()?;
    // docker's command line sends null, SDKs a configuration or nothing.
    let asked = body::json::<Option<ImageConfig>>(&headers, body).await?;
    let request = CommitRequest {
        config: asked.and_then(|(config, _)| config).unwrap_or_default(),
        container: container.to_owned(),
        tag: tag.map(|tag| tag.or_latest()),
        message: params.text("comment").unwrap_or_default().to_owned(),
        author: params.text("author").unwrap_or_default().to_owned(),
        changes: params.all("changes").flat_map(str::lines).map(str::to_owned).collect(),
        // As docker has it: held unless told otherwise.
        pause: params.get("pause").is_none() || params.flag("pause"),
    };
    let id = door.engine.commit(request).await?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": id.to_string() }))))
}
