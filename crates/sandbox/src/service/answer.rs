//! [`Refusal`]: why a request is answered without its service, or in place of it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::body::AnswerBody;

/// Why a request is answered without its service, or in place of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the request has no host, several, or none that is one")]
    Host,
    #[error("the length of the request's body is no number")]
    Length,
    #[error("the request's body has more than {0} bytes, which is the limit (dev.sprat.body-limit)")]
    TooLarge(u64),
    #[error("tunnels (CONNECT) are not offered")]
    Tunnel,
    #[error("too many requests wait for this service; try again later")]
    QueueFull,
    #[error("the service was busy for too long; try again later")]
    TooBusy,
    #[error("the service is ending; try again later")]
    Ending,
    #[error("the service cannot be loaded; its log tells why")]
    NotLoaded,
    #[error("the service failed; its log tells why")]
    Failed,
    #[error("the service gave no answer")]
    NoAnswer,
    #[error("the service did not answer in time")]
    TooSlow,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Length => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Tunnel => StatusCode::NOT_IMPLEMENTED,
            Self::QueueFull | Self::TooBusy | Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotLoaded | Self::Failed | Self::NoAnswer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The answer that tells it.
    pub(super) fn answer(self) -> Response<AnswerBody> {
        let mut answer = Response::new(AnswerBody::whole(Bytes::from(format!("{self}\n"))));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
