//! The HTTP address (7070): `/healthz` and `/metrics`. Functions and the dashboard join it later.
//!
//! Web pages of other origins must not reach it through a browser, so a foreign Host or Origin is refused.

mod metrics;
pub(crate) mod origin;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use sprat_engine::Engine;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::connection::Handler;

/// Binds the address. If it can't be bound the daemon goes on without, and says so.
pub(crate) async fn bind(address: Option<SocketAddr>) -> Option<TcpListener> {
    let address = address?;
    match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            use std::io::Write as _;

            let _ = writeln!(
                std::io::stderr().lock(),
                "warning: http://{address} is not served: {error}; choose another with --listen"
            );
            None
        }
    }
}

/// What answers on the address.
pub(crate) fn handler(engine: Arc<Engine>) -> Handler {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(serve_metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .with_state(engine);
    Arc::new(move |request| {
        if let Err(why) = origin::check(&request) {
            return Box::pin(async move { (StatusCode::FORBIDDEN, format!("{why}\n")).into_response() });
        }
        let router = router.clone();
        Box::pin(async move { router.oneshot(request).await.unwrap_or_else(|never| match never {}) })
    })
}

async fn serve_metrics(State(engine): State<Arc<Engine>>) -> Response {
    let text = metrics::render(&engine.info().await);
    ([(http::header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}
