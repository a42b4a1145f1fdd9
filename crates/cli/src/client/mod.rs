//! The client: HTTP over the daemon's socket. Nothing else of this crate opens it.

mod advice;
mod attach;
mod connect;
mod host;
mod version;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use advice::{on_build, on_stream};
pub(crate) use attach::{Attached, Copied, Output, Streams};
pub(crate) use host::Host;

use crate::error::CliError;

/// A request's body.
pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

/// Bytes of an error body that are read; the rest is dropped.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// The daemon, as seen from here.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    host: Host,
}

/// An empty body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// A JSON body.
pub(crate) fn json(value: &Value) -> Body {
    Full::new(Bytes::from(value.to_string())).map_err(|never| match never {}).boxed()
}

/// A file as a body, read in chunks.
pub(crate) fn file(file: tokio::fs::File) -> Body {
    let chunks = tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024);
    BodyExt::boxed(http_body_util::StreamBody::new(chunks.map(|chunk| chunk.map(hyper::body::Frame::data))))
}

impl Client {
    /// A client of the daemon at `host`.
    pub(crate) const fn new(host: Host) -> Self {
        Self { host }
    }

    /// Where the daemon is.
    pub(crate) const fn host(&self) -> &Host {
        &self.host
    }

    /// Sends a request; an answer of 400 and above is an error with the daemon's message.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, CliError> {
        let response = self.exchange(method, path, headers, body).await?;
        if response.status().is_client_error() || response.status().is_server_error() {
            return Err(self.refused(response).await);
        }
        Ok(response)
    }

    /// HEAD; `None` if there is nothing. Its answer has no body that would say what.
    pub(crate) async fn head(&self, path: &str) -> Result<Option<Response<Incoming>>, CliError> {
        let response = self.exchange(Method::HEAD, path, &[], empty()).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response)),
            _ => Err(self.refused(response).await),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, CliError> {
        let mut sender = connect::open(&self.host).await?;
        let mut request = Request::builder().method(method).uri(path).header("Host", "sprat");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|e| CliError::new(format!("invalid request {path:?}")).why(e))?;
        sender.send_request(request).await.map_err(|e| lost(&self.host, e))
    }

    /// GET, read as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.read(self.send(Method::GET, path, &[], empty()).await?).await
    }

    /// POST of JSON, read as JSON; an empty answer is `null`.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&Value>) -> Result<T, CliError> {
        self.read(self.post_raw(path, body).await?).await
    }

    /// POST of JSON.
    pub(crate) async fn post_raw(&self, path: &str, body: Option<&Value>) -> Result<Response<Incoming>, CliError> {
        match body {
            Some(value) => self.send(Method::POST, path, &[("Content-Type", "application/json")], json(value)).await,
            None => self.send(Method::POST, path, &[("Content-Length", "0")], empty()).await,
        }
    }

    /// DELETE, read as JSON.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.read(self.send(Method::DELETE, path, &[], empty()).await?).await
    }

    /// Reads a whole answer as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<T, CliError> {
        let bytes = response.into_body().collect().await.map_err(|e| lost(&self.host, e))?.to_bytes();
        let bytes = if bytes.is_empty() { Bytes::from_static(b"null") } else { bytes };
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(value),
            Err(error) => Err(version::explain(&self.host, error.into()).await),
        }
    }

    /// The daemon's error answer as an error of ours.
    async fn refused(&self, response: Response<Incoming>) -> CliError {
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ERROR_BODY_LIMIT).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let error = refusal(status, &body);
        // A 404 with other words is about a name, which an older daemon knows as well.
        let unknown = status == StatusCode::NOT_FOUND && !error.missing;
        let unknown = unknown || matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED);
        if unknown { version::explain(&self.host, error).await } else { error }
    }

    /// Hands each JSON value of a streamed answer to `each`; its error ends the stream.
    pub(crate) async fn lines(
        &self,
        response: Response<Incoming>,
        mut each: impl FnMut(Value) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut body = response.into_body();
        let mut buffer = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|e| lost(&self.host, e))?.into_data() else { continue };
            buffer.extend_from_slice(&data);
            let read = each_value(&buffer, &mut each)?;
            buffer.drain(..read);
        }
        if buffer.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        Err(CliError::new(format!("the daemon at {} broke its answer off", self.host))
            .why("its last line is not complete")
            .fix("look at the daemon's log, then try again")
            .status(125))
    }

    /// Copies a whole answer to `to`, or as much of it as anybody reads.
    pub(crate) async fn copy(
        &self,
        response: Response<Incoming>,
        to: &mut (dyn std::io::Write + Send),
    ) -> Result<(), CliError> {
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|e| lost(&self.host, e))?.into_data() {
                match to.write_all(&data) {
                    Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written?,
                }
            }
        }
        match to.flush() {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.into()),
            _ => Ok(()),
        }
    }
}

/// Hands each whole value to `each` and says how many bytes they are. A value that is not complete yet is left.
fn each_value(text: &[u8], each: &mut impl FnMut(Value) -> Result<(), CliError>) -> Result<usize, CliError> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    let mut read = 0;
    while let Some(value) = values.next() {
        match value {
            Ok(value) => {
                read = values.byte_offset();
                each(value)?;
            }
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}

fn lost(host: &Host, error: hyper::Error) -> CliError {
    CliError::new(format!("the connection to the daemon at {host} broke"))
        .why(error)
        .fix("look at the daemon's log, then try again")
        .status(125)
}

fn refusal(status: StatusCode, body: &[u8]) -> CliError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = text("message");
    if status == StatusCode::NOT_FOUND && (message.is_empty() || message == "page not found") {
        return CliError::new("the daemon does not know this request")
            .why("it is no Sprat, or something stands before it")
            .fix("check --host and SPRAT_HOST; `sprat version` shows who answers")
            .status(125);
    }
    let message = if message.is_empty() { format!("the daemon answered {status}") } else { message };
    let hint = text("hint");
    let fix = if hint.is_empty() { advice::on(status, &message).to_owned() } else { hint };
    let mut error = CliError::new(message).fix(fix);
    error.missing = status == StatusCode::NOT_FOUND;
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<(Vec<Value>, usize), CliError> {
        let mut values = Vec::new();
        let read = each_value(text.as_bytes(), &mut |value| {
            values.push(value);
            Ok(())
        })?;
        Ok((values, read))
    }

    #[test]
    fn a_value_may_come_in_pieces_but_not_malformed() {
        assert_eq!(values("{\"a\":1}\r\n{\"b\"").unwrap(), (vec![serde_json::json!({"a": 1})], 7));
        assert_eq!(values("").unwrap().1, 0);
        for malformed in ["{\"a\":1}\n}{", "<html>", "{\"a\" 1}"] {
            assert!(values(malformed).unwrap_err().what.contains("could not be read"), "{malformed}");
        }
    }
}
