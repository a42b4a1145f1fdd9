//! `/build`: builds an image from an uploaded context with the classic builder's protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::json;
use sprat_docker_api::{JsonMessage, RegistryAuth};
use sprat_engine::{BuildEvent, BuildOptions, BuildRequest, BuildSink, Credentials, Reference};

use super::lines::{self, Lines};
use super::params::Params;
use super::{ApiError, Door, body, system};

/// What the docker CLI shows when it asks for BuildKit.
const NO_BUILDKIT: &str = "BuildKit is not supported by this daemon: use the classic builder (DOCKER_BUILDKIT=0 docker build …) or sprat build";

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/build", post(build))
        .route("/build/prune", post(async || Json(json!({ "CachesDeleted": null, "SpaceReclaimed": 0 }))))
        .route("/build/cancel", post(async || StatusCode::OK))
        .route("/session", post(no_buildkit))
        .route("/grpc", post(no_buildkit))
}

async fn no_buildkit() -> ApiError {
    ApiError::unsupported(NO_BUILDKIT)
}

async fn build(
    State(door): State<Arc<Door>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let options = options(&params)?;
    let credentials = registry_config(&headers)?;
    let context = body::upload(&door, body).await?;
    let quiet = params.flag("q");
    let lines = Lines::default();
    let writer = lines.clone();
    lines::answer(lines, async move {
        let progress = if quiet { Arc::new(|_| {}) as sprat_engine::ProgressSink } else { writer.progress() };
        let request = BuildRequest { context: context.to_path_buf(), options, credentials };
        let kept = Kept::default();
        let built = door.engine.build(request, sink(&writer, quiet.then(|| Arc::clone(&kept))), progress).await;
        let id = built.inspect_err(|_| {
            // What was kept back explains the error, and makes it a line with the step's status, as in docker.
            let text = std::mem::take(&mut *kept.lock());
            if !text.is_empty() {
                writer.push(&JsonMessage::stream(text));
            }
        })?;
        if quiet {
            writer.push(&JsonMessage::stream(format!("{id}\n")));
        }
        Ok(())
    })
    .await
}

/// Text of a quiet build, in case it fails.
type Kept = Arc<Mutex<String>>;

/// Most bytes that are kept of a quiet build; what comes later is dropped.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Where a build's text goes: to the client, or to be kept if it is quiet.
fn sink(lines: &Lines, kept: Option<Kept>) -> BuildSink {
    let lines = lines.clone();
    Arc::new(move |event| match (event, &kept) {
        (BuildEvent::Stream(text), Some(kept)) => {
            let mut kept = kept.lock();
            if kept.len() + text.len() <= MAX_KEPT_BYTES {
                kept.push_str(&text);
            }
        }
        (BuildEvent::Stream(text), None) => lines.push(&JsonMessage::stream(text)),
        (BuildEvent::Image(id), None) => lines.push(&JsonMessage::aux(json!({ "ID": id.to_string() }))),
        // It is told once, as the only text.
        (BuildEvent::Image(_), Some(_)) => {}
    })
}

fn options(params: &Params) -> Result<BuildOptions, ApiError> {
    if params.get("version") == Some("2") {
        return Err(no_buildkit_error());
    }
    if params.text("remote").is_some_and(|remote| remote != "client-session") {
        return Err(ApiError::unsupported("building from a URL is not offered: send the context as a tar"));
    }
    if params.text("outputs").is_some_and(|outputs| outputs != "[]") {
        return Err(no_buildkit_error());
    }
    if params.flag("squash") {
        return Err(ApiError::unsupported("squash is only supported with experimental mode"));
    }
    refuse_platform(params.text("platform"))?;
    let tags = params.all("t").map(|tag| reference(tag).map(Reference::or_latest)).collect::<Result<_, _>>()?;
    Ok(BuildOptions {
        dockerfile: params.text("dockerfile").unwrap_or_default().to_owned(),
        tags,
        build_args: object(params, "buildargs")?,
        labels: object(params, "labels")?,
        target: params.text("target").map(str::to_owned),
        no_cache: params.flag("nocache"),
        pull: params.flag("pull"),
    })
}

fn no_buildkit_error() -> ApiError {
    ApiError::invalid(NO_BUILDKIT)
}

/// A platform that is no wasm can't be what the user wants to run here.
pub(super) fn refuse_platform(platform: Option<&str>) -> Result<(), ApiError> {
    let Some(platform) = platform else { return Ok(()) };
    if platform.contains("wasm") || platform.starts_with("wasi") {
        return Ok(());
    }
    Err(ApiError::invalid(format!("platform {platform} is not supported: Sprat runs wasi/wasm")))
}

/// An image's name.
pub(super) fn reference(text: &str) -> Result<Reference, ApiError> {
    text.parse().map_err(|error: <Reference as std::str::FromStr>::Err| ApiError::invalid(error.to_string()))
}

fn object<T: DeserializeOwned + Default>(params: &Params, key: &str) -> Result<T, ApiError> {
    let Some(text) = params.text(key) else { return Ok(T::default()) };
    let value: Option<T> =
        serde_json::from_str(text).map_err(|error| ApiError::invalid(format!("invalid {key}: {error}")))?;
    Ok(value.unwrap_or_default())
}

fn registry_config(headers: &HeaderMap) -> Result<BTreeMap<String, Credentials>, ApiError> {
    let text = headers.get("x-registry-config").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let map = RegistryAuth::map_from_header(text).map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(map
        .into_iter()
        .map(|(address, auth)| (system::registry_host(&address).to_owned(), system::credentials(auth)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_options_are_read() {
        let options = options(&Params::parse(
            "dockerfile=D&buildargs=%7B%22A%22%3A%22b%22%2C%22C%22%3Anull%7D&labels=%7B%22x%22%3A%22y%22%7D&target=t&nocache=1&pull=0&rm=1&version=1&platform=",
        ))
        .unwrap();
        assert_eq!(options.dockerfile, "D");
        assert_eq!(options.build_args, BTreeMap::from([("A".into(), Some("b".into())), ("C".into(), None)]));
        assert_eq!(options.labels.len(), 1);
        assert!(options.no_cache && !options.pull);
    }

    #[test]
    fn buildkit_and_what_is_not_offered_are_refused() {
        for (query, text) in [
            ("version=2", "DOCKER_BUILDKIT=0"),
            ("remote=https://example.com/x.git", "URL"),
            ("buildargs=[1]", "invalid buildargs"),
            ("labels={", "invalid labels"),
            ("platform=linux/amd64", "linux/amd64"),
        ] {
            let error = options(&Params::parse(query)).unwrap_err();
            assert!(error.body.message.contains(text), "{query}: {}", error.body.message);
        }
    }
}
