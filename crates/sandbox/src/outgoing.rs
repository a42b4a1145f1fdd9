//! [`Outgoing`]: the HTTP requests that a guest sends.
//!
//! Where a request goes is the affair of the guest's network, with the same names, addresses and egress rules as its
//! sockets have. To an HTTP service of this process it is handed over as it is: no socket, no text, no copy. Otherwise it
//! goes through a connection of its own.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use crate::network::{Dial, GuestNetwork, Lookup, SocketError, Stack};
use crate::service::{ServerStream, Service};
use crate::tls;

/// How long a connection, and an answer's head, may take, unless the guest says less.
const PATIENCE: Duration = Duration::from_secs(600);

/// Parts of a body that a guest may write before they are taken, so that a short one is written without a pause.
const CHUNKS: usize = 4;

/// Bytes of such a part.
const CHUNK: usize = 128 << 10;

/// The HTTP requests that a guest sends.
pub(crate) struct Outgoing {
    network: Arc<GuestNetwork>,
    trace: Option<Trace>,
}

/// The trace that a request belongs to (W3C Trace Context). It goes along with the requests that follow from it.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    parent: HeaderValue,
    state: Option<HeaderValue>,
}

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

impl Trace {
    /// The trace of a request with these fields.
    pub(crate) fn of(fields: &HeaderMap) -> Option<Self> {
        let parent = fields.get(TRACE_PARENT)?.clone();
        Some(Self { parent, state: fields.get(TRACE_STATE).cloned() })
    }

    /// Goes along, unless the guest has told one itself.
    fn join(&self, fields: &mut HeaderMap) {
        if fields.contains_key(TRACE_PARENT) {
            return;
        }
        fields.insert(TRACE_PARENT, self.parent.clone());
        if let Some(state) = &self.state {
            fields.insert(TRACE_STATE, state.clone());
        }
    }
}

impl Outgoing {
    pub(crate) const fn new(network: Arc<GuestNetwork>) -> Self {
        Self { network, trace: None }
    }

    /// What is sent from now on follows from a request with this trace.
    pub(crate) fn follow(&mut self, trace: Option<Trace>) {
        self.trace = trace;
    }
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outgoing {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        static FILTER: LazyLock<ForbiddenHeaderFilter> = LazyLock::new(|| Arc::new(is_forbidden));
        Arc::clone(&FILTER)
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _transmission: Transmission,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission), Error>> + Send> {
        if let Some(trace) = &self.trace {
            trace.join(request.headers_mut());
        }
        let network = Arc::clone(&self.network);
        Box::new(async move { send(&network, request, options.unwrap_or_default()).await })
    }
}

fn is_forbidden(name: &HeaderName) -> bool {
    static FORBIDDEN: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;
    FORBIDDEN.contains(name)
}

/// Sends a request to where its authority is.
async fn send(
    network: &GuestNetwork,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(Response<WasiBody>, Transmission), Error> {
    let secure = request.uri().scheme() == Some(&Scheme::HTTPS);
    let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?.clone();
    let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stack = network.stack().map_err(of_socket)?;
    let begun = timeout(patience(options.connect_timeout), find(stack, authority.host(), port, secure));
    let to = begun.await.map_err(|_| Error::ConnectionTimeout)??;
    let first = patience(options.first_byte_timeout);
    match to {
        To::Service(service) => {
            let handled = service.handle(request, wasmtime_wasi_http::p2::bindings::http::types::Scheme::Http);
            let answer = timeout(first, handled).await.map_err(|_| Error::ConnectionReadTimeout)?;
            Ok((answer.map(BodyExt::boxed_unsync), Box::new(std::future::ready(Ok(())))))
        }
        To::Stream(stream) => {
            // In the request itself only path and query are told (RFC 9112, section 3.2.1).
            *request.uri_mut() = origin_form(request.uri());
            if secure {
                let stream = tls::connect(authority.host(), stream).await?;
                exchange(TokioIo::new(stream), request, first).await
            } else {
                exchange(TokioIo::new(stream), request, first).await
            }
        }
    }
}

fn patience(told: Option<Duration>) -> Duration {
    told.map_or(PATIENCE, |told| told.min(PATIENCE))
}

fn origin_form(uri: &Uri) -> Uri {
    let path = uri.path_and_query().filter(|path| path.as_str().starts_with('/')).cloned();
    path.map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// Where a request goes.
enum To {
    /// To a service of this process.
    Service(Arc<Service>),
    /// Through a connection.
    Stream(ServerStream),
}

/// Finds the way to a host, by name or address.
async fn find(stack: &Arc<Stack>, host: &str, port: u16, secure: bool) -> Result<To, Error> {
    let found = match stack.look_up(host) {
        Lookup::Done(found) => found,
        Lookup::Pending(found) => found.await,
    };
    let mut failed = Error::DestinationNotFound;
    for address in found.map_err(of_socket)? {
        let to = (address, port).into();
        if !secure && let Some(service) = stack.service(to) {
            return Ok(To::Service(service));
        }
        let dialled = match stack.dial(None, to) {
            Dial::Done(dialled) => dialled,
            Dial::Pending(dialled) => dialled.await,
        };
        match dialled {
            Ok(established) => return Ok(To::Stream(ServerStream::memory(established.connection))),
            Err(error) => failed = of_socket(error),
        }
    }
    Err(failed)
}

/// Sends a request through a connection, and waits for the answer's head.
async fn exchange<S>(
    stream: S,
    request: Request<WasiBody>,
    first: Duration,
) -> Result<(Response<WasiBody>, Transmission), Error>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    // It ends with the answer: both of its users are gone then.
    let driver = AbortOnDrop(tokio::spawn(async move { connection.await.map_err(Error::from) }));
    let sent = timeout(first, sender.send_request(request)).await;
    let answer = sent.map_err(|_| Error::ConnectionReadTimeout)??;
    let answer = answer.map(|body| {
        body.map_err(Error::from)
            .map_frame(move |frame: http_body::Frame<Bytes>| {
                let _ = &driver;
                frame
            })
            .boxed_unsync()
    });
    Ok((answer, Box::new(std::future::ready(Ok(())))))
}

/// Ends a task with its owner.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn of_socket(error: SocketError) -> Error {
    match error {
        SocketError::AccessDenied => Error::HttpRequestDenied,
        SocketError::NameUnresolvable | SocketError::InvalidArgument => {
            Error::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None }
        }
        SocketError::Timeout => Error::ConnectionTimeout,
        SocketError::ConnectionRefused => Error::ConnectionRefused,
        SocketError::RemoteUnreachable => Error::DestinationIpUnroutable,
        SocketError::TooManySockets => Error::ConnectionLimitReached,
        _ => Error::ConnectionTerminated,
    }
}
