//! Clients that are slow, gone, many, or send what is no request.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Daemon, HELLO, SPIN};

/// Bytes of a body that nobody sends in earnest.
const HUGE: usize = 100 << 20;

/// Writes for ever.
const POUR: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\00\10\00\00")
  (func (export "_start") (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $l))))"#;

/// Attachments of a crowd.
const CROWD: u64 = 2_000;

/// The message of an error answer.
fn message(text: &str) -> String {
    let error: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text:?}"));
    let message = error.get("message").and_then(|message| message.as_str());
    message.unwrap_or_else(|| panic!("no message: {text}")).to_owned()
}

/// Sends these bytes and leaves the connection open.
fn send(daemon: &Daemon, bytes: &[u8]) -> UnixStream {
    let mut stream = daemon.connect();
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn a_body_of_100_megabytes_is_refused_and_does_not_fill_the_memory() {
    let daemon = Daemon::start();
    let before = daemon.most_memory();
    let spaces = " ".repeat(HUGE);
    for path in ["/containers/create", "/volumes/create", "/containers/none/exec", "/exec/none/start"] {
        let (status, text) = daemon.call("POST", path, &spaces);
        assert_eq!(status, 413, "{path}: {text}");
        assert!(message(&text).contains("larger than the limit"), "{text}");
    }
    // Of a size that nobody told.
    let mut stream = send(
        &daemon,
        b"POST /networks/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    for chunk in spaces.as_bytes().chunks(1 << 20) {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let grown = daemon.most_memory() - before;
    assert!(grown < HUGE as u64 / 2, "{grown} bytes more");
}

#[test]
fn half_sent_requests_hold_nobody_up_and_leave_nothing() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    let before = daemon.connections();
    let halves = [
        "",
        "GET /inf",
        "GET /info HTTP/1.1\r\nHost: x\r\nX-",
        "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"Image\":",
        "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Im",
        "POST /build?t=x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nDockerfile",
        "POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nmanifest.json",
        "PUT /containers/web/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nfile",
        // To be refused once the rest is read.
        "POST /nothing/like/this HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx",
    ];
    let open: Vec<_> = (0..20).flat_map(|_| halves.iter().map(|half| send(&daemon, half.as_bytes()))).collect();
    let uploads = || std::fs::read_dir(daemon.folder().join("root/uploads")).map_or(0, Iterator::count);
    daemon.until(|| uploads() == 60);
    assert_eq!(daemon.call("POST", "/containers/web/start", "").0, 204);
    assert_eq!(daemon.json("POST", "/containers/web/wait", "", 200)["StatusCode"], 0);
    drop(open);
    daemon.until_connections(before);
    daemon.until(|| uploads() == 0);
}

#[test]
fn what_is_no_http_is_refused_and_the_next_client_served() {
    let daemon = Daemon::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /info HTTP/3.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /info HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /info HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = send(&daemon, bytes);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A reset is an answer, too.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{bytes:?}: {text}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(1 << 20));
    let mut stream = daemon.connect();
    // It may be refused before it was all sent.
    let _ = stream.write_all(long.as_bytes());
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(daemon.call("GET", "/_ping", ""), (200, "OK".to_owned()));
}

#[test]
fn a_client_that_vanishes_in_mid_stream_is_noticed() {
    let daemon = Daemon::start();
    daemon.import("spin", SPIN);
    daemon.json("POST", "/containers/create?name=spin", r#"{"Image":"spin","OpenStdin":true}"#, 201);
    assert_eq!(daemon.call("POST", "/containers/spin/start", "").0, 204);
    let before = daemon.connections();
    for (method, path) in [
        ("GET", "/events"),
        ("GET", "/containers/spin/logs?follow=1&stdout=1"),
        ("GET", "/containers/spin/stats"),
        ("POST", "/containers/spin/wait"),
        ("POST", "/containers/spin/wait?condition=removed"),
    ] {
        drop(daemon.begin(method, path));
        daemon.until_connections(before);
    }
    let all = "stream=1&stdin=1&stdout=1&stderr=1";
    for upgrade in [true, false] {
        drop(daemon.attach("spin", all, upgrade));
        daemon.until_connections(before);
    }
    let socket = daemon.web_socket(&format!("/containers/spin/attach/ws?{all}"));
    drop(socket);
    daemon.until_connections(before);
    assert_eq!(daemon.json("GET", "/containers/spin/json", "", 200)["State"]["Running"], true);
}

#[test]
fn clients_that_read_nothing_fill_no_memory_and_hold_nobody_up() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.import("pour", POUR);
    daemon.json("POST", "/containers/create?name=pour", r#"{"Image":"pour"}"#, 201);
    let before = daemon.most_memory();
    let attached: Vec<_> = (0..4).map(|_| daemon.attach("pour", "stream=1&stdout=1", true)).collect();
    assert_eq!(daemon.call("POST", "/containers/pour/start", "").0, 204);
    let followed: Vec<_> = (0..4).map(|_| daemon.begin("GET", "/containers/pour/logs?follow=1&stdout=1")).collect();
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    assert_eq!(daemon.call("POST", "/containers/web/start", "").0, 204);
    assert_eq!(daemon.json("POST", "/containers/web/wait", "", 200)["StatusCode"], 0);
    // As long as the attached ones are there its guest is held; without them it goes on.
    drop(attached);
    let folder = daemon.folder().join("root/containers");
    let id = daemon.json("GET", "/containers/pour/json", "", 200)["Id"].as_str().unwrap().to_owned();
    let rotated = folder.join(&id).join(format!("{id}-json.log.1"));
    daemon.until(|| rotated.exists());
    let grown = daemon.most_memory() - before;
    assert!(grown < 64 << 20, "{grown} bytes more");
    assert_eq!(daemon.call("DELETE", "/containers/pour?force=1", "").0, 204);
    drop(followed);
}

#[test]
fn thousands_of_attachments_each_get_all_output_and_then_end() {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    // The daemon has three descriptors for each.
    let crowd = files.maximum.map_or(CROWD, |most| CROWD.min(most / 8));
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    let before = daemon.connections();
    let attach = |_| daemon.attach("web", "stream=1&stdout=1&stderr=1", true);
    let (gone, stay): (Vec<_>, Vec<_>) = ((0..crowd / 4).map(attach).collect(), (0..crowd).map(attach).collect());
    drop(gone);
    assert_eq!(daemon.call("GET", "/_ping", "").0, 200);
    assert_eq!(daemon.call("POST", "/containers/web/start", "").0, 204);
    for attached in stay {
        let output = attached.finish();
        assert!(output.ends_with("\r\n\r\n\u{1}\0\0\0\0\0\0\u{6}hello\n"), "{output:?}");
    }
    daemon.until_connections(before);
    assert_eq!(daemon.json("POST", "/containers/web/wait", "", 200)["StatusCode"], 0);
}

#[test]
fn odd_names_are_refused_or_found_nowhere() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    let long = "a".repeat(256);
    for name in [
        "%20",
        "a%20b",
        "-ab",
        "_ab",
        ".ab",
        "%2e%2e",
        "a%2Fb",
        "a%5Cb",
        "a%0ab",
        "a%0d%0ab",
        "ab%00",
        "%C3%A4%C3%B6",
        "%E2%80%AEab",
        "%F0%9F%90%9F%F0%9F%90%9F",
        "a%25b",
        "a%22b",
        "a%27b",
        "a%3Bb",
        "a%24%28b%29",
        "a%3Cb%3E",
        "%FF%FE",
        "a",
        &long,
    ] {
        for (method, path) in [
            ("POST", format!("/containers/create?name={name}")),
            ("POST", format!("/containers/web/rename?name={name}")),
            ("GET", format!("/containers/{name}/json")),
            ("POST", format!("/containers/{name}/start")),
            ("DELETE", format!("/containers/{name}?force=1")),
            ("GET", format!("/networks/{name}")),
            ("DELETE", format!("/volumes/{name}")),
            ("GET", format!("/images/{name}/json")),
            ("POST", format!("/images/hello/tag?repo={name}")),
            ("GET", format!("/exec/{name}/json")),
        ] {
            // What repositories may be called.
            if ["a", "a%2Fb"].contains(&name) && path.contains("/tag?") {
                continue;
            }
            let (status, text) = daemon.call(method, &path, r#"{"Image":"hello"}"#);
            assert!(matches!(status, 400 | 404), "{method} {path}: {status} {text}");
            assert!(!message(&text).is_empty(), "{method} {path}: {text}");
        }
        let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        let body = serde_json::json!({ "Name": decoded });
        let (status, text) = daemon.call("POST", "/volumes/create", &body.to_string());
        assert_eq!(status, 400, "{body}: {text}");
    }
    assert_eq!(daemon.json("GET", "/containers/json?all=1", "", 200).as_array().unwrap().len(), 1);
}

#[test]
fn archives_that_claim_too_much_or_break_off_are_refused_and_leave_nothing() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    let claim = |size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path("Dockerfile").unwrap();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        [header.as_bytes().as_slice(), b"FROM scratch\n"].concat()
    };
    let mut compressed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    compressed.extend_from_slice(b"this is no deflated data");
    for tar in [claim(1 << 40), claim(100_000), compressed, vec![0xff; 2048]] {
        for (method, path) in [
            ("POST", "/build?t=x"),
            ("POST", "/images/load"),
            ("POST", "/images/create?fromSrc=-&repo=x"),
            ("PUT", "/containers/web/archive?path=/"),
        ] {
            let (status, text) = daemon.send_tar(method, path, &tar);
            assert_eq!(status, 400, "{method} {path}: {text}");
            assert!(!message(&text).is_empty());
        }
    }
    assert_eq!(std::fs::read_dir(daemon.folder().join("root/uploads")).unwrap().count(), 0);
    assert_eq!(daemon.json("GET", "/images/json", "", 200).as_array().unwrap().len(), 1);
}
