//! HTTP services: real components of WASI 0.2 and 0.3, asked through real sockets and by one another.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sprat_program::{Kind, Wasi};
use sprat_sandbox::{
    EndpointSpec, Exit, Guest, NetworkMode, NetworkSpec, Output, Outside, Protocol, PublishedPort, ServiceSpec, Spec,
    Stdio, Stop, Stream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Collected, Rig, http_guest};

const SERVICES: [Wasi; 2] = [Wasi::P2, Wasi::P3];

/// A service with a port of the host.
struct Served {
    guest: Guest,
    address: SocketAddr,
    output: Arc<Collected>,
}

async fn spec(rig: &Rig, wasi: Wasi) -> Spec {
    let mut program = rig.program("service", http_guest(wasi), wasi).await.expect("links");
    program.kind = Kind::HttpService;
    rig.spec_of(program, &[])
}

impl Served {
    async fn of(rig: &Rig, wasi: Wasi, limits: ServiceSpec) -> Self {
        let spec = Spec { service: limits, ..spec(rig, wasi).await };
        Self::start(rig, spec).await
    }

    async fn start(rig: &Rig, mut spec: Spec) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("bound");
        spec.network.published = vec![PublishedPort { container: 8080, protocol: Protocol::Tcp }];
        let output = Arc::new(Collected::default());
        let stdio = Stdio { input: None, output: Arc::clone(&output) as Arc<dyn Output> };
        let guest = {
            let outside = Outside { sockets: vec![socket.into()], ..Outside::default() };
            rig.sandbox.start_with(spec, stdio, outside).await
        }
        .expect("starts");
        Self { guest, address, output }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send("GET", path, Bytes::new()).await
    }

    async fn send(&self, method: &str, path: &str, body: Bytes) -> (StatusCode, String) {
        let answer = self.try_send(method, path, body).await.expect("an answer");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> hyper::Result<hyper::Response<hyper::body::Incoming>> {
        let stream = TcpStream::connect(self.address).await.expect("connects");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "sprat.example");
        sender.send_request(request.body(Full::new(body)).expect("a request")).await
    }

    /// Sends text as it is; what comes until the connection ends.
    async fn raw(&self, text: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        stream.write_all(text).await.expect("sent");
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got).await;
        String::from_utf8_lossy(&got).into_owned()
    }

    fn errors(&self) -> String {
        self.output.text(Stream::Stderr)
    }

    /// Waits until it wrote this to a standard stream.
    async fn writes(&self, stream: Stream, text: &str) {
        while !self.output.text(stream).contains(text) {
            tokio::task::yield_now().await;
        }
    }

    fn usage(&self) -> sprat_sandbox::ServiceUsage {
        self.guest.usage().service.expect("it is a service")
    }

    /// Waits until its figures are such.
    async fn until(&self, test: impl Fn(&sprat_sandbox::ServiceUsage) -> bool) {
        while !test(&self.usage()) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_answered_by_an_instance_of_its_own() {
    let rig = Rig::new();
    for wasi in SERVICES {
        let served = Served::of(&rig, wasi, ServiceSpec::default()).await;
        assert_eq!(served.get("/").await, (StatusCode::OK, "Hello, sprat!".to_owned()), "{wasi:?}");
        assert_eq!(served.get("/nowhere").await.0, StatusCode::NOT_FOUND);
    }
    let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
    for _ in 0..3 {
        assert_eq!(served.get("/count").await.1, "1");
    }
    let usage = served.usage();
    assert_eq!((usage.requests, usage.instances, usage.peak_instances), (3, 0, 1));
    assert!(usage.p50_us > 0 && usage.p99_us >= usage.p50_us);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_may_answer_many_requests_if_its_owner_says_so() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec { reuse: 3, ..ServiceSpec::default() }).await;
    let mut counts = Vec::new();
    for _ in 0..5 {
        counts.push(served.get("/count").await.1);
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2"]);
    // One that trapped is not used again.
    assert_eq!(served.get("/trap").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(served.get("/count").await.1, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_can_be_ready_before_a_request_comes() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec { ready: 2, ..ServiceSpec::default() }).await;
    for _ in 0..5 {
        assert_eq!(served.get("/count").await.1, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_sees_what_its_container_has() {
    let rig = Rig::new();
    let mut spec = spec(&rig, Wasi::P2).await;
    spec.files.provided = vec![("/etc/hostname".into(), "bass\n".into())];
    let served = Served::start(&rig, spec).await;
    assert_eq!(served.get("/env").await.1, "NAME=value\nEMPTY=");
    assert_eq!(served.get("/file?/etc/hostname").await.1, "bass\n");
    served.get("/print?words").await;
    served.writes(Stream::Stdout, "words\n").await;
    let (_, head) = served.get("/head?a=b").await;
    let head: Vec<_> = head.lines().collect();
    assert_eq!(head[..4], ["Method::Get", "/head?a=b", "Some(Scheme::Http)", "sprat.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let rig = Rig::new();
    let body: String = (0..100_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    for wasi in SERVICES {
        let served = Served::of(&rig, wasi, ServiceSpec::default()).await;
        let (status, echoed) = served.send("POST", "/echo", body.clone().into()).await;
        assert_eq!((status, echoed == body), (StatusCode::OK, true), "{wasi:?}");
        assert_eq!(served.get("/large?3000000").await.1.len(), 3_000_000, "{wasi:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_works_with_prior_knowledge_and_has_trailers() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
    let stream = TcpStream::connect(served.address).await.expect("connects");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("speaks HTTP/2");
    tokio::spawn(connection);
    let ask = |path: &str| {
        let uri = format!("http://sprat.example{path}");
        Request::post(uri).body(Full::new(Bytes::from("words"))).expect("a request")
    };
    let answers = futures_util::future::join_all((0..20).map(|_| sender.clone().send_request(ask("/echo")))).await;
    for answer in answers {
        let whole = answer.expect("an answer").into_body().collect().await.expect("a body");
        assert_eq!(whole.trailers().expect("trailers")["x-echo"], "done");
        assert_eq!(whole.to_bytes(), "words");
    }
    let answer = sender.send_request(ask("/trap-late")).await.expect("a head");
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(sender.send_request(ask("/")).await.expect("the connection lives").status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_guest_does_its_caller_gets_an_answer_or_a_cut_stream() {
    let rig = Rig::new();
    let limits = ServiceSpec { answer_ms: 300, ..ServiceSpec::default() };
    for wasi in SERVICES {
        let served = Served::of(&rig, wasi, limits).await;
        assert_eq!(served.get("/trap").await.0, StatusCode::INTERNAL_SERVER_ERROR);
        served.writes(Stream::Stderr, "wasm backtrace").await;
        assert_eq!(served.get("/error").await.0, StatusCode::INTERNAL_SERVER_ERROR);
        served.writes(Stream::Stderr, "of its own").await;
        assert_eq!(served.get("/sleep?60000").await.0, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(served.get("/").await.0, StatusCode::OK);
        served.until(|usage| usage.failed == 3 && usage.instances == 0).await;
    }
    let served = Served::of(&rig, Wasi::P2, limits).await;
    for (path, status) in [
        ("/never", StatusCode::INTERNAL_SERVER_ERROR),
        ("/spin", StatusCode::GATEWAY_TIMEOUT),
        ("/status?418", StatusCode::IM_A_TEAPOT),
    ] {
        assert_eq!(served.get(path).await.0, status, "{path}: {}", served.errors());
    }
    for path in ["/trap-late", "/unfinished", "/short"] {
        let cut = match served.try_send("GET", path, Bytes::new()).await {
            Ok(answer) => answer.into_body().collect().await.is_err(),
            Err(_) => true,
        };
        assert!(cut, "{path}");
    }
    assert_eq!(served.get("/").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_any_more_ends_its_instance() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
    let answer = served.try_send("GET", "/endless", Bytes::new()).await.expect("a head");
    served.until(|usage| usage.instances == 1).await;
    drop(answer);
    served.until(|usage| usage.instances == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_the_containers_and_running_out_of_it_is_one_requests_end() {
    let rig = Rig::new();
    let mut spec = spec(&rig, Wasi::P2).await;
    spec.limits.memory_bytes = 16 << 20;
    let served = Served::start(&rig, spec).await;
    assert_eq!(served.get("/grow").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    served.writes(Stream::Stderr, "out of memory").await;
    let cut = served.try_send("GET", "/grow-late", Bytes::new()).await.map(hyper::Response::into_body);
    assert!(match cut {
        Ok(body) => body.collect().await.is_err(),
        Err(_) => true,
    });
    served.until(|usage| usage.instances == 0).await;
    assert_eq!(served.get("/").await.0, StatusCode::OK);
    assert_eq!(served.guest.usage().memory_bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_limits_the_answer_is_503_with_retry_after() {
    let rig = Rig::new();
    let limits = ServiceSpec { instances: 1, queue: 1, queue_ms: 100, ..ServiceSpec::default() };
    let served = Served::of(&rig, Wasi::P2, limits).await;
    let busy = tokio::spawn({
        let stream = TcpStream::connect(served.address).await.expect("connects");
        async move {
            let mut stream = stream;
            stream.write_all(b"GET /sleep?60000 HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
            let _ = stream.read_u8().await;
        }
    });
    served.until(|usage| usage.instances == 1).await;
    let waits = served.try_send("GET", "/", Bytes::new());
    let refused = async {
        served.until(|usage| usage.queued == 1).await;
        let answer = served.try_send("GET", "/", Bytes::new()).await.expect("an answer");
        (answer.status(), answer.headers()["retry-after"].clone())
    };
    let (waited, refused) = tokio::join!(waits, refused);
    assert_eq!(waited.expect("an answer").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, "1".parse().expect("a value")));
    assert_eq!(served.usage().refused, 2);
    busy.abort();
    served.until(|usage| usage.instances == 0).await;
    assert_eq!(served.get("/").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec { body_bytes: 100, ..ServiceSpec::default() }).await;
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(70 << 10));
    let fields = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (text, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\n bad: fold\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", "400"),
        ("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 101\r\n\r\n", "413"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", "501"),
        (&long, "431"),
        (&fields, "431"),
    ] {
        let text = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let answer = served.raw(text.as_bytes()).await;
        let begin: String = text.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{begin:?}: {answer:?}");
    }
    // Two lengths: the chunks count, and what follows them is no second request.
    let smuggled = "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n\
                    0\r\n\r\nGET /status?418 HTTP/1.1\r\nhost: a\r\n\r\n";
    assert!(!served.raw(smuggled.as_bytes()).await.contains("418"));
    assert_eq!(served.get("/").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_the_limit_is_not_taken() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec { body_bytes: 100, ..ServiceSpec::default() }).await;
    let chunked = |bytes: usize| {
        let body = format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(bytes));
        format!("POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    };
    assert!(served.raw(chunked(100).as_bytes()).await.starts_with("HTTP/1.1 200"));
    let answer = served.raw(chunked(101).as_bytes()).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_does_after_its_answer_comes_to_its_end() {
    let rig = Rig::new();
    for wasi in SERVICES {
        let served = Served::of(&rig, wasi, ServiceSpec::default()).await;
        assert_eq!(served.get("/after").await.1, "answered");
        served.writes(Stream::Stdout, "afterwards\n").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_what_began_come_to_its_end() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
    let answer = served.try_send("GET", "/sleep?100", Bytes::new());
    let stop = async {
        served.until(|usage| usage.instances == 1).await;
        served.guest.stop(Stop::Terminate);
    };
    let (answer, ()) = tokio::join!(answer, stop);
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    assert_eq!(served.guest.wait().await, Exit::Signalled(143));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_waits_for_nobody_also_after_a_stop() {
    let rig = Rig::new();
    for first in [Stop::Kill, Stop::Terminate] {
        let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
        let answer = served.try_send("GET", "/sleep?60000", Bytes::new());
        let stop = async {
            served.until(|usage| usage.instances == 1).await;
            served.guest.stop(first);
            served.guest.stop(Stop::Kill);
            served.guest.wait().await
        };
        let (answer, exit) = tokio::join!(answer, stop);
        assert!(answer.is_err());
        assert_eq!(exit, Exit::Signalled(if first == Stop::Kill { 137 } else { 143 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_service_answers_when_it_goes_on() {
    let rig = Rig::new();
    let served = Served::of(&rig, Wasi::P2, ServiceSpec::default()).await;
    let mut slow = std::pin::pin!(served.get("/sleep?100"));
    tokio::select! {
        _ = &mut slow => panic!("it sleeps"),
        () = served.until(|usage| usage.instances == 1) => served.guest.pause(true),
    }
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut slow).await.is_err());
    served.guest.pause(false);
    assert_eq!(slow.await.0, StatusCode::OK);
}

/// A member of a network, with this address and name.
fn member(host: u8, name: &str) -> NetworkSpec {
    let endpoint = EndpointSpec {
        network: "front".into(),
        v4: Some([10, 0, 0, host].into()),
        prefix_v4: 24,
        names: vec![name.into()],
        ..EndpointSpec::default()
    };
    NetworkSpec { mode: NetworkMode::Virtual, endpoints: vec![endpoint], ..NetworkSpec::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_call_one_another_by_name() {
    for wasi in SERVICES {
        let rig = Rig::new();
        let named = async |host, name: &str, wasi| {
            let spec = Spec { network: member(host, name), ..spec(&rig, wasi).await };
            Served::start(&rig, spec).await
        };
        let (front, back) = (named(2, "front", wasi).await, named(3, "back", Wasi::P2).await);
        assert_eq!(front.get("/fetch?back:8080/count").await, (StatusCode::OK, "1".to_owned()), "{wasi:?}");
        assert_eq!(front.get("/fetch?10.0.0.3:8080/status?418").await.0, StatusCode::IM_A_TEAPOT);
        let (status, why) = front.get("/fetch?back:81/").await;
        assert!(status.is_server_error(), "{why}");
        assert!(front.get("/fetch?nobody:8080/").await.0.is_server_error());
        assert!(front.get("/fetch?198.51.100.1:80/").await.0.is_server_error());
        let usage = back.usage();
        assert_eq!((usage.requests, usage.connections), (2, 0), "no connection was made");
        assert_eq!(front.guest.usage().network.refused, 1);
    }
}
