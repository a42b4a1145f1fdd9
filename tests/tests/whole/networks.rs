//! Containers that talk: to each other by name, and with clients of the host.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use sprat_tests::{Installation, rust_guest};

/// How long a container may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(args: &[&str]) -> Installation {
    let sprat = Installation::start_with(args);
    let guest = rust_guest("talk");
    sprat.sprat(&["build", "-q", "-t", "talk", guest.to_str().expect("UTF-8")]).ok();
    sprat
}

/// Runs a container that serves on 8080 and is published at a free port of the loopback, and waits until it listens.
#[track_caller]
fn serve(sprat: &Installation, name: &str, flags: &[&str]) -> SocketAddr {
    let mut args = vec!["run", "-d", "--name", name, "-p", "127.0.0.1::8080"];
    args.extend_from_slice(flags);
    args.extend(["talk", "serve", "8080", name]);
    sprat.sprat(&args).ok();
    published(sprat, name, "8080")
}

#[track_caller]
fn published(sprat: &Installation, name: &str, port: &str) -> SocketAddr {
    listening(sprat, name);
    let shown = sprat.sprat(&["port", name, port]);
    shown.ok().lines().next().expect("a port").parse().expect("an address")
}

#[track_caller]
fn listening(sprat: &Installation, name: &str) {
    let begin = Instant::now();
    while !sprat.sprat(&["logs", name]).stdout.contains("listening") {
        assert!(begin.elapsed() < PATIENCE, "{name} does not listen: {:?}", sprat.sprat(&["logs", name]));
    }
}

/// What a served address answers to a line.
#[track_caller]
fn ask(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it is published");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(format!("{line}\n").as_bytes()).expect("it listens");
    stream.shutdown(Shutdown::Write).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn two_containers_listen_on_one_port_and_talk_by_name() {
    let sprat = start(&[]);
    docker!(sprat, "network", "create", "--subnet", "10.83.0.0/24", "sea").ok();
    let web = serve(&sprat, "web", &["--network", "sea"]);
    let db = serve(&sprat, "db", &["--network", "sea", "--network-alias", "database", "--ip", "10.83.0.77"]);
    let id = docker!(sprat, "inspect", "-f", "{{slice .Id 0 12}}", "db");
    for name in ["db", "database", id.ok(), "10.83.0.77"] {
        assert_eq!(ask(web, &format!("ask {name}:8080 hello")), "db got hello", "{name}");
    }
    assert_eq!(ask(db, "ask web:8080 back"), "web got back");
    assert_eq!(ask(web, "resolve database"), "10.83.0.77");
    let members =
        docker!(sprat, "network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}", "sea");
    assert!(members.ok().contains("db 10.83.0.77/24") && members.ok().contains("web 10.83.0.2/24"), "{members:?}");
    docker!(sprat, "rename", "db", "store").ok();
    assert_eq!(ask(web, "ask store:8080 renamed"), "db got renamed");
    assert!(ask(web, "ask db:8080 gone").starts_with("error"));
    let hosts = ask(web, "read /etc/hosts");
    assert!(hosts.contains("10.83.0.2\t"), "{hosts}");
}

#[test]
fn a_container_joins_and_leaves_a_network_while_it_runs() {
    let sprat = start(&[]);
    for network in ["sea", "lake"] {
        docker!(sprat, "network", "create", network).ok();
    }
    serve(&sprat, "web", &["--network", "sea"]);
    let other = serve(&sprat, "other", &["--network", "lake"]);
    assert!(ask(other, "ask web:8080 x").starts_with("error"));
    docker!(sprat, "network", "connect", "--alias", "guest", "sea", "other").ok();
    assert_eq!(ask(other, "ask web:8080 x"), "web got x");
    assert_eq!(ask(other, "resolve guest").split('.').count(), 4);
    let busy = docker!(sprat, "network", "rm", "sea");
    assert!(busy.status != 0 && busy.stderr.contains("has active endpoints"), "{busy:?}");
    docker!(sprat, "network", "disconnect", "sea", "other").ok();
    assert!(ask(other, "ask web:8080 x").starts_with("error"));
    let networks =
        docker!(sprat, "inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", "other");
    assert_eq!(networks.ok().trim(), "lake");
}

#[test]
fn members_in_different_workers_talk_by_name_and_outlive_the_daemon() {
    let mut sprat = start(&[]);
    sprat.sprat(&["network", "create", "sea"]).ok();
    let web = serve(&sprat, "web", &["--network", "sea"]);
    let alone = serve(&sprat, "alone", &["--network", "sea", "--isolation", "process"]);
    assert_eq!(ask(web, "ask alone:8080 x"), "alone got x");
    assert_eq!(ask(alone, "ask web:8080 x"), "web got x");
    sprat.kill_daemon();
    assert_eq!(ask(web, "ask alone:8080 y"), "alone got y");
    sprat.start_daemon();
    assert_eq!(ask(alone, "ask web:8080 z"), "web got z");
    assert_eq!(published(&sprat, "web", "8080"), web);
    let late = serve(&sprat, "late", &["--network", "sea"]);
    assert_eq!(ask(late, "ask alone:8080 x"), "alone got x");
    assert_eq!(ask(alone, "ask late:8080 x"), "late got x");
    sprat.sprat(&["rm", "-f", "web"]).ok();
    assert!(TcpStream::connect(web).is_err());
    assert!(ask(alone, "ask web:8080 x").starts_with("error"));
}

/// A server of the host that answers one caller after the other.
fn host_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let mut line = String::new();
            // Callers may go away.
            let _ = BufReader::new(&stream).read_line(&mut line);
            let _ = (&stream).write_all(b"host");
        }
    });
    port
}

#[test]
fn nothing_outside_is_reached_unless_it_is_allowed_and_never_from_an_internal_network() {
    let sprat = start(&[]);
    let port = host_server();
    docker!(sprat, "network", "create", "--internal", "inside").ok();
    let target = format!("host.docker.internal:{port}");
    let run = |flags: &[&str]| {
        let mut args = vec!["run", "--rm", "--add-host", "host.docker.internal:host-gateway"];
        args.extend_from_slice(flags);
        args.extend(["talk", "ask", &target, "x"]);
        sprat.sprat(&args)
    };
    let refused = run(&[]);
    assert!(refused.status == 1 && refused.stdout.starts_with("error"), "{refused:?}");
    assert!(refused.stderr.contains("egress"), "{refused:?}");
    assert_eq!(run(&["--egress", "allow"]).ok(), "host");
    assert_eq!(run(&["--label", "dev.sprat.egress=*"]).ok(), "host");
    assert_eq!(run(&["--network", "none", "--egress", "allow"]).status, 1);
    assert_eq!(run(&["--network", "inside", "--egress", "allow"]).status, 1);
    let shown =
        docker!(sprat, "run", "-d", "--annotation", "dev.sprat.egress=api.example.com:443", "talk", "serve", "1", "x");
    let egress = sprat.sprat(&["inspect", "-f", "{{.NetworkSettings.Egress}}", shown.ok()]);
    assert_eq!(egress.ok(), "api.example.com:443");
}

#[test]
fn the_daemons_egress_is_that_of_those_who_say_nothing() {
    let sprat = start(&["--egress", "allow"]);
    let target = format!("host:{}", host_server());
    let run = |flags: &[&str]| {
        let mut args = vec!["run", "--rm", "--add-host", "host:host-gateway"];
        args.extend_from_slice(flags);
        args.extend(["talk", "ask", &target, "x"]);
        sprat.sprat(&args)
    };
    assert_eq!(run(&[]).ok(), "host");
    assert_eq!(run(&["--egress", "deny"]).status, 1);
}

#[test]
fn datagrams_are_published_too_and_ports_are_shown_as_docker_shows_them() {
    let sprat = start(&[]);
    docker!(sprat, "run", "-d", "--name", "echo", "-p", "127.0.0.1::53/udp", "talk", "udp", "53", "echo").ok();
    let address = published(&sprat, "echo", "53/udp");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.send_to(b"ping", address).expect("it is published");
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).expect("it answers");
    assert_eq!((&buffer[..length], from), (b"echo got ping".as_slice(), address));

    docker!(sprat, "run", "-d", "--name", "web", "-p", "8080", "talk", "serve", "8080", "web").ok();
    let shown = docker!(sprat, "port", "web");
    let port = shown.ok().lines().next().and_then(|line| line.rsplit(':').next()).expect("a port").to_owned();
    assert!(shown.ok().starts_with(&format!("8080/tcp -> 0.0.0.0:{port}")), "{shown:?}");
    assert_eq!(sprat.sprat(&["port", "web"]).ok(), shown.ok());
    let ps = docker!(sprat, "ps", "--filter", "name=web", "--format", "{{.Ports}}");
    assert!(ps.ok().contains(&format!("0.0.0.0:{port}->8080/tcp")), "{ps:?}");
    let taken = docker!(sprat, "run", "-d", "-p", &format!("{port}:80"), "talk", "serve", "80", "other");
    assert!(taken.status == 125 && taken.stderr.contains("port is already allocated"), "{taken:?}");
    docker!(sprat, "restart", "-t", "0", "web").ok();
    docker!(sprat, "rm", "-f", "web").ok();
    TcpListener::bind(format!("127.0.0.1:{port}")).expect("it is free again");
}

#[test]
fn links_name_another_container_for_one_alone() {
    let sprat = start(&[]);
    serve(&sprat, "db", &[]);
    let web = serve(&sprat, "web", &["--link", "db:database"]);
    assert_eq!(ask(web, "ask database:8080 x"), "db got x");
    assert!(ask(web, "ask db:8080 x").starts_with("error"), "names are for users' own networks");
    let stopped = docker!(sprat, "run", "--rm", "--link", "nobody:x", "talk", "resolve", "x");
    assert!(stopped.status != 0 && stopped.stderr.contains("No such container: nobody"), "{stopped:?}");
}

#[test]
fn the_verbs_of_the_command_line_do_what_dockers_do() {
    let sprat = start(&[]);
    let id = sprat.sprat(&["network", "create", "--subnet", "10.84.0.0/24", "--label", "a=b", "sea"]).ok().to_owned();
    assert_eq!(docker!(sprat, "network", "ls", "--no-trunc", "-q", "-f", "label=a").ok(), id);
    let theirs = docker!(sprat, "network", "ls", "--format", "{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}");
    assert_eq!(
        sprat.sprat(&["network", "ls", "--format", "{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}"]).ok(),
        theirs.ok()
    );
    let subnet = sprat.sprat(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "sea"]);
    assert_eq!(subnet.ok(), "10.84.0.0/24");
    serve(&sprat, "web", &[]);
    sprat.sprat(&["network", "connect", "--ip", "10.84.0.9", "sea", "web"]).ok();
    let address = docker!(sprat, "inspect", "-f", "{{.NetworkSettings.Networks.sea.IPAddress}}", "web");
    assert_eq!(address.ok(), "10.84.0.9");
    sprat.sprat(&["network", "disconnect", "sea", "web"]).ok();
    let overlap = sprat.sprat(&["network", "create", "--subnet", "10.84.0.0/16", "ocean"]);
    assert!(overlap.status != 0 && overlap.stderr.contains("Pool overlaps"), "{overlap:?}");
    assert!(sprat.sprat(&["network", "prune", "-f"]).ok().contains("sea"));
    let gone = docker!(sprat, "network", "inspect", "sea");
    assert!(gone.status != 0 && gone.stderr.contains("network sea not found"), "{gone:?}");
}

#[test]
fn dockers_command_line_uses_the_context_that_sprat_writes() {
    let sprat = start(&[]);
    let config = sprat.path("docker-config");
    let mut write = sprat.sprat_command(&["context"]);
    assert!(write.env("DOCKER_CONFIG", &config).status().expect("sprat").success());
    let docker = |args: &[&str]| {
        let mut command = std::process::Command::new("docker");
        command.args(args).env("DOCKER_CONFIG", &config).env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
        command.output().ok()
    };
    let Some(used) = docker(&["context", "use", "sprat"]) else { return };
    assert!(used.status.success(), "{used:?}");
    let names = docker(&["network", "ls", "--format", "{{.Name}}"]).expect("docker");
    assert_eq!(String::from_utf8_lossy(&names.stdout).trim(), "bridge\nhost\nnone");
}
