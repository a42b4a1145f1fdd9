//! `POST /commit`: an image of what a container became.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sprat_docker_api::{CreateRequest, Words};
use sprat_engine::{CommitRequest, ImageConfig};

use super::list::named;
use crate::docker::params::Params;
use crate::docker::{ApiError, Door, body, containers};

/// The body is a configuration over the container's; most clients send none, or an empty one.
pub(super) async fn commit(
    State(door): State<Arc<Door>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let container = params.text("container").ok_or_else(|| ApiError::invalid("container must be given"))?;
    let tag = params.text("repo").map(|repository| named(repository, params.text("tag"))).transpose()?;
    let asked = body::json::<Option<CreateRequest>>(&headers, body).await?.and_then(|(asked, _)| asked);
    let request = CommitRequest {
        container: container.to_owned(),
        tag: tag.map(|tag| tag.or_latest()),
        message: params.text("comment").unwrap_or_default().to_owned(),
        author: params.text("author").unwrap_or_default().to_owned(),
        config: asked.map(config).transpose()?,
        changes: params.all("changes").flat_map(str::lines).map(str::to_owned).collect(),
        // As docker has it: held unless told otherwise.
        pause: params.get("pause").is_none() || params.flag("pause"),
    };
    let id = door.engine.commit(request).await?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": id.to_string() }))))
}

/// What of a container's configuration an image has, too.
fn config(asked: CreateRequest) -> Result<ImageConfig, ApiError> {
    Ok(ImageConfig {
        user: asked.user,
        env: containers::environment(asked.env)?,
        entrypoint: asked.entrypoint.map(Words::into_vec),
        cmd: asked.cmd.map(Words::into_vec).filter(|cmd| !cmd.is_empty()),
        working_dir: asked.working_dir,
        labels: asked.labels,
        exposed_ports: containers::exposed(asked.exposed_ports.into_keys())?,
        volumes: asked.volumes.into_keys().collect(),
        stop_signal: Some(asked.stop_signal).filter(|signal| !signal.is_empty()),
        healthcheck: asked.healthcheck.map(containers::healthcheck).transpose()?,
        ..ImageConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_read_and_nothing_asks_for_nothing() {
        let read = |text| config(serde_json::from_str(text).unwrap());
        for nothing in ["{}", r#"{"repo":"x","Env":null,"Cmd":[],"Entrypoint":null,"StopSignal":""}"#] {
            assert_eq!(read(nothing), Ok(ImageConfig::default()), "{nothing}");
        }
        let asked = read(r#"{"Cmd":"ls","ExposedPorts":{"80":{}},"Volumes":{"/v":{}},"WorkingDir":"/w"}"#).unwrap();
        assert_eq!(asked.cmd, Some(vec!["ls".to_owned()]));
        assert!(asked.exposed_ports.contains("80/tcp") && asked.volumes.contains("/v") && asked.working_dir == "/w");
        assert_eq!(read(r#"{"Env":["=x"]}"#).unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
