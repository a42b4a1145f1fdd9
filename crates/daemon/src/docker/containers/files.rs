//! A container's files: `archive` in and out (`docker cp`), `changes` (`docker diff`), `export`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use sprat_docker_api::{ContainerPathStat, FileChange, format_time, go_mode, go_permissions};
use sprat_engine::{ChangeKind, CopyIn, EngineError, PathKind, PathStat};

use crate::docker::params::Params;
use crate::docker::{ApiError, Door, body, tars};

/// `GET /containers/NAME/archive?path=`: a tar of the path, and what it is.
pub(super) async fn get(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let path = path(&params)?;
    let stat = stat(&door, &name, &path).await?;
    let mut response = tars::stream("application/x-tar", |to| {
        let engine = Arc::clone(&door.engine);
        async move { engine.copy_out(&name, &path, to).await }
    })
    .await?;
    describe(&mut response, &stat)?;
    Ok(response)
}

/// `HEAD /containers/NAME/archive?path=`: what the path is.
pub(super) async fn head(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let stat = stat(&door, &name, &path(&params)?).await?;
    let mut response = Response::new(Body::empty());
    describe(&mut response, &stat)?;
    Ok(response)
}

/// `PUT /containers/NAME/archive?path=`: unpacks the body into the folder.
pub(super) async fn put(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let path = path(&params)?;
    // Known before the upload is read: clients send much.
    stat(&door, &name, &path).await?;
    let archive = body::upload(&door, body).await?;
    let options = CopyIn { keep_kinds: params.flag("noOverwriteDirNonDir"), as_user: params.flag("copyUIDGID") };
    door.engine.copy_in(&name, &path, archive.to_path_buf(), options).await?;
    Ok(StatusCode::OK)
}

/// `GET /containers/NAME/changes`.
pub(super) async fn changes(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<FileChange>>, ApiError> {
    let kind = |kind| match kind {
        ChangeKind::Modified => 0,
        ChangeKind::Added => 1,
        ChangeKind::Deleted => 2,
    };
    let changes = door.engine.changes(&name).await?.into_iter();
    Ok(Json(changes.map(|change| FileChange { kind: kind(change.kind), path: change.path }).collect()))
}

/// `GET /containers/NAME/export`.
pub(super) async fn export(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    door.engine.inspect(&name)?;
    tars::stream("application/octet-stream", |to| {
        let engine = Arc::clone(&door.engine);
        async move { engine.export(&name, to).await }
    })
    .await
}

/// What is at a path. The container of an error is called as it was asked for.
async fn stat(door: &Door, name: &str, path: &str) -> Result<PathStat, ApiError> {
    door.engine.stat_path(name, path).await.map_err(|error| match error {
        EngineError::NoSuchFile { path, .. } => EngineError::NoSuchFile { path, container: name.to_owned() }.into(),
        other => other.into(),
    })
}

fn path(params: &Params) -> Result<String, ApiError> {
    let path = params.text("path").ok_or_else(|| ApiError::invalid("bad parameter: path cannot be empty"))?;
    if path.contains('\0') {
        return Err(ApiError::invalid("the path contains a NUL character"));
    }
    Ok(path.to_owned())
}

fn describe(response: &mut Response, stat: &PathStat) -> Result<(), ApiError> {
    let value = HeaderValue::from_str(&render(stat).to_header())
        .map_err(|error| ApiError::host("describe the path", &std::io::Error::other(error)))?;
    let name = HeaderName::from_bytes(ContainerPathStat::HEADER.as_bytes())
        .map_err(|error| ApiError::host("describe the path", &std::io::Error::other(error)))?;
    response.headers_mut().insert(name, value);
    Ok(())
}

fn render(stat: &PathStat) -> ContainerPathStat {
    let kind = match stat.kind {
        PathKind::Directory => go_mode::DIRECTORY,
        PathKind::File => 0,
        PathKind::Symlink => go_mode::SYMLINK,
        PathKind::Special => go_mode::DEVICE | go_mode::CHARACTER_DEVICE,
    };
    ContainerPathStat {
        name: stat.name.clone(),
        size: stat.size,
        mode: kind | go_permissions(stat.mode),
        mtime: format_time(Timestamp::from_nanosecond(stat.modified_ns.into()).ok()),
        link_target: stat.link_target.clone(),
    }
}
