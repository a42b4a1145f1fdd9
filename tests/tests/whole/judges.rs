//! SDKs, Testcontainers and Compose, unmodified: each does a day's work. Compose 1 and bollard have files of their own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sprat_tests::{Installation, Output, example, run, rust_guest};

/// A script of `tests/judges`.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("judges").join(name)
}

/// The folder or program that a variable of `cargo xtask test` names.
pub(crate) fn named(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {variable} names nothing (`cargo xtask test` sets it)");
    }
    found
}

/// An installation with the images that the scripts use; none where the toolbox was not built.
pub(crate) fn stocked() -> Option<Installation> {
    let sprat = Installation::start();
    sprat.sprat(&["build", "-q", "-t", "hello", example("hello").to_str().expect("UTF-8")]).ok();
    crate::toolbox::image_of(&sprat).then_some(sprat)
}

fn judge(sprat: &Installation, program: &Path, name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.arg(script(name)).args(args).env("DOCKER_HOST", sprat.host()).env("DOCKER_CONFIG", sprat.path("docker"));
    run(&mut command, b"")
}

#[test]
fn docker_py_does_a_days_work() {
    let Some(python) = named("PYTHON") else { return };
    let Some(sprat) = stocked() else { return };
    let context = sprat.path("context");
    std::fs::create_dir(&context).expect("the folder is ours");
    std::fs::write(context.join("Dockerfile"), "FROM hello\nLABEL built=yes\nENV A=b\n").expect("it is ours");
    let output = judge(&sprat, &python, "docker_py.py", &["hello", "toolbox", context.to_str().expect("UTF-8")]);
    assert!(output.ok().ends_with("networks ok"), "{output:?}");
}

#[test]
fn dockerode_does_a_days_work() {
    let (Some(_), Some(node)) = (named("SPRAT_TEST_NODE"), sprat_tests::program("node")) else { return };
    let Some(sprat) = stocked() else { return };
    assert_eq!(judge(&sprat, &node, "dockerode.mjs", &["hello", "toolbox"]).ok(), "ok");
}

/// What Testcontainers needs beside `DOCKER_HOST`: nothing, but in a machine that is a container itself (it looks for this file)
/// it would call the network's gateway, which is an address within Sprat.
fn testcontainers(sprat: &Installation, program: &Path, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg(script(name)).args(args).env("DOCKER_HOST", sprat.host()).env("DOCKER_CONFIG", sprat.path("docker"));
    if Path::new("/.dockerenv").exists() {
        command.env("TESTCONTAINERS_HOST_OVERRIDE", "localhost").env("TESTCONTAINERS_CONNECTION_MODE", "docker_host");
    }
    command
}

/// Builds the image `server`: a web server on port 8000.
fn server(sprat: &Installation) {
    let folder = example("guestbook/api");
    sprat.sprat(&["build", "-q", "-t", "server", folder.to_str().expect("UTF-8")]).ok();
}

/// What is there: containers and users' own networks.
fn left(sprat: &Installation) -> String {
    let containers = sprat.sprat(&["ps", "-a", "--format", "{{.Names}}"]);
    let networks = sprat.sprat(&["network", "ls", "-q", "--filter", "type=custom"]);
    [containers.ok(), networks.ok()].concat()
}

/// The event of a reaper's own removal, which comes last.
const REAPED: &str = "container destroy testcontainers-ryuk-";

#[test]
fn testcontainers_for_python_starts_a_server_and_calls_it() {
    let Some(python) = named("PYTHON") else { return };
    let sprat = Installation::start();
    server(&sprat);
    let mut command = testcontainers(&sprat, &python, "testcontainers_py.py", &["server"]);
    assert_eq!(run(&mut command, b"").ok(), "ok");
    assert_eq!(left(&sprat), "");
}

#[test]
fn what_a_killed_testcontainers_for_python_left_is_removed() {
    let Some(python) = named("PYTHON") else { return };
    let sprat = Installation::start();
    server(&sprat);
    sprat.sprat(&["create", "--name", "bystander", "server"]).ok();
    let mut events = sprat.events();
    let mut command = testcontainers(&sprat, &python, "testcontainers_py.py", &["server", "abandon"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it writes");
    assert_eq!(line, "up\n");
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let seen = events.until(REAPED);
    assert!(seen.iter().any(|event| event.starts_with("network destroy ")), "{seen:?}");
    assert_eq!(left(&sprat), "bystander");
}

#[test]
fn testcontainers_for_node_does_a_days_work_and_leaves_nothing() {
    let (Some(_), Some(node)) = (named("SPRAT_TEST_NODE"), sprat_tests::program("node")) else { return };
    let Some(sprat) = stocked() else { return };
    server(&sprat);
    let context = sprat.path("talk");
    std::fs::create_dir(&context).expect("the folder is ours");
    std::fs::copy(rust_guest("talk"), context.join("talk.wasm")).expect("it is ours");
    let dockerfile = "FROM scratch\nCOPY talk.wasm /bin/talk\nENTRYPOINT [\"/bin/talk\"]\n";
    std::fs::write(context.join("Dockerfile"), dockerfile).expect("it is ours");
    sprat.sprat(&["build", "-q", "-t", "talk", context.to_str().expect("UTF-8")]).ok();
    let mut events = sprat.events();
    let mut command = testcontainers(&sprat, &node, "testcontainers_node.mjs", &["server", "talk"]);
    assert_eq!(run(&mut command, b"").ok(), "ok");
    events.until(REAPED);
    assert_eq!(left(&sprat), "");
}

#[test]
fn schemathesis_finds_no_failure_and_no_hang() {
    let Some(python) = named("PYTHON") else { return };
    let sprat = Installation::start();
    crate::image(&sprat, "fuzz", crate::WAIT);
    let mut command = Command::new(python);
    command.args(["-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]).arg(script("fuzz_api.py"));
    // What the tools write they write to their working folder.
    command.current_dir(sprat.path("")).env("DOCKER_CONFIG", sprat.path("docker"));
    let output = run(command.env("DOCKER_HOST", sprat.host()).env("SPRAT_TEST_IMAGE", "fuzz"), b"");
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
}

/// The three tiers of the guestbook as images, and a Compose 2.
fn guestbook(sprat: &Installation) -> Option<PathBuf> {
    let compose = named("SPRAT_TEST_COMPOSE")?;
    guestbook_images(sprat);
    Some(compose)
}

/// The three tiers of the guestbook as images.
pub(crate) fn guestbook_images(sprat: &Installation) {
    for tier in ["web", "api", "store"] {
        let folder = example(&format!("guestbook/{tier}"));
        let tag = format!("guestbook-{tier}");
        sprat.sprat(&["build", "-q", "-t", &tag, folder.to_str().expect("UTF-8")]).ok();
    }
}

/// Adds an entry and reads it back, through all tiers.
fn sign(port: &str) {
    let ask = |request: String| {
        let mut stream = TcpStream::connect(("127.0.0.1", port.parse::<u16>().expect("a port"))).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    };
    let text = "signed by a test";
    let length = text.len();
    ask(format!("POST / HTTP/1.1\r\nHost: book\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"));
    let page = ask("GET / HTTP/1.1\r\nHost: book\r\nConnection: close\r\n\r\n".to_owned());
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<li>signed by a test</li>"), "{page}");
}

/// Brings the guestbook up, uses it, scales it and takes it down. Port 0: whichever is free.
pub(crate) fn three_tiers(run: impl Fn(&[&str]) -> Output) {
    run(&["up", "-d"]).ok();
    let published = run(&["port", "web", "80"]);
    sign(published.ok().rsplit(':').next().unwrap_or_default());
    let shown = run(&["ps", "--services"]);
    // Compose 1 lists those of profiles, too.
    let mut services: Vec<_> = shown.ok().lines().filter(|name| *name != "report").collect();
    services.sort_unstable();
    assert_eq!(services, ["api", "store", "web"]);
    assert!(run(&["logs", "--no-log-prefix", "store"]).ok().contains("listening on 6400"));
    run(&["exec", "-T", "api", "/bin/api", "--check"]).ok();
    run(&["up", "-d", "--scale", "api=3"]).ok();
    assert_eq!(run(&["ps", "-q", "api"]).ok().lines().count(), 3);
    run(&["stop", "-t", "1", "web"]).ok();
    run(&["start", "web"]).ok();
    run(&["down", "-v", "-t", "1"]).ok();
    assert_eq!(run(&["ps", "-a", "-q"]).ok(), "");
}

#[test]
fn compose_runs_three_tiers_unedited() {
    let sprat = Installation::start();
    let Some(compose) = guestbook(&sprat) else { return };
    let file = example("guestbook/compose.yaml");
    three_tiers(|args| {
        let mut command = Command::new(&compose);
        command.arg("-f").arg(&file).args(args).env("GUESTBOOK_PORT", "0").env("DOCKER_HOST", sprat.host());
        run(command.env("DOCKER_CONFIG", sprat.path("docker")).env_remove("DOCKER_CONTEXT"), b"")
    });
    assert_eq!(sprat.sprat(&["network", "ls", "-q", "--filter", "type=custom"]).ok(), "");
}

#[test]
fn sprat_compose_runs_the_same_three_tiers() {
    let sprat = Installation::start();
    if guestbook(&sprat).is_none() {
        return;
    }
    let file = example("guestbook/compose.yaml");
    three_tiers(|args| {
        let mut command = sprat.sprat_command(&["compose", "-f"]);
        run(command.arg(&file).args(args).env("GUESTBOOK_PORT", "0"), b"")
    });
}
