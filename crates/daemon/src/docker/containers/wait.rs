//! `POST /containers/NAME/wait`: the head at once, the body at the exit.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use sprat_docker_api::{WaitError, WaitResponse};
use sprat_engine::WaitCondition;

use crate::docker::params::Params;
use crate::docker::{ApiError, Door, lines};

pub(super) async fn wait(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    // The engine waits from here on, so an exit between the head and the body is not missed.
    let condition = condition(params.text("condition"))?;
    let exit = door.engine.wait(&name, condition)?;
    let body = async move { Ok::<_, Infallible>(render(as_asked(condition, exit.await))) };
    Ok(lines::endless(lines::json_stream(futures_util::stream::once(body))))
}

fn condition(text: Option<&str>) -> Result<WaitCondition, ApiError> {
    match text {
        None | Some("not-running") => Ok(WaitCondition::NotRunning),
        Some("next-exit") => Ok(WaitCondition::NextExit),
        Some("removed") => Ok(WaitCondition::Removed),
        Some(other) => Err(ApiError::invalid(format!("invalid condition: \"{other}\""))),
    }
}

/// Why a run failed is no error of the removal that was waited for: docker's command line would tell it twice. A daemon that
/// ends (a negative status) is one.
fn as_asked(condition: WaitCondition, (status, error): (i64, Option<String>)) -> (i64, Option<String>) {
    (status, error.filter(|_| condition != WaitCondition::Removed || status < 0))
}

fn render((status_code, error): (i64, Option<String>)) -> Bytes {
    let response = WaitResponse { status_code, error: error.map(|message| WaitError { message }) };
    // This type always serialises: a number and a string.
    let mut body = serde_json::to_vec(&response).unwrap_or_default();
    body.push(b'\n');
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_dockers() {
        assert_eq!(render((3, None)), "{\"StatusCode\":3}\n");
        assert_eq!(render((125, Some("x".into()))), "{\"StatusCode\":125,\"Error\":{\"Message\":\"x\"}}\n");
        assert_eq!(as_asked(WaitCondition::Removed, (127, Some("x".into()))), (127, None));
        assert_eq!(as_asked(WaitCondition::Removed, (-1, Some("x".into()))), (-1, Some("x".into())));
        assert_eq!(as_asked(WaitCondition::NextExit, (127, Some("x".into()))), (127, Some("x".into())));
        assert!(condition(Some("soon")).is_err());
        assert_eq!(condition(None), Ok(WaitCondition::NotRunning));
    }
}
