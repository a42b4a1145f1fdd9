//! [`ApiError`]: an error answer; the one place that maps the engine's errors to Docker's status codes and words.
//!
//! The docker CLI derives its exit status from the text of a failed create or start: 127 from "executable file not
//! found", 126 from "permission denied", 125 otherwise. A 404 at create makes it pull the image.

use std::error::Error;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sprat_docker_api::{ErrorBody, FilterError, TimeError, VersionError};
use sprat_engine::{EngineError, ErrorKind, StoreError};

/// What to do about a full disk.
const MAKE_ROOM: &str =
    "make room where the daemon's state folder is: `system df` shows what takes it, `system prune` frees it";

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
}

impl ApiError {
    /// An answer with a stable code.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { message: message.into(), code: Some(code.to_owned()), hint: None } }
    }

    /// The request is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// Sprat does not offer it.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "unsupported", message)
    }

    /// More was sent than is taken.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// The path is not of the API.
    pub(crate) fn page_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "page_not_found", "page not found")
    }

    /// The host failed while the daemon did `action`.
    pub(crate) fn host(action: &str, error: &std::io::Error) -> Self {
        tracing::warn!(%error, action, "a request failed");
        let text = format!("cannot {action}: {error}");
        if !matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "io", text);
        }
        let mut full = Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", text);
        full.body.hint = Some(MAKE_ROOM.to_owned());
        full
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response();
        }
        (self.status, Json(self.body)).into_response()
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let status = status(&error);
        if status.is_server_error() {
            tracing::warn!(error = %chain(&error), code = error.code(), "a request failed");
        }
        let body = ErrorBody { message: message(&error), code: Some(error.code().to_owned()), hint: hint(&error) };
        Self { status, body }
    }
}

impl From<VersionError> for ApiError {
    fn from(error: VersionError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "api_version", error.to_string())
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_filter", error.to_string())
    }
}

impl From<TimeError> for ApiError {
    fn from(error: TimeError) -> Self {
        Self::invalid(error.to_string())
    }
}

fn status(error: &EngineError) -> StatusCode {
    match error {
        // Never 404: the docker CLI would take it for a missing image and pull.
        EngineError::ProgramNotFound(_)
        | EngineError::Program { .. }
        | EngineError::NotACommand(_)
        | EngineError::Image(StoreError::NoWasmPlatform { .. }) => StatusCode::BAD_REQUEST,
        _ => status_of(error.kind()),
    }
}

fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What to do, if the message does not say it.
fn hint(error: &EngineError) -> Option<String> {
    match error {
        // Docker's clients show the message alone, and these are what their users meet first.
        EngineError::Program { .. } | EngineError::NotACommand(_) => None,
        _ => error.hint().map(str::to_owned),
    }
}

/// The text for the user. See the module's words on exit statuses.
pub(crate) fn message(error: &EngineError) -> String {
    let text = chain(error);
    match error {
        EngineError::ProgramNotFound(_) => format!("failed to create task for container: {text}"),
        // The words in brackets are for docker's clients alone.
        EngineError::Program { .. } | EngineError::NotACommand(_) => {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("failed to create task for container: {text}{hint} (permission denied)")
        }
        _ => text,
    }
}

/// The error with its sources, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use sprat_engine::ProgramError;

    use super::*;

    #[test]
    fn a_missing_program_ends_docker_run_with_127_and_pulls_nothing() {
        let error = EngineError::ProgramNotFound("nope".into());
        assert_eq!(status(&error), StatusCode::BAD_REQUEST);
        assert!(message(&error).contains("executable file not found"));
    }

    #[test]
    fn a_program_that_cannot_run_ends_docker_run_with_126() {
        let error = EngineError::Program { path: "/a".into(), source: ProgramError::Precompiled };
        assert_eq!(status(&error), StatusCode::BAD_REQUEST);
        assert!(message(&error).contains("permission denied"));
        assert_eq!(message(&error).matches("precompiled").count(), 1, "{}", message(&error));
        let error = EngineError::NotACommand("it exports functions only".into());
        assert_eq!(message(&error).matches("permission denied").count(), 1);
    }

    #[test]
    fn what_a_program_lacks_is_told_with_what_to_do() {
        let source = ProgramError::MissingImports(vec!["env.foo".into()]);
        assert_eq!(
            message(&EngineError::Program { path: "/a".into(), source }),
            "failed to create task for container: exec: \"/a\": exec format error: the program imports what nobody \
             offers: env.foo; look at what it needs with `sprat program inspect`, and build it for WASI alone \
             (permission denied)"
        );
    }

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let error = ApiError::host("keep the upload", &std::io::ErrorKind::StorageFull.into());
        assert_eq!((error.status, error.body.code.as_deref()), (StatusCode::INSUFFICIENT_STORAGE, Some("disk_full")));
        assert!(error.body.hint.unwrap().contains("system prune"));
        assert_eq!(ApiError::host("x", &std::io::ErrorKind::NotFound.into()).body.hint, None);
    }

    #[test]
    fn sources_are_told_once() {
        let source = std::io::Error::other("the disk burns");
        let error = EngineError::Image(StoreError::Io { action: "read a blob".into(), source });
        assert_eq!(message(&error), "cannot read a blob: the disk burns");
    }

    #[test]
    fn an_image_of_another_platform_does_not_make_the_cli_pull() {
        let error = StoreError::NoWasmPlatform { name: "x".into(), platforms: "linux/amd64".into() };
        assert_eq!(status(&EngineError::Image(error)), StatusCode::BAD_REQUEST);
    }
}
