//! What every request goes through first: the version off its path, and the headers docker's clients look at.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use sprat_docker_api::ApiVersion;
use tower::ServiceExt;

use super::ApiError;
use super::unread::Unread;
use crate::address::origin;
use crate::connection::Handler;

const SERVER: &str = concat!("Sprat/", env!("CARGO_PKG_VERSION"), " (linux)");

/// The router behind the front. With `guarded`, requests that a browser could make for a web page are refused.
pub(super) fn handler(router: Router, guarded: bool) -> Handler {
    let headers: Arc<[(HeaderName, HeaderValue)]> = headers().into();
    Arc::new(move |mut request: Request<Body>| {
        let checked = if guarded { refuse_foreign(&request) } else { Ok(()) };
        let ready = checked.and_then(|()| take_version(&mut request));
        let unread = Unread::of(&mut request);
        let router = router.clone();
        let headers = Arc::clone(&headers);
        Box::pin(async move {
            let mut response: Response = match ready {
                Ok(()) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                Err(error) => {
                    drop(request);
                    error.into_response()
                }
            };
            if response.status().is_client_error() || response.status().is_server_error() {
                unread.discard().await;
            }
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().extend(headers.iter().cloned());
            }
            response
        })
    })
}

fn headers() -> Vec<(HeaderName, HeaderValue)> {
    let text = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut headers = vec![text("docker-experimental", "false"), text("ostype", "linux"), text("server", SERVER)];
    if let Ok(version) = HeaderValue::from_str(&ApiVersion::MAX.to_string()) {
        headers.push((HeaderName::from_static("api-version"), version));
    }
    headers
}

fn refuse_foreign(request: &Request<Body>) -> Result<(), ApiError> {
    origin::check(request).map_err(|why| ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", why.to_string()))
}

/// Takes the version off the path and leaves it in the request's extensions.
fn take_version(request: &mut Request<Body>) -> Result<(), ApiError> {
    let (version, rest) = ApiVersion::split(request.uri().path())?;
    if percent_encoding::percent_decode_str(rest).decode_utf8().is_err() {
        let path = request.uri().path();
        return Err(ApiError::invalid(format!("the path {path} is not UTF-8 when decoded: no name is like that")));
    }
    if rest.len() != request.uri().path().len() {
        let text = request.uri().query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
        let path: PathAndQuery = text.parse().map_err(|_| ApiError::page_not_found())?;
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| ApiError::page_not_found())?;
    }
    request.extensions_mut().insert(version);
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http_body_util::BodyExt;

    use super::super::params::{Params, Version};
    use super::*;

    async fn ask(guarded: bool, request: Request<Body>) -> (StatusCode, http::HeaderMap, String) {
        let router = Router::new().route(
            "/things/{name}",
            get(async |Version(version): Version, params: Params| format!("{version} {:?}", params.get("x"))),
        );
        let response = handler(router, guarded)(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn to(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn handlers_see_the_path_without_its_version_and_the_version() {
        assert_eq!(ask(false, to("/v1.41/things/a?x=%20b")).await.2, "1.41 Some(\" b\")");
        assert_eq!(ask(false, to("/things/a")).await.2, "1.51 None");
    }

    #[tokio::test]
    async fn every_answer_has_the_headers_clients_look_at() {
        let (status, headers, body) = ask(false, to("/v1.99/things/a")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("client version 1.99 is too new. Maximum supported API version is 1.51"), "{body}");
        assert_eq!(headers["api-version"], "1.51");
        assert_eq!(headers["ostype"], "linux");
        assert_eq!(headers["docker-experimental"], "false");
        assert!(headers["server"].to_str().unwrap().starts_with("Sprat/"));
    }

    #[tokio::test]
    async fn a_path_that_is_no_text_is_refused_in_json() {
        for path in ["/things/%ff", "/v1.44/things/a%c3", "/things/%ed%a0%80"] {
            let (status, headers, body) = ask(false, to(path)).await;
            assert_eq!(
                (status, headers["content-type"].as_bytes()),
                (StatusCode::BAD_REQUEST, &b"application/json"[..])
            );
            assert!(body.contains("\"code\":\"invalid\"") && body.contains(path), "{body}");
        }
        assert_eq!(ask(false, to("/things/%c3%a4%00%0a")).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_browser_is_kept_out_of_tcp() {
        let request = Request::builder().uri("/things/a").header("host", "evil.example").body(Body::empty()).unwrap();
        assert_eq!(ask(true, request).await.0, StatusCode::FORBIDDEN);
    }
}
