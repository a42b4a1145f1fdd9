//! `/_ping`, `/version`, `/auth`, and the routes of `/info`, `/events` and `/system/df`, which are in files of their own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sprat_docker_api::{ApiVersion, Component, Platform, RegistryAuth, Version as VersionAnswer};
use sprat_engine::Credentials;

use super::{ApiError, Door, body, disk_usage, events, info};

/// The commit it was built from, if the build was told.
const COMMIT: &str = match option_env!("SPRAT_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// What stands where clients print Go's version.
const NO_GO: &str = "rust";

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/auth", post(auth))
        .route("/info", get(info::info))
        .route("/events", get(events::events))
        .route("/system/df", get(disk_usage::disk_usage))
}

/// `Builder-Version: 1` tells clients that there is no BuildKit here.
async fn ping() -> Response {
    let headers = [
        ("builder-version", "1"),
        ("swarm", "inactive"),
        ("cache-control", "no-cache, no-store, must-revalidate"),
        ("pragma", "no-cache"),
        ("content-type", "text/plain; charset=utf-8"),
    ];
    (headers, "OK").into_response()
}

async fn version() -> Json<VersionAnswer> {
    let details = [
        ("ApiVersion", ApiVersion::MAX.to_string()),
        ("MinAPIVersion", ApiVersion::MIN.to_string()),
        ("Arch", info::architecture().to_owned()),
        ("Os", "linux".to_owned()),
        ("KernelVersion", info::kernel()),
        ("Experimental", "false".to_owned()),
        ("GitCommit", COMMIT.to_owned()),
        ("GoVersion", NO_GO.to_owned()),
    ];
    let details = details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Json(VersionAnswer {
        platform: Platform { name: "Sprat".into() },
        components: vec![Component { name: "Engine".into(), version: info::VERSION.into(), details }],
        version: info::VERSION.into(),
        api_version: ApiVersion::MAX.to_string(),
        min_api_version: ApiVersion::MIN.to_string(),
        git_commit: COMMIT.into(),
        go_version: NO_GO.into(),
        os: "linux".into(),
        arch: info::architecture().into(),
        kernel_version: info::kernel(),
        build_time: String::new(),
    })
}

async fn auth(State(door): State<Arc<Door>>, headers: HeaderMap, body: Body) -> Result<Json<Value>, ApiError> {
    let (auth, _) = body::json::<RegistryAuth>(&headers, body)
        .await?
        .ok_or_else(|| ApiError::invalid("credentials are needed: username, password, serveraddress"))?;
    let registry = registry_host(&auth.serveraddress).to_owned();
    door.engine.login(&registry, &credentials(auth)).await?;
    Ok(Json(json!({ "Status": "Login Succeeded", "IdentityToken": "" })))
}

/// The host of a registry's address: clients send `https://index.docker.io/v1/` for docker.io.
pub(super) fn registry_host(address: &str) -> &str {
    let host = address.trim_start_matches("https://").trim_start_matches("http://");
    match host.split('/').next().unwrap_or_default() {
        "" | "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

/// Credentials as the engine has them.
pub(super) fn credentials(auth: RegistryAuth) -> Credentials {
    if !auth.registrytoken.is_empty() {
        Credentials::Token(auth.registrytoken)
    } else if !auth.identitytoken.is_empty() {
        Credentials::Token(auth.identitytoken)
    } else if auth.username.is_empty() {
        Credentials::Anonymous
    } else {
        Credentials::Basic { username: auth.username, password: auth.password }
    }
}

/// An answer without a body.
pub(super) const NO_CONTENT: StatusCode = StatusCode::NO_CONTENT;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_named_by_their_host() {
        for (address, host) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("", "docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
            ("https://ghcr.io", "ghcr.io"),
        ] {
            assert_eq!(registry_host(address), host);
        }
    }

    #[test]
    fn tokens_go_before_passwords() {
        let auth = RegistryAuth { username: "a".into(), password: "b".into(), ..RegistryAuth::default() };
        assert!(matches!(credentials(auth.clone()), Credentials::Basic { .. }));
        assert!(matches!(credentials(RegistryAuth { identitytoken: "t".into(), ..auth }), Credentials::Token(_)));
        assert!(matches!(credentials(RegistryAuth::default()), Credentials::Anonymous));
    }
}
