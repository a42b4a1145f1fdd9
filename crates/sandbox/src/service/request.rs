//! [`Incoming`]: a request on its way to an instance, checked.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody};

use super::answer::Refusal;
use crate::outgoing::Trace;

/// A request on its way to an instance.
pub(super) struct Incoming {
    pub(super) request: Request<WasiBody>,
    pub(super) scheme: Scheme,
    pub(super) trace: Option<Trace>,
}

impl Incoming {
    /// Checks a request, and holds its body to the limit.
    pub(super) fn new<B>(
        mut request: Request<B>,
        scheme: Scheme,
        most: u64,
        progress: &Arc<Progress>,
    ) -> Result<Self, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        if request.method() == Method::CONNECT {
            return Err(Refusal::Tunnel);
        }
        check_host(&mut request)?;
        if most > 0 && length(request.headers())? > most {
            return Err(Refusal::TooLarge(most));
        }
        let trace = Trace::of(request.headers());
        let progress = Arc::clone(progress);
        let request = request.map(|body| {
            if body.is_end_stream() {
                return body.map_err(Into::into).boxed_unsync();
            }
            Metered { body: Box::pin(body), progress, left: if most > 0 { most } else { u64::MAX } }.boxed_unsync()
        });
        Ok(Self { request, scheme, trace })
    }
}

/// A request has one host (RFC 9112, section 3.2).
fn check_host<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    if request.uri().authority().is_some() {
        return Ok(());
    }
    let old = request.version() < Version::HTTP_11;
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if host.to_str().is_ok_and(is_authority) => Ok(()),
        (None, None) if old => {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
            Ok(())
        }
        _ => Err(Refusal::Host),
    }
}

fn is_authority(host: &str) -> bool {
    host.parse::<http::uri::Authority>().is_ok()
}

/// Bytes that a body has as its head tells; 0 if it does not.
fn length(headers: &HeaderMap) -> Result<u64, Refusal> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(0) };
    length.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Refusal::Length)
}

/// When something last happened, for deadlines that only count silence.
#[derive(Debug)]
pub(super) struct Progress {
    begin: Instant,
    /// Milliseconds since then.
    at: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begin: Instant::now(), at: AtomicU64::new(0) })
    }

    pub(super) const fn begin(&self) -> Instant {
        self.begin
    }

    pub(super) fn note(&self) {
        self.at.store(u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When it last happened.
    pub(super) fn last(&self) -> Instant {
        self.begin + std::time::Duration::from_millis(self.at.load(Ordering::Relaxed))
    }
}

/// A body with a limit, whose progress is noted.
struct Metered<B> {
    body: Pin<Box<B>>,
    progress: Arc<Progress>,
    left: u64,
}

impl<B: Body<Data = Bytes>> Body for Metered<B>
where
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(frame) = ready!(self.body.as_mut().poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        self.progress.note();
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(Error::HttpRequestBodySize(None)))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    fn incoming(request: http::request::Builder) -> Result<Incoming, Refusal> {
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        Incoming::new(request, Scheme::Http, 10, &Progress::new())
    }

    #[test]
    fn a_request_has_one_host() {
        let with = |hosts: &[&str], version| {
            let request = Request::builder().version(version).uri("/");
            incoming(hosts.iter().fold(request, |request, host| request.header(HOST, *host)))
        };
        assert!(with(&["a.example:80"], Version::HTTP_11).is_ok());
        for hosts in [&[][..], &["a", "b"], &["a b"], &["a/b"]] {
            assert!(matches!(with(hosts, Version::HTTP_11), Err(Refusal::Host)), "{hosts:?}");
        }
        assert!(with(&[], Version::HTTP_10).is_ok());
        assert!(incoming(Request::builder().uri("http://a.example/")).is_ok());
    }

    #[test]
    fn tunnels_and_lengths_past_the_limit_are_refused() {
        let connect = incoming(Request::builder().method(Method::CONNECT).uri("a.example:80"));
        assert!(matches!(connect, Err(Refusal::Tunnel)));
        let long = |length| incoming(Request::builder().uri("http://a/").header(CONTENT_LENGTH, length));
        assert!(long("10").is_ok());
        assert!(matches!(long("11"), Err(Refusal::TooLarge(10))));
        assert!(matches!(long("99999999999999999999"), Err(Refusal::Length)));
    }

    #[tokio::test]
    async fn a_body_past_the_limit_ends_with_an_error() {
        for (bytes, fits) in [(10, true), (11, false)] {
            let request =
                Request::builder().uri("http://a/").body(Full::new(Bytes::from(vec![0; bytes]))).expect("one");
            let incoming = Incoming::new(request, Scheme::Http, 10, &Progress::new());
            let collected = incoming.map_err(|_| ()).expect("no length is told").request.into_body().collect().await;
            assert_eq!(collected.is_ok(), fits, "{bytes} bytes");
        }
    }
}
