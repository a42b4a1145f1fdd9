//! Files of containers, updates, WebSockets and execs over the API.

use crate::support::{Daemon, HELLO, SPIN};

/// A tar of one small file, as a text that a JSON body could carry.
fn small_tar(name: &str, content: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(7);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn files_go_in_and_out_with_their_stat_in_the_header() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    assert_eq!(daemon.put("/containers/web/archive?path=/", &small_tar("note", "remember")).0, 200);
    let head = daemon.begin("HEAD", "/v1.41/containers/web/archive?path=%2Fnote").finish().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("x-docker-container-path-stat: "), "{head}");
    let (status, tar) = daemon.call("GET", "/containers/web/archive?path=/note", "");
    assert!(status == 200 && tar.contains("remember"), "{status}");
    assert_eq!(daemon.call("GET", "/containers/web/archive?path=/nowhere", "").0, 404);
    assert_eq!(daemon.call("GET", "/containers/web/archive", "").0, 400);
    assert_eq!(daemon.put("/containers/web/archive?path=/note", &small_tar("x", "y")).0, 400);
    let changes = daemon.json("GET", "/containers/web/changes", "", 200);
    assert_eq!(changes, serde_json::json!([{ "Path": "/note", "Kind": 1 }]));
    let (status, tar) = daemon.call("GET", "/containers/web/export", "");
    assert!(status == 200 && tar.contains("remember") && tar.contains("app.wasm"), "{status}");
    let committed = daemon.json("POST", "/commit?container=web&repo=noted&pause=1", "", 201);
    assert!(committed["Id"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn an_update_is_shown_and_a_running_guests_limits_are_refused_with_the_reason() {
    let daemon = Daemon::start();
    daemon.import("spin", SPIN);
    daemon.json("POST", "/containers/create?name=spin", r#"{"Image":"spin","HostConfig":{"Binds":[]}}"#, 201);
    let body = r#"{"Memory":1048576,"CpuShares":5,"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":2}}"#;
    let answer = daemon.json("POST", "/containers/spin/update", body, 200);
    assert!(answer["Warnings"][0].as_str().unwrap().contains("--cpu-shares"), "{answer}");
    let host = daemon.json("GET", "/containers/spin/json", "", 200)["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["RestartPolicy"]["Name"]), (&1_048_576.into(), &"on-failure".into()));
    assert_eq!(daemon.call("POST", "/containers/spin/start", "").0, 204);
    let (status, text) = daemon.call("POST", "/containers/spin/update", r#"{"NanoCpus":500000000}"#);
    assert!(status == 409 && text.contains("running guest"), "{status} {text}");
    let body = r#"{"RestartPolicy":{"Name":"no"}}"#;
    assert_eq!(daemon.json("POST", "/containers/spin/update", body, 200)["Warnings"], serde_json::json!([]));
    assert_eq!(daemon.call("POST", "/containers/spin/kill", "").0, 204);
}

#[test]
fn a_web_socket_carries_the_output() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=web", r#"{"Image":"hello"}"#, 201);
    assert_eq!(daemon.call("GET", "/containers/web/attach/ws?stdout=1", "").0, 400);
    let attached = daemon.web_socket("/containers/web/attach/ws?stream=1&stdout=1");
    assert_eq!(daemon.call("POST", "/containers/web/start", "").0, 204);
    let all = attached.finish();
    // The answer to the key of RFC 6455, a binary frame of six bytes, and the closing frame.
    assert!(all.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{all:?}");
    assert!(all.contains("\u{fffd}\u{6}hello\n"), "{all:?}");
}

#[test]
fn execs_are_refused_in_dockers_words_where_nothing_can_run() {
    let daemon = Daemon::start();
    daemon.import("spin", SPIN);
    let id = daemon.json("POST", "/containers/create?name=spin", r#"{"Image":"spin"}"#, 201)["Id"].clone();
    let id = id.as_str().unwrap();
    let body = r#"{"Cmd":["/app.wasm"],"AttachStdout":true}"#;
    let refused = |status, words: &str| {
        let error = daemon.json("POST", "/containers/spin/exec", body, status);
        assert_eq!(error["message"], words);
    };
    refused(409, &format!("container {id} is not running"));
    assert_eq!(daemon.call("POST", "/containers/spin/start", "").0, 204);
    assert_eq!(daemon.call("POST", "/containers/spin/pause", "").0, 204);
    refused(409, &format!("container {id} is paused, unpause the container before exec"));
    assert_eq!(daemon.call("POST", "/containers/spin/unpause", "").0, 204);
    for body in [r#"{}"#, r#"{"Cmd":["x"],"Privileged":true}"#, r#"{"Cmd":["x"],"WorkingDir":"rel"}"#] {
        assert_eq!(daemon.call("POST", "/containers/spin/exec", body).0, 400, "{body}");
    }
    let exec = daemon.json("POST", "/containers/spin/exec", body, 201)["Id"].as_str().unwrap().to_owned();
    let shown = daemon.json("GET", &format!("/exec/{exec}/json"), "", 200);
    assert_eq!((&shown["Running"], &shown["ExitCode"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(shown["ProcessConfig"]["entrypoint"], "/app.wasm");
    assert_eq!(daemon.json("GET", "/containers/spin/json", "", 200)["ExecIDs"], serde_json::json!([exec]));
    assert_eq!(daemon.call("POST", "/exec/nope/start", "{}").0, 404);
    assert_eq!(daemon.call("POST", "/containers/spin/kill", "").0, 204);
    daemon.json("POST", "/containers/spin/wait", "", 200);
    // One that was not started goes with its container's run.
    assert_eq!(daemon.call("GET", &format!("/exec/{exec}/json"), "").0, 404);
}
