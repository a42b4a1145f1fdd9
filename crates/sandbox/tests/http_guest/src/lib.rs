//! An HTTP service (WASI 0.2) that does what its path says.

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

struct Guest;

wasip2::http::proxy::export!(Guest);

static ANSWERED: AtomicU32 = AtomicU32::new(0);

impl wasip2::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let whole = request.path_with_query().unwrap_or_default();
        let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
        let number = || query.parse::<u64>().expect("a number");
        match path {
            "/" => answer(out, 200, b"Hello, sprat!"),
            "/status" => answer(out, u16::try_from(number()).unwrap(), b""),
            "/count" => answer(out, 200, (ANSWERED.fetch_add(1, Ordering::Relaxed) + 1).to_string().as_bytes()),
            "/head" => answer(out, 200, head(&request).as_bytes()),
            "/env" => {
                let env: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
                answer(out, 200, env.join("\n").as_bytes());
            }
            "/file" => answer(out, 200, &std::fs::read(query).unwrap_or_else(|error| error.to_string().into())),
            "/print" => {
                println!("{query}");
                answer(out, 200, b"");
            }
            "/echo" => echo(&request, out),
            "/large" => stream(out, number()),
            "/endless" => stream(out, u64::MAX),
            "/never" => {}
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("of its own".into())))),
            "/trap" => panic!("trapped"),
            "/trap-late" => {
                let (body, stream) = begin(out, 200, Fields::new());
                stream.blocking_write_and_flush(b"part").expect("written");
                monotonic_clock::subscribe_duration(20_000_000).block();
                let _ = body;
                panic!("trapped late");
            }
            "/unfinished" => {
                let (body, stream) = begin(out, 200, Fields::new());
                stream.blocking_write_and_flush(b"part").expect("written");
                drop(stream);
                drop(body);
            }
            "/short" => {
                let fields = Fields::new();
                fields.append("content-length", b"10").expect("a length");
                let (body, stream) = begin(out, 200, fields);
                let _ = stream.blocking_write_and_flush(b"part");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/spin" => loop {
                std::hint::black_box(0);
            },
            "/sleep" => {
                monotonic_clock::subscribe_duration(number() * 1_000_000).block();
                answer(out, 200, b"slept");
            }
            "/grow" => {
                let mut all: Vec<Vec<u8>> = Vec::new();
                loop {
                    all.push(vec![1; 1 << 20]);
                }
            }
            "/grow-late" => {
                let (_body, stream) = begin(out, 200, Fields::new());
                stream.blocking_write_and_flush(b"part").expect("written");
                let mut all: Vec<Vec<u8>> = Vec::new();
                loop {
                    all.push(vec![1; 1 << 20]);
                }
            }
            "/after" => {
                answer(out, 200, b"answered");
                monotonic_clock::subscribe_duration(20_000_000).block();
                println!("afterwards");
            }
            "/fetch" => fetch(query, &request, out),
            _ => answer(out, 404, b"no such path"),
        }
    }
}

fn begin(out: ResponseOutparam, status: u16, fields: Fields) -> (OutgoingBody, wasip2::io::streams::OutputStream) {
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the first time");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first time");
    (body, stream)
}

fn answer(out: ResponseOutparam, status: u16, text: &[u8]) {
    let (body, stream) = begin(out, status, Fields::new());
    for part in text.chunks(4096) {
        stream.blocking_write_and_flush(part).expect("written");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}

fn head(request: &IncomingRequest) -> String {
    let mut lines = vec![
        format!("{:?}", request.method()),
        request.path_with_query().unwrap_or_default(),
        format!("{:?}", request.scheme()),
        request.authority().unwrap_or_default(),
    ];
    lines.extend(request.headers().entries().iter().map(|(name, value)| format!("{name}: {}", text(value))));
    lines.join("\n")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Gives the body back as it comes, and its trailers with one of its own.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("the first time");
    let (body, to) = begin(out, 200, Fields::new());
    let from = incoming.stream().expect("the first time");
    loop {
        match from.blocking_read(64 << 10) {
            Ok(bytes) => {
                for part in bytes.chunks(4096) {
                    to.blocking_write_and_flush(part).expect("written");
                }
            }
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    drop((from, to));
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    let got = trailers.get().expect("ready").expect("the first time").expect("read");
    let back = Fields::new();
    back.append("x-echo", b"done").expect("a field");
    for (name, value) in got.map(|got| got.entries()).unwrap_or_default() {
        back.append(&name, &value).expect("a field");
    }
    OutgoingBody::finish(body, Some(back)).expect("finished");
}

fn stream(out: ResponseOutparam, bytes: u64) {
    let (body, stream) = begin(out, 200, Fields::new());
    let part = [b'x'; 4096];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(4096) as usize;
        if stream.blocking_write_and_flush(&part[..now]).is_err() {
            return;
        }
        left -= now as u64;
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}

/// Asks `AUTHORITY/PATH` and passes the answer on.
fn fetch(to: &str, request: &IncomingRequest, out: ResponseOutparam) {
    let (authority, path) = to.split_once('/').expect("authority and path");
    let outgoing = OutgoingRequest::new(Fields::new());
    outgoing.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    outgoing.set_authority(Some(authority)).expect("an authority");
    outgoing.set_path_with_query(Some(&format!("/{path}"))).expect("a path");
    outgoing.set_method(&request.method()).expect("a method");
    let sent = outgoing.body().expect("the first time");
    let pending = outgoing_handler::handle(outgoing, None).expect("sent");
    if matches!(request.method(), Method::Post) {
        let stream = sent.write().expect("the first time");
        let from = request.consume().expect("the first time");
        let bytes = from.stream().expect("the first time");
        while let Ok(bytes) = bytes.blocking_read(4096) {
            stream.blocking_write_and_flush(&bytes).expect("written");
        }
    }
    OutgoingBody::finish(sent, None).expect("finished");
    pending.subscribe().block();
    let got = match pending.get().expect("ready").expect("the first time") {
        Ok(got) => got,
        Err(error) => return answer(out, 502, format!("{error:?}").as_bytes()),
    };
    let (body, stream) = begin(out, got.status(), Fields::new());
    let incoming = got.consume().expect("the first time");
    let from = incoming.stream().expect("the first time");
    while let Ok(bytes) = from.blocking_read(4096) {
        stream.blocking_write_and_flush(&bytes).expect("written");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}
