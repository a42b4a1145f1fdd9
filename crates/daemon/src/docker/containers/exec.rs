//! Further programs in a container: `POST /containers/NAME/exec`, `POST /exec/ID/start` and `/resize`, `GET /exec/ID/json`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sprat_docker_api::{ExecCreateRequest, ExecInspect, ExecStartRequest, ProcessConfig};
use sprat_engine::{EngineError, Exec, ExecSpec, Stream};
use tokio::io::AsyncWriteExt;

use super::attach;
use super::streams::Wanted;
use crate::connection::{Hijack, Hijacked};
use crate::docker::error::message;
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door, body};

const PRIVILEGED: &str =
    "--privileged is refused: a wasm guest reaches only what its container was given, and there is no more to give";

pub(super) async fn create(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let empty = || ApiError::invalid("the request has no body");
    let (asked, _) = body::json::<ExecCreateRequest>(&headers, body).await?.ok_or_else(empty)?;
    if asked.privileged {
        return Err(ApiError::invalid(PRIVILEGED));
    }
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    // Read at its start, but refused now if they are none.
    attach::keys(text(asked.detach_keys.clone()).as_deref(), asked.tty)?;
    let exec = door.engine.exec_create(
        &name,
        ExecSpec {
            argv: asked.cmd,
            env: asked.env,
            working_dir: text(asked.working_dir),
            user: text(asked.user),
            tty: asked.tty,
            open_stdin: asked.attach_stdin,
            stdout: asked.attach_stdout,
            stderr: asked.attach_stderr,
            detach_keys: asked.detach_keys,
            size: size(asked.console_size),
        },
    )?;
    Ok((StatusCode::CREATED, Json(json!({ "Id": exec.id }))))
}

/// Docker's order is height, width.
fn size(console: Option<[u16; 2]>) -> Option<(u16, u16)> {
    console.filter(|size| *size != [0, 0]).map(|[rows, columns]| (columns, rows))
}

pub(super) async fn start(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    Version(version): Version,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let hijack = request.extensions().get::<Hijack>().cloned();
    let asked = body::json::<ExecStartRequest>(&headers, request.into_body()).await?;
    let asked = asked.map(|(asked, _)| asked).unwrap_or_default();
    let exec = door.engine.exec_inspect(&id)?;
    let size = size(asked.console_size);
    if asked.detach {
        door.engine.exec_start(&id, true, size).await.map_err(told)?;
        return Ok(StatusCode::OK.into_response());
    }
    let hijack = hijack.ok_or_else(|| ApiError::invalid("this connection can't be attached to"))?;
    let keys = attach::keys(Some(exec.spec.detach_keys.as_str()).filter(|keys| !keys.is_empty()), exec.spec.tty)?;
    let wanted = Wanted { stdout: exec.spec.stdout, stderr: exec.spec.stderr, raw: exec.spec.tty };
    let started = match door.engine.exec_start(&id, false, size).await {
        // What no start brings about is an answer of its own; a program that can't be run is told in the stream, as docker
        // does it: its clients ask for the exit status then.
        Err(error) if !is_programs(&error) => return Err(error.into()),
        started => started,
    };
    hijack.take_over(move |taken| async move {
        match started {
            Ok(Some(attachment)) => attach::carry(taken, attachment, wanted, keys).await,
            Ok(None) => {}
            Err(error) => tell(taken, wanted, &told(error)).await,
        }
    });
    Ok(attach::head(headers.contains_key(header::UPGRADE), wanted, version))
}

/// The error is about the program, and its exit status is 126 or 127.
fn is_programs(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::ProgramNotFound(_)
            | EngineError::Program { .. }
            | EngineError::NotACommand(_)
            | EngineError::WorkingDir(_)
            | EngineError::Invalid(_)
    )
}

/// A failed start in docker's words.
fn told(error: EngineError) -> ApiError {
    let text = match &error {
        EngineError::ProgramNotFound(_) => format!(
            "OCI runtime exec failed: exec failed: unable to start container process: {error}: the container has no such \
             program, and no image named toolbox lends it one (`sprat build -t toolbox images/toolbox` makes that image)"
        ),
        EngineError::Program { .. } | EngineError::NotACommand(_) => format!(
            "OCI runtime exec failed: exec failed: unable to start container process: {}",
            message(&error).trim_start_matches("failed to create task for container: ")
        ),
        EngineError::WorkingDir(why) => {
            format!("OCI runtime exec failed: exec failed: unable to start container process: {why}")
        }
        _ => return error.into(),
    };
    let mut answer = ApiError::from(error);
    answer.body.message = text;
    answer
}

async fn tell(mut taken: Hijacked, wanted: Wanted, error: &ApiError) {
    let wanted = Wanted { stdout: true, ..wanted };
    let text = Bytes::from(format!("{}\r\n", error.body.message));
    // The client may be gone already.
    let _ = taken.io.write_all(&wanted.wrap(Stream::Stdout, text)).await;
    let _ = taken.io.shutdown().await;
}

pub(super) async fn resize(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    let size = |key| params.number::<u16>(key)?.ok_or_else(|| ApiError::invalid(format!("{key} must be given")));
    let (columns, rows) = (size("w")?, size("h")?);
    door.engine.exec_resize(&id, columns, rows).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn inspect(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
) -> Result<Json<ExecInspect>, ApiError> {
    Ok(Json(render(&door.engine.exec_inspect(&id)?)))
}

fn render(exec: &Exec) -> ExecInspect {
    let mut argv = exec.spec.argv.iter().cloned();
    ExecInspect {
        id: exec.id.clone(),
        running: exec.running,
        exit_code: exec.exit_code.map(i64::from),
        process_config: ProcessConfig {
            tty: exec.spec.tty,
            entrypoint: argv.next().unwrap_or_default(),
            arguments: argv.collect(),
            privileged: false,
            user: exec.spec.user.clone().unwrap_or_default(),
        },
        open_stdin: exec.spec.open_stdin,
        open_stderr: exec.spec.stderr,
        open_stdout: exec.spec.stdout,
        can_remove: false,
        container_id: exec.container.to_string(),
        detach_keys: exec.spec.detach_keys.clone(),
        pid: exec.pid,
    }
}
