//! [`DenyEgress`]: outgoing HTTP requests, all refused.
//!
//! The interfaces are linked, so that programs which import them start.

use std::future::Future;

use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// Refuses every request.
#[derive(Debug)]
pub(crate) struct DenyEgress;

type Transmission = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for DenyEgress {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _transmission: Transmission,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission)>> + Send> {
        let host = request.uri().authority().map_or("", |authority| authority.as_str()).to_owned();
        tracing::debug!(host, "egress denied");
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}
