//! Networks of real guests in real, confined worker processes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here fails a test")]

mod roles;
mod setup;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use setup::{Events, PATIENCE, Place};
use sprat_sandbox::{EndpointSpec, Exit, NetworkMode, NetworkSpec, Protocol, PublishedPort, RemoteMember, Stop};
use sprat_worker::{Attachment, Client, ClientError, Event, NetworkChange, StartRequest};

/// The guest that the sandbox's tests use, which knows steps with sockets.
fn guest() -> Vec<u8> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/tests/guests/Cargo.toml");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--target", "wasm32-wasip2", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&folder)
        .env_remove("RUSTFLAGS")
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read(folder.join("wasm32-wasip2/release/guest.wasm")).unwrap()
}

struct World {
    place: Place,
    wasm: Vec<u8>,
}

struct Worker {
    client: Client,
    events: Events,
}

impl World {
    fn new() -> Self {
        Self { place: Place::new(), wasm: guest() }
    }

    async fn worker(&self, name: &str, shared: bool, network: bool) -> Worker {
        let (client, events) = self.place.worker(name, shared, network).await;
        Worker { client, events }
    }

    async fn request(&self, id: &str, shared: bool, network: NetworkSpec, steps: &str) -> StartRequest {
        let program = self.place.program(&self.wasm, shared).await;
        let mut request = self.place.request(id, program, network);
        request.spec.args.extend(steps.split_whitespace().map(ToOwned::to_owned));
        request
    }
}

impl Worker {
    async fn exit(&mut self) -> (String, Exit) {
        match tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap().1 {
            Event::Exited { id, exit, .. } => (id, exit),
            other => panic!("{other:?}"),
        }
    }

    /// Starts a guest and waits until it says that it listens.
    async fn serve(&self, request: &StartRequest, sockets: Vec<OwnedFd>) -> Attachment {
        let mut attachment = self.client.attach(&request.id, false).await.unwrap();
        self.client.start(request, sockets).await.unwrap();
        listens(&mut attachment).await;
        attachment
    }

    /// Runs a guest to its end and gives what it printed.
    async fn run(&mut self, request: &StartRequest) -> String {
        let mut attachment = self.client.attach(&request.id, false).await.unwrap();
        self.client.start(request, Vec::new()).await.unwrap();
        let mut seen = Vec::new();
        while let Some((_, bytes)) = attachment.output.recv().await {
            seen.extend_from_slice(&bytes);
        }
        let seen = String::from_utf8(seen).unwrap();
        assert_eq!(self.exit().await, (request.id.clone(), Exit::Code(0)), "{seen}");
        seen
    }
}

/// Waits until a guest says that it listens, or listens at its next step.
async fn listens(attachment: &mut Attachment) {
    let mut seen = String::new();
    while !seen.contains("listening") {
        let (_, bytes) = tokio::time::timeout(PATIENCE, attachment.output.recv()).await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
}

fn on_network(last: u8, names: &[&str]) -> NetworkSpec {
    let endpoint = EndpointSpec {
        network: "net".into(),
        v4: Some(Ipv4Addr::new(10, 9, 0, last)),
        prefix_v4: 24,
        names: names.iter().map(ToString::to_string).collect(),
        ..EndpointSpec::default()
    };
    NetworkSpec { mode: NetworkMode::Virtual, endpoints: vec![endpoint], ..NetworkSpec::default() }
}

fn call(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_ports_are_served_by_workers_that_can_make_no_socket() {
    for shared in [true, false] {
        let world = World::new();
        let mut worker = world.worker("w1", shared, false).await;
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        let mut network = on_network(2, &[]);
        let published = |container, protocol| PublishedPort { container, protocol };
        network.published = vec![published(80, Protocol::Tcp), published(53, Protocol::Udp)];
        let request = world.request("web", shared, network, "serve 0.0.0.0:80 1 ; udp-serve 0.0.0.0:53 1").await;
        worker.client.start(&request, vec![tcp.into(), udp.into()]).await.unwrap();
        assert_eq!(tokio::task::spawn_blocking(move || call(port)).await.unwrap(), "hello");
        let asked = tokio::task::spawn_blocking(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let mut buffer = [0; 10];
            // It may not be bound yet: what came to the host's socket before waits there, so one is enough.
            socket.send_to(b"ask", ("127.0.0.1", udp_port)).unwrap();
            loop {
                if let Ok(read) = socket.recv(&mut buffer) {
                    return buffer[..read].to_vec();
                }
            }
        });
        assert_eq!(tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap(), b"ask");
        assert_eq!(worker.exit().await, ("web".into(), Exit::Code(0)));
        worker.client.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_of_two_workers_talk_through_the_socket_that_joins_them() {
    let world = World::new();
    let (mut left, mut right) = (world.worker("w1", true, false).await, world.worker("w2", false, false).await);
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    left.client.peer("w2", one.into()).await.unwrap();
    right.client.peer("w1", other.into()).await.unwrap();
    let member = |last, name: &str, worker: &str| NetworkChange::Member {
        network: "net".into(),
        member: RemoteMember {
            names: vec![name.into()],
            v4: Some(Ipv4Addr::new(10, 9, 0, last)),
            v6: None,
            worker: worker.into(),
        },
    };
    left.client.network(&member(3, "db", "w2")).await.unwrap();
    right.client.network(&member(2, "web", "w1")).await.unwrap();
    let steps = "serve 0.0.0.0:80 1 ; sink 0.0.0.0:81 ; udp-serve 0.0.0.0:53 1";
    let server = world.request("db", false, on_network(3, &["db"]), steps).await;
    let mut serving = right.serve(&server, Vec::new()).await;
    let steps = "resolve db ; call db:80 hello";
    let caller = world.request("web", true, on_network(2, &["web"]), steps).await;
    assert_eq!(left.run(&caller).await, "10.9.0.3\nhello\n");
    left.client.forget("web").await.unwrap();
    listens(&mut serving).await;
    let pump = world.request("web", true, on_network(2, &["web"]), "pump db:81 5000000").await;
    left.run(&pump).await;
    listens(&mut serving).await;
    let ask = world.request("ask", true, on_network(2, &["web"]), "udp-call 0.0.0.0:0 db:53 ask").await;
    assert_eq!(left.run(&ask).await, "ask\n");
    assert_eq!(right.exit().await, ("db".into(), Exit::Code(0)));
    right.client.shutdown().await.unwrap();
    left.client.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_of_guests_that_run_are_changed_and_mistakes_are_told() {
    let world = World::new();
    let mut worker = world.worker("w1", true, false).await;
    let server = world.request("db", true, on_network(3, &["db"]), "serve 0.0.0.0:80 2").await;
    worker.serve(&server, Vec::new()).await;
    let endpoint = EndpointSpec {
        network: "other".into(),
        v4: Some(Ipv4Addr::new(10, 8, 0, 3)),
        prefix_v4: 24,
        names: vec!["store".into()],
        ..EndpointSpec::default()
    };
    let connect = NetworkChange::Connect { id: "db".into(), endpoint };
    worker.client.network(&connect).await.unwrap();
    // Told anew it gives the place other names.
    worker.client.network(&connect).await.unwrap();
    let gone = NetworkChange::Disconnect { id: "nobody".into(), network: "net".into() };
    let error = worker.client.network(&gone).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code, .. } if code == "no-such-guest"));
    let disconnect = NetworkChange::Disconnect { id: "db".into(), network: "net".into() };
    worker.client.network(&disconnect).await.unwrap();
    let mut other = on_network(9, &[]);
    other.endpoints[0].network = "other".into();
    other.endpoints[0].v4 = Some(Ipv4Addr::new(10, 8, 0, 9));
    let caller = world.request("web", true, other, "call store:80 hello").await;
    assert_eq!(worker.run(&caller).await, "hello\n");
    // Sockets that are not as many as the ports.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let wrong = world.request("wrong", true, on_network(8, &[]), "bind 0.0.0.0:80").await;
    let error = worker.client.start(&wrong, vec![socket.into()]).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code, .. } if code == "network"));
    worker.client.stop("db", Stop::Kill).await.unwrap();
    worker.exit().await;
    worker.client.shutdown().await.unwrap();
}
