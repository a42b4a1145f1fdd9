//! Networks: guests that talk to each other, to themselves and to the host.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use sprat_program::Wasi;
use sprat_sandbox::{
    Egress, EndpointSpec, Exit, Guest, NetworkMode, NetworkSpec, Outside, Protocol, PublishedPort, Spec, Stdio, Stop,
    Stream,
};

use crate::rig::{Collected, Fed, Ran, Rig, until};

/// A place on network `net`, 10.9.0.0/24.
fn endpoint(last: u8, names: &[&str]) -> EndpointSpec {
    EndpointSpec {
        network: "net".into(),
        v4: Some(Ipv4Addr::new(10, 9, 0, last)),
        prefix_v4: 24,
        gateway_v4: Some(Ipv4Addr::new(10, 9, 0, 1)),
        v6: Some(format!("fd00::{last}").parse().unwrap()),
        prefix_v6: 64,
        names: names.iter().map(ToString::to_string).collect(),
        ..EndpointSpec::default()
    }
}

fn on_network(last: u8, names: &[&str]) -> NetworkSpec {
    NetworkSpec { mode: NetworkMode::Virtual, endpoints: vec![endpoint(last, names)], ..NetworkSpec::default() }
}

async fn spec(rig: &Rig, network: NetworkSpec, steps: &str) -> Spec {
    let mut spec = rig.spec(Wasi::P2, &steps.split_whitespace().collect::<Vec<_>>()).await;
    spec.network = network;
    spec
}

/// A guest that was started, with what it printed.
struct Server {
    guest: Guest,
    output: Arc<Collected>,
    input: Arc<Fed>,
}

impl Server {
    /// Starts a guest and waits until it says that it listens.
    async fn start(rig: &Rig, network: NetworkSpec, steps: &str) -> Self {
        Self::start_spec(rig, spec(rig, network, steps).await).await
    }

    async fn start_spec(rig: &Rig, spec: Spec) -> Self {
        let (output, input) = (Arc::<Collected>::default(), Arc::<Fed>::default());
        let guest = rig.start(spec, Some(Arc::clone(&input) as _), &output).await;
        let server = Self { guest, output, input };
        server.said("listening").await;
        server
    }

    async fn said(&self, text: &str) {
        let said = until(|| self.output.text(Stream::Stdout).contains(text));
        if tokio::time::timeout(Duration::from_secs(30), said).await.is_err() {
            panic!("{:?} {}", self.output.text(Stream::Stdout), self.output.text(Stream::Stderr));
        }
    }

    /// Waits for its end and gives the last line.
    async fn ended(self) -> String {
        let exit = self.guest.wait().await;
        let text = self.output.text(Stream::Stdout);
        assert_eq!(exit, Exit::Code(0), "{text} {}", self.output.text(Stream::Stderr));
        text.lines().last().unwrap_or_default().to_owned()
    }
}

async fn run(rig: &Rig, network: NetworkSpec, steps: &str) -> Ran {
    rig.run_spec(spec(rig, network, steps).await).await
}

#[tokio::test]
async fn guests_of_a_network_talk_by_address_and_by_name() {
    let rig = Rig::new();
    let server =
        Server::start(&rig, on_network(2, &["db", "Primary"]), "serve 0.0.0.0:8080 2 ; serve [::]:8080 1").await;
    let other = || on_network(3, &["web"]);
    assert_eq!(run(&rig, other(), "call 10.9.0.2:8080 hello").await.printed(), "hello");
    assert_eq!(run(&rig, other(), "resolve db ; call PRIMARY:8080 again").await.printed(), "10.9.0.2,fd00::2\nagain");
    until(|| server.output.text(Stream::Stdout).matches("listening").count() == 2).await;
    assert_eq!(run(&rig, other(), "call [fd00::2]:8080 six").await.printed(), "six");
    let usage = server.guest.usage().network;
    server.ended().await;
    assert_eq!((usage.received_bytes, usage.sent_bytes), (13, 13));
}

#[tokio::test]
async fn two_guests_listen_on_the_same_port_and_each_has_its_own_loopback() {
    let rig = Rig::new();
    let _servers = [
        Server::start(&rig, on_network(2, &[]), "who-calls 0.0.0.0:80").await,
        Server::start(&rig, on_network(3, &[]), "who-calls 0.0.0.0:80").await,
    ];
    assert_eq!(run(&rig, on_network(4, &[]), "addresses 10.9.0.3:80").await.printed(), "10.9.0.4 10.9.0.3:80");
    // There, but not on this one's loopback; nor is anything of the host.
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    for address in ["127.0.0.1:80", "localhost:80", "10.9.0.4:80", &format!("127.0.0.1:{port}")] {
        let ran = run(&rig, on_network(4, &[]), &format!("fails call {address} x")).await;
        assert_eq!(ran.printed(), "ConnectionRefused", "{address}");
    }
}

#[tokio::test]
async fn the_caller_and_the_called_see_each_others_addresses() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &[]), "who-calls 0.0.0.0:80").await;
    run(&rig, on_network(4, &[]), "addresses 10.9.0.2:80").await.printed();
    assert_eq!(server.ended().await, "10.9.0.4 10.9.0.2:80");
}

#[tokio::test]
async fn what_is_not_there_is_refused_or_out_of_reach() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &["db"]), "hold 127.0.0.1:80").await;
    let mut other = endpoint(9, &["far"]);
    other.network = "other".into();
    other.v4 = Some(Ipv4Addr::new(10, 8, 0, 9));
    other.v6 = None;
    let far = NetworkSpec { mode: NetworkMode::Virtual, endpoints: vec![other], ..NetworkSpec::default() };
    let _far = Server::start(&rig, far, "hold 0.0.0.0:80").await;
    for (steps, expected) in [
        // It listens on its loopback only.
        ("call 10.9.0.2:80 x", "ConnectionRefused"),
        ("call 10.9.0.2:81 x", "ConnectionRefused"),
        ("call 10.9.0.77:80 x", "HostUnreachable"),
        // On another network.
        ("call 10.8.0.9:80 x", "PermissionDenied"),
        ("call 10.9.0.1:80 x", "PermissionDenied"),
        ("bind 10.9.0.2:80", "AddrNotAvailable"),
        ("bind-twice 0.0.0.0:80 0.0.0.0:80", "AddrInUse"),
        ("bind-twice 127.0.0.1:80 0.0.0.0:80", "AddrInUse"),
        ("udp-send 10.9.0.77:80", "HostUnreachable"),
    ] {
        let ran = run(&rig, on_network(3, &[]), &format!("fails {steps}")).await;
        assert_eq!(ran.printed(), expected, "{steps}");
    }
    for name in ["far", "nobody", "db.example"] {
        assert_eq!(run(&rig, on_network(3, &[]), &format!("resolve {name}")).await.exit, Exit::Code(1), "{name}");
    }
    server.input.end();
    server.ended().await;
}

#[tokio::test]
async fn a_guest_without_networks_has_its_loopback_only() {
    let rig = Rig::new();
    let ran =
        run(&rig, NetworkSpec::default(), "resolve localhost ; bind 127.0.0.1:80 ; fails call 127.0.0.1:80 x").await;
    assert_eq!(ran.printed(), "127.0.0.1,::1\nConnectionRefused");
    for steps in ["call 10.9.0.2:80 x", "call 93.184.216.34:80 x", "udp-send 8.8.8.8:53"] {
        assert_eq!(
            run(&rig, NetworkSpec::default(), &format!("fails {steps}")).await.printed(),
            "HostUnreachable",
            "{steps}"
        );
    }
}

#[tokio::test]
async fn extra_hosts_come_first_and_two_members_of_a_name_take_turns() {
    let rig = Rig::new();
    let _members = [
        Server::start(&rig, on_network(2, &["db"]), "hold 0.0.0.0:80").await,
        Server::start(&rig, on_network(3, &["db", "other"]), "hold 0.0.0.0:80").await,
    ];
    let mut network = on_network(4, &[]);
    network.endpoints[0].v6 = None;
    network.hosts = vec![("other".into(), IpAddr::V4(Ipv4Addr::new(10, 9, 0, 99)))];
    let ran = run(&rig, network, "resolve other ; resolve db ; resolve db").await;
    let lines: Vec<_> = ran.printed().lines().collect();
    assert_eq!(lines[0], "10.9.0.99");
    assert_ne!(lines[1], lines[2]);
}

#[tokio::test]
async fn much_flows_whole_with_backpressure() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &["db"]), "sink 0.0.0.0:80").await;
    run(&rig, on_network(3, &[]), "pump db:80 20000000").await.printed();
    assert!(server.ended().await.starts_with("20000000 "));
}

#[tokio::test]
async fn who_does_not_read_stops_who_writes_at_the_buffers_end() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &["db"]), "hold 0.0.0.0:80").await;
    let ran = run(&rig, on_network(3, &[]), "fill-unread db:80").await;
    let written: usize = ran.printed().parse().unwrap();
    assert!((256 << 10..=(256 << 10) + 1000).contains(&written), "{written}");
    server.guest.stop(Stop::Kill);
}

#[tokio::test]
async fn who_leaves_in_the_middle_makes_writes_fail_and_so_does_its_end() {
    let rig = Rig::new();
    let _server = Server::start(&rig, on_network(2, &["db"]), "read-one-then-leave 0.0.0.0:80").await;
    let ran = run(&rig, on_network(3, &[]), "fails write-until-it-fails db:80").await;
    assert!(["ConnectionReset", "BrokenPipe"].contains(&ran.printed()), "{}", ran.out);
    let server = Server::start(&rig, on_network(2, &["db"]), "hold 0.0.0.0:80").await;
    let caller = Server::start_caller(&rig, "write-until-it-fails db:80").await;
    server.guest.stop(Stop::Kill);
    assert_eq!(caller.wait().await, Exit::Code(1));
}

impl Server {
    async fn start_caller(rig: &Rig, steps: &str) -> Guest {
        rig.start(spec(rig, on_network(3, &[]), steps).await, None, &Arc::default()).await
    }
}

#[tokio::test]
async fn a_full_backlog_makes_callers_wait_and_the_limit_of_open_files_counts_sockets() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &["db"]), "hold 0.0.0.0:80").await;
    // Rust's listener has a backlog of 128.
    let mut caller = spec(&rig, on_network(3, &[]), "connect-many db:80 1000").await;
    caller.limits.open_files = 100;
    assert_eq!(rig.run_spec(caller.clone()).await.printed(), "100 then Uncategorized");
    caller.limits.open_files = 1000;
    let output = Arc::<Collected>::default();
    let waiting = rig.start(caller, None, &output).await;
    // A hundred of the callers that are gone still wait to be accepted, so the next but 28 has no place.
    until(|| waiting.usage().open_files > 28).await;
    server.guest.stop(Stop::Kill);
    server.guest.wait().await;
    assert_eq!(waiting.wait().await, Exit::Code(0));
    let text = output.text(Stream::Stdout);
    assert_eq!(text, "28 then ConnectionRefused\n");
}

#[tokio::test]
async fn datagrams_go_between_guests_and_what_has_no_room_is_lost() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &["db"]), "udp-serve 0.0.0.0:53 2").await;
    assert_eq!(run(&rig, on_network(3, &[]), "udp-call 0.0.0.0:0 10.9.0.2:53 hello").await.printed(), "hello");
    assert_eq!(run(&rig, on_network(3, &[]), "udp-call 10.9.0.3:99 db:53 again").await.printed(), "again");
    server.ended().await;
    let counter = Server::start(&rig, on_network(2, &["db"]), "udp-count 0.0.0.0:53").await;
    assert_eq!(run(&rig, on_network(3, &[]), "udp-flood 10.9.0.2:53 1000").await.printed(), "sent");
    counter.input.end();
    assert_eq!(counter.ended().await, "256");
    let ran = run(&rig, on_network(3, &[]), "udp-send 10.9.0.2:1 ; udp-too-large 10.9.0.2:1").await;
    assert_eq!(ran.exit, Exit::Code(1));
}

fn with_egress(rules: &str) -> NetworkSpec {
    NetworkSpec { egress: Egress::parse(rules).unwrap(), ..on_network(3, &[]) }
}

#[tokio::test]
async fn egress_reaches_the_host_by_its_gateway_if_a_rule_allows_it() {
    let rig = Rig::new();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = host.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
    });
    let call = format!("call 10.9.0.1:{port} hello");
    let ran = run(&rig, with_egress(&format!("10.9.0.1:{}", port ^ 1)), &format!("fails {call}")).await;
    assert_eq!(ran.printed(), "PermissionDenied");
    assert!(ran.err.contains(&format!("--egress 10.9.0.1:{port}")), "{}", ran.err);
    assert_eq!(ran.guest.usage().network.refused, 1);
    let ran = run(&rig, with_egress(&format!("10.9.0.1:{port}")), &call).await;
    assert_eq!(ran.printed(), "hello");
    echo.join().unwrap();
    let mut internal = with_egress("*");
    internal.endpoints[0].internal = true;
    assert_eq!(run(&rig, internal, "fails call 93.184.216.34:80 x").await.printed(), "HostUnreachable");
}

#[tokio::test]
async fn datagrams_leave_by_egress_and_only_who_was_asked_answers() {
    let rig = Rig::new();
    let host = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 100];
        let (read, from) = host.recv_from(&mut buffer).unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"stranger", from).unwrap();
        host.send_to(&buffer[..read], from).unwrap();
    });
    let denied = run(&rig, on_network(3, &[]), &format!("fails udp-send 10.9.0.1:{port}")).await;
    assert_eq!(denied.printed(), "PermissionDenied");
    let ran = run(&rig, with_egress("10.9.0.1"), &format!("udp-call 0.0.0.0:0 10.9.0.1:{port} hello")).await;
    assert_eq!(ran.printed(), "hello");
    echo.join().unwrap();
}

#[tokio::test]
async fn in_host_mode_ports_are_the_hosts() {
    let rig = Rig::new();
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let network = || NetworkSpec { mode: NetworkMode::Host, ..NetworkSpec::default() };
    assert_eq!(run(&rig, network(), &format!("fails bind 127.0.0.1:{port}")).await.printed(), "AddrInUse");
    drop(host);
    let server = Server::start(&rig, network(), &format!("serve 127.0.0.1:{port} 1")).await;
    let call = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(call.await.unwrap(), "hello");
    server.ended().await;
    assert_eq!(run(&rig, network(), "fails call 93.184.216.34:80 x").await.printed(), "PermissionDenied");
}

#[tokio::test]
async fn published_ports_are_accepted_by_the_guest_itself_once_it_listens() {
    let rig = Rig::new();
    let sockets = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (ports, udp_port) =
        (sockets.each_ref().map(|socket| socket.local_addr().unwrap().port()), udp.local_addr().unwrap());
    let mut network = on_network(2, &["web"]);
    let port = |container, protocol| PublishedPort { container, protocol };
    network.published = vec![port(80, Protocol::Tcp), port(80, Protocol::Tcp), port(53, Protocol::Udp)];
    let spec = spec(&rig, network, "serve 0.0.0.0:80 3 ; udp-serve 0.0.0.0:53 1").await;
    let output = Arc::<Collected>::default();
    // Called before anybody listens.
    let early = std::thread::spawn(move || call_host(ports[0], "early"));
    let [first, second] = sockets;
    let handed = Outside { sockets: vec![first.into(), second.into(), udp.into()], resolver: None };
    let stdio = Stdio { input: None, output: Arc::clone(&output) as _ };
    let guest = rig.sandbox.start_with(spec, stdio, handed).await.unwrap();
    let late = tokio::task::spawn_blocking(move || call_host(ports[1], "late"));
    assert_eq!(late.await.unwrap(), "late");
    assert_eq!(run(&rig, on_network(3, &[]), "call web:80 inside").await.printed(), "inside");
    assert_eq!(tokio::task::spawn_blocking(|| early.join().unwrap()).await.unwrap(), "early");
    let asked = tokio::task::spawn_blocking(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(udp_port).unwrap();
        socket.send(b"ask").unwrap();
        let mut buffer = [0; 10];
        let read = socket.recv(&mut buffer).unwrap();
        buffer[..read].to_vec()
    });
    assert_eq!(asked.await.unwrap(), b"ask");
    assert_eq!(guest.wait().await, Exit::Code(0));
    // The container's end closes them.
    assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_err());
}

#[tokio::test]
async fn a_program_of_wasi_0_1_accepts_on_the_ports_it_exposes() {
    let rig = Rig::new();
    for cwd in ["/", "/srv"] {
        let mut network = on_network(2, &["web"]);
        let tcp = |container| PublishedPort { container, protocol: Protocol::Tcp };
        network.exposed =
            vec![tcp(9090), tcp(8080), tcp(8080), PublishedPort { container: 1, protocol: Protocol::Udp }];
        let mut spec = rig.spec(Wasi::P1, &["serve-given", "1", "2", ";", "serve-given", "0", "1"]).await;
        (spec.network, spec.cwd) = (network, cwd.into());
        let server = Server::start_spec(&rig, spec).await;
        assert!(server.output.text(Stream::Stdout).contains("8080:9090"));
        for text in ["one", "two"] {
            assert_eq!(run(&rig, on_network(3, &[]), &format!("call web:9090 {text}")).await.printed(), text);
        }
        assert_eq!(run(&rig, on_network(3, &[]), "call web:8080 three").await.printed(), "three");
        server.ended().await;
    }
}

fn call_host(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn networks_come_and_go_while_a_guest_runs() {
    let rig = Rig::new();
    let server =
        Server::start(&rig, NetworkSpec { mode: NetworkMode::Virtual, ..<_>::default() }, "hold 0.0.0.0:80").await;
    server.guest.connect(endpoint(2, &["db"])).unwrap();
    assert!(server.guest.connect(endpoint(5, &["db"])).is_err(), "it is there already");
    assert_eq!(run(&rig, on_network(3, &[]), "addresses db:80").await.printed(), "10.9.0.3 10.9.0.2:80");
    let caller = Server::start_caller(&rig, "write-until-it-fails db:80").await;
    until(|| caller.usage().network.sent_bytes >= 256 << 10).await;
    server.guest.disconnect("net").unwrap();
    assert_eq!(caller.wait().await, Exit::Code(1));
    assert!(server.guest.disconnect("net").is_err());
    assert_eq!(run(&rig, on_network(3, &[]), "resolve db").await.exit, Exit::Code(1));
    server.input.end();
    server.ended().await;
}

#[tokio::test]
async fn an_address_is_one_guests_until_its_end() {
    let rig = Rig::new();
    let server = Server::start(&rig, on_network(2, &[]), "hold 0.0.0.0:80").await;
    let second = spec(&rig, on_network(2, &[]), "bind 0.0.0.0:80").await;
    let output: Arc<Collected> = Arc::default();
    let stdio = Stdio { input: None, output: output as _ };
    let error = rig.sandbox.start(second.clone(), stdio).await.unwrap_err();
    assert_eq!(error.to_string(), "address 10.9.0.2 of network net is in use");
    server.guest.stop(Stop::Kill);
    server.guest.wait().await;
    rig.run_spec(second).await.printed();
}

#[tokio::test]
async fn thousands_of_ports_and_sockets_of_one_guest_stay_its_own() {
    let rig = Rig::new();
    let mut many = spec(&rig, on_network(2, &[]), "bind-many 100000").await;
    many.limits.open_files = 30_000;
    let ran = rig.run_spec(many).await;
    assert!(ran.printed().starts_with("28232 then"), "{}", ran.out);
    run(&rig, on_network(3, &[]), "bind 0.0.0.0:40000").await.printed();
}

#[tokio::test]
async fn programs_of_wasi_0_3_talk_to_others() {
    let rig = Rig::new();
    let concurrent = async |network: NetworkSpec, steps: &str| {
        let mut spec = rig.spec(Wasi::P3, &steps.split_whitespace().collect::<Vec<_>>()).await;
        spec.network = network;
        spec
    };
    let steps = "serve 0.0.0.0:80 2 ; udp-serve 0.0.0.0:53 2";
    let server = Server::start_spec(&rig, concurrent(on_network(2, &["db"]), steps).await).await;
    let steps =
        "resolve db ; call 10.9.0.2:80 three ; call 10.9.0.2:81 x ; connect-and-drop 10.9.0.77:80 ; resolve nobody";
    let ran = rig.run_spec(concurrent(on_network(3, &[]), steps).await).await;
    let lines: Vec<_> = ran.printed().lines().collect();
    assert_eq!(lines[..2], ["1", "three"]);
    for (line, code) in lines[2..].iter().zip(["ConnectionRefused", "RemoteUnreachable", "NameUnresolvable"]) {
        assert!(line.contains(code), "{line}");
    }
    assert_eq!(run(&rig, on_network(4, &[]), "call db:80 two").await.printed(), "two");
    until(|| server.output.text(Stream::Stdout).matches("listening").count() == 2).await;
    let ran = rig.run_spec(concurrent(on_network(3, &[]), "udp-call 10.9.0.2:53 three").await).await;
    assert_eq!(ran.printed(), "three");
    assert_eq!(run(&rig, on_network(4, &[]), "udp-call 0.0.0.0:0 db:53 two").await.printed(), "two");
    server.ended().await;
    // A server of 0.2 and a caller of 0.3.
    let server = Server::start(&rig, on_network(2, &[]), "serve 0.0.0.0:80 1").await;
    let ran = rig.run_spec(concurrent(on_network(3, &[]), "call 10.9.0.2:80 mixed").await).await;
    assert_eq!(ran.printed(), "mixed");
    server.ended().await;
}

/// Throughput and latency in memory and through the host's loopback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn in_memory_against_loopback() {
    let rig = Rig::with(20, true);
    let host = NetworkSpec { mode: NetworkMode::Host, ..NetworkSpec::default() };
    for round in 0..3 {
        for (way, [there, here], address) in [
            ("memory", [on_network(2, &[]), on_network(3, &[])], "10.9.0.2:18080"),
            ("loopback", [host.clone(), host.clone()], "127.0.0.1:18080"),
        ] {
            let server = Server::start(&rig, there.clone(), &format!("sink {address}")).await;
            let pumped = run(&rig, here.clone(), &format!("pump {address} 2000000000")).await;
            server.ended().await;
            let server = Server::start(&rig, there, &format!("pong {address}")).await;
            let pinged = run(&rig, here, &format!("ping {address} 20000")).await;
            server.ended().await;
            println!("{round} {way}: {}, {}", pumped.printed(), pinged.printed());
        }
    }
}
