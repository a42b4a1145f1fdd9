//! The real daemon with real workers behind a real socket: this test program, started anew for each role.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here fails a test")]

#[path = "real_daemon/copies.rs"]
mod copies;
#[path = "real_daemon/hostile.rs"]
mod hostile;
#[path = "../../worker/tests/roles/mod.rs"]
mod roles;
mod support;

use support::{Daemon, HELLO, SPIN};

/// An attachment's query for all output.
const ALL: &str = "stream=1&stdout=1&stderr=1";

/// Not a test: the daemon that [`Daemon::start`] starts.
#[test]
#[ignore = "the daemon process of other tests"]
fn daemon_process() {
    support::run_daemon();
}

#[test]
fn a_container_lives_its_life_over_the_api() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let body = r#"{"Image":"hello","Labels":{"a":"b"},"HostConfig":{"Memory":1048576,"Nonsense":[1]}}"#;
    let created = daemon.json("POST", "/v1.41/containers/create?name=web", body, 201);
    let id = created["Id"].as_str().unwrap().to_owned();
    let shown = daemon.json("GET", "/containers/web/json", "", 200);
    assert_eq!(shown["HostConfig"]["Nonsense"][0], 1);
    assert_eq!(shown["State"]["Status"], "created");
    assert_eq!(daemon.call("POST", &format!("/containers/{id}/start"), "").0, 204);
    assert_eq!(daemon.json("POST", "/containers/web/wait", "", 200)["StatusCode"], 0);
    let (status, log) = daemon.call("GET", "/containers/web/logs?stdout=1", "");
    assert_eq!((status, log.as_str()), (200, "\u{1}\0\0\0\0\0\0\u{6}hello\n"));
    let list = daemon.json("GET", "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D", "", 200);
    assert_eq!(list[0]["State"], "exited");
    assert_eq!(daemon.call("DELETE", "/containers/web", "").0, 204);
    assert_eq!(daemon.call("GET", "/containers/web/json", "").0, 404);
}

#[test]
fn an_attached_client_sees_all_output_and_waiting_ends_with_the_removal() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let body = r#"{"Image":"hello","HostConfig":{"AutoRemove":true}}"#;
    let id = daemon.json("POST", "/containers/create", body, 201)["Id"].as_str().unwrap().to_owned();
    let (attached, plain) = (daemon.attach(&id, ALL, true), daemon.attach(&id, ALL, false));
    let waiting = daemon.begin("POST", &format!("/containers/{id}/wait?condition=removed"));
    assert_eq!(daemon.call("POST", &format!("/containers/{id}/start"), "").0, 204);
    for (attached, head) in [(attached, "HTTP/1.1 101 UPGRADED\r\n"), (plain, "HTTP/1.0 200 OK\r\n")] {
        let output = attached.finish();
        assert!(output.starts_with(head), "{output:?}");
        assert!(output.ends_with("\r\n\r\n\u{1}\0\0\0\0\0\0\u{6}hello\n"), "{output:?}");
    }
    assert!(waiting.finish().contains("{\"StatusCode\":0}"));
    assert_eq!(daemon.call("GET", &format!("/containers/{id}/json"), "").0, 404);
}

#[test]
fn a_running_container_is_stopped_and_a_stopped_one_is_not_modified() {
    let daemon = Daemon::start();
    daemon.import("spin", SPIN);
    daemon.json("POST", "/containers/create?name=spin", r#"{"Image":"spin"}"#, 201);
    assert_eq!(daemon.call("POST", "/containers/spin/start", "").0, 204);
    assert_eq!(daemon.call("POST", "/containers/spin/start", "").0, 304);
    let stats = daemon.json("GET", "/containers/spin/stats?stream=0&one-shot=1", "", 200);
    assert_eq!(stats["pids_stats"]["current"], 1);
    assert_eq!(daemon.call("DELETE", "/containers/spin", "").0, 409);
    assert_eq!(daemon.call("POST", "/containers/spin/stop?signal=nonsense", "").0, 400);
    assert_eq!(daemon.call("POST", "/containers/spin/stop?t=1", "").0, 204);
    assert_eq!(daemon.call("POST", "/containers/spin/stop", "").0, 304);
    assert_eq!(daemon.json("GET", "/containers/spin/json", "", 200)["State"]["ExitCode"], 143);
    assert_eq!(daemon.call("POST", "/containers/spin/restart", "").0, 204);
    assert_eq!(daemon.call("POST", "/containers/spin/stop?signal=SIGINT", "").0, 204);
    assert_eq!(daemon.json("GET", "/containers/spin/json", "", 200)["State"]["ExitCode"], 130);
}

#[test]
fn a_failed_start_ends_its_attachments() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let body = r#"{"Image":"hello","Entrypoint":["/nope.wasm"]}"#;
    let id = daemon.json("POST", "/containers/create", body, 201)["Id"].as_str().unwrap().to_owned();
    let attached = daemon.attach(&id, ALL, true);
    assert_eq!(daemon.call("POST", &format!("/containers/{id}/start"), "").0, 400);
    assert!(attached.finish().ends_with("\r\n\r\n"));
}

#[test]
fn users_errors_have_their_status_and_never_harm_the_daemon() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    for (method, path, body, status) in [
        ("GET", "/nothing/like/this", "", 404),
        ("GET", "/v1.99/info", "", 400),
        ("GET", "/v1.12/info", "", 400),
        ("POST", "/containers/create", "{", 400),
        ("POST", "/containers/create", r#"{"Image":1}"#, 400),
        ("POST", "/containers/create", "", 400),
        ("POST", "/containers/create", r#"{"Image":"no-such-image"}"#, 404),
        ("POST", "/containers/create?name=%2F..%2Fx", r#"{"Image":"hello"}"#, 400),
        ("POST", "/containers/create?name=%00", r#"{"Image":"hello"}"#, 400),
        ("POST", "/containers/create", r#"{"Image":"hello","HostConfig":{"Privileged":true}}"#, 400),
        ("GET", "/containers/%2e%2e%2fetc/json", "", 404),
        ("GET", "/containers/%ff%fe/json", "", 400),
        ("GET", "/containers/json?filters=%7B", "", 400),
        ("GET", "/containers/json?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D", "", 400),
        ("POST", "/containers/none/kill?signal=KILL", "", 404),
        ("GET", "/images/a/b/c/json", "", 404),
        ("GET", "/images/UPPER/json", "", 400),
        ("POST", "/images/hello/tag?repo=Bad%20Name", "", 400),
        ("POST", "/images/load", "this is no tar", 400),
        ("POST", "/build?t=x", "this is no tar", 400),
        ("GET", "/volumes/none", "", 404),
        ("GET", "/networks/none", "", 200),
        ("GET", "/networks/mine", "", 404),
        ("GET", "/networks?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D", "", 400),
        ("POST", "/networks/create", "{}", 400),
        ("POST", "/networks/create", r#"{"Name":"bridge"}"#, 403),
        ("POST", "/networks/create", r#"{"Name":"x","Driver":"weave"}"#, 404),
        ("POST", "/networks/create", r#"{"Name":"x","Scope":"swarm"}"#, 403),
        ("POST", "/networks/create", r#"{"Name":"x","IPAM":{"Config":[{"Subnet":"bad"}]}}"#, 400),
        ("POST", "/networks/create", r#"{"Name":"x","IPAM":{"Config":[{"Subnet":"172.17.9.0/24"}]}}"#, 403),
        ("DELETE", "/networks/none", "", 403),
        ("DELETE", "/networks/mine", "", 404),
        ("POST", "/networks/bridge/connect", "{}", 400),
        ("POST", "/networks/bridge/connect", r#"{"Container":"nope"}"#, 404),
        ("POST", "/networks/bridge/disconnect", r#"{"Container":"nope"}"#, 404),
        ("POST", "/containers/create", r#"{"Image":"hello","HostConfig":{"NetworkMode":"container:x"}}"#, 400),
        ("GET", "/swarm", "", 503),
        ("POST", "/containers/x/exec", "{}", 404),
        ("GET", "/images/search?term=x", "", 501),
    ] {
        let (got, text) = daemon.call(method, path, body);
        assert_eq!(got, status, "{method} {path} {body}: {text}");
        if status >= 400 {
            let error: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
            let has = |key: &str| error[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(has("message") && has("code"), "{method} {path} {body}: {text}");
        }
    }
    assert_eq!(daemon.call("GET", "/_ping", ""), (200, "OK".to_owned()));
}

#[test]
fn a_client_that_is_gone_is_noticed_without_a_word_of_the_guest() {
    let daemon = Daemon::start();
    daemon.import("spin", SPIN);
    for tty in ["false", "true"] {
        let body = format!(r#"{{"Image":"spin","OpenStdin":true,"StdinOnce":true,"Tty":{tty}}}"#);
        let id = daemon.json("POST", "/containers/create", &body, 201)["Id"].as_str().unwrap().to_owned();
        let before = daemon.connections();
        let attached = daemon.attach(&id, "stream=1&stdin=1&stdout=1&stderr=1", true);
        assert_eq!(daemon.call("POST", &format!("/containers/{id}/start"), "").0, 204);
        assert!(daemon.connections() > before);
        // The guest reads nothing, so the input is full, and writes nothing.
        attached.fill();
        attached.half_close();
        drop(attached);
        daemon.until_connections(before);
    }
}

#[test]
fn open_streams_do_not_hold_the_daemons_end_up() {
    let mut daemon = Daemon::start();
    daemon.import("spin", SPIN);
    let id = daemon.json("POST", "/containers/create", r#"{"Image":"spin"}"#, 201)["Id"].as_str().unwrap().to_owned();
    let attached = daemon.attach(&id, ALL, true);
    assert_eq!(daemon.call("POST", &format!("/containers/{id}/start"), "").0, 204);
    let streams = [
        daemon.begin("GET", "/events"),
        daemon.begin("GET", &format!("/containers/{id}/logs?follow=1&stdout=1")),
        daemon.begin("GET", &format!("/containers/{id}/stats")),
        daemon.begin("POST", &format!("/containers/{id}/wait")),
    ];
    let log = daemon.terminate();
    assert!(!log.contains("streams that were still open are cut"), "{log}");
    attached.finish();
    streams.into_iter().for_each(|stream| drop(stream.finish()));
    // Its containers went on; whoever comes next ends them.
    daemon.restart();
}

#[test]
fn sizes_of_containers_and_of_all_are_told() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let body = r#"{"Image":"hello","HostConfig":{"StorageOpt":{"size":"1m"}}}"#;
    let id = daemon.json("POST", "/containers/create?name=bass", body, 201)["Id"].as_str().unwrap().to_owned();
    assert_eq!(daemon.json("GET", "/containers/bass/json", "", 200)["HostConfig"]["StorageOpt"]["size"], "1m");
    let upper = daemon.folder().join("root/containers").join(&id).join("upper");
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::write(upper.join("written"), vec![7; 5000]).unwrap();
    let image = daemon.json("GET", "/images/hello/json", "", 200)["Size"].as_u64().unwrap();
    let shown = daemon.json("GET", "/containers/bass/json?size=1", "", 200);
    assert_eq!((shown["SizeRw"].as_u64(), shown["SizeRootFs"].as_u64()), (Some(5000), Some(5000 + image)));
    assert!(daemon.json("GET", "/containers/bass/json", "", 200)["SizeRw"].is_null());
    let listed = daemon.json("GET", "/containers/json?all=1&size=1", "", 200);
    assert_eq!((listed[0]["SizeRw"].as_u64(), listed[0]["SizeRootFs"].as_u64()), (Some(5000), Some(5000 + image)));
    daemon.call("POST", "/images/hello/tag?repo=again", "");
    let all = daemon.json("GET", "/system/df", "", 200);
    assert_eq!((all["LayersSize"].as_u64(), all["Images"].as_array().unwrap().len()), (Some(image), 1));
    assert_eq!((all["Images"][0]["SharedSize"].as_i64(), all["Images"][0]["Containers"].as_i64()), (Some(0), Some(1)));
    assert_eq!(all["Containers"][0]["SizeRw"], 5000);
    assert!(all["Volumes"].is_array() && all["BuildCache"].is_array());
    let some = daemon.json("GET", "/system/df?type=container&type=volume", "", 200);
    assert!(some["Images"].is_null() && some["Containers"].is_array() && some["Volumes"].is_array());
    daemon.json("GET", "/system/df?type=nonsense", "", 400);
    if let Some(docker) = support::docker_cli() {
        for args in [&["system", "df"][..], &["system", "df", "-v"]] {
            let output = daemon.docker(&docker, args);
            assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("5kB"), "{output:?}");
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_told_with_the_words_the_docker_cli_looks_for() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    daemon.json("POST", "/containers/create?name=xx", r#"{"Image":"hello","Cmd":["/nope.wasm"],"Entrypoint":[]}"#, 201);
    let (status, text) = daemon.call("POST", "/containers/xx/start", "");
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("executable file not found"), "{text}");
}

#[test]
fn docker_itself_runs_a_container() {
    let Some(docker) = support::docker_cli() else { return };
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let output = daemon.docker(&docker, &["run", "--rm", "hello"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
    let output = daemon.docker(&docker, &["run", "--rm", "--entrypoint", "/nope.wasm", "hello"]);
    assert_eq!(output.status.code(), Some(127), "{output:?}");
    let output = daemon.docker(&docker, &["create", "--name", "kept", "hello"]);
    assert!(output.status.success(), "{output:?}");
    for args in [["logs", "kept"], ["inspect", "kept"], ["inspect", "hello"]] {
        let output = daemon.docker(&docker, &args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    let output = daemon.docker(&docker, &["run", "--rm", "--privileged", "hello"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    for command in [["version", ""], ["info", ""], ["images", "-a"], ["ps", "-a"], ["network", "ls"], ["volume", "ls"]]
    {
        let args: Vec<_> = command.into_iter().filter(|arg| !arg.is_empty()).collect();
        let output = daemon.docker(&docker, &args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
}

#[test]
fn old_versions_show_of_images_what_their_clients_read() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let old = daemon.json("GET", "/v1.44/images/hello/json", "", 200);
    assert!(old["ContainerConfig"].is_object() && old["Container"] == "" && old["Config"]["Tty"] == false, "{old}");
    let new = daemon.json("GET", "/v1.51/images/hello/json", "", 200);
    assert!(new.get("Container").is_none() && new["Config"].get("Tty").is_none(), "{new}");
    // Docker dropped it with 1.45, and with that Compose 1, which speaks the newest version.
    assert!(new["ContainerConfig"].is_object(), "{new}");
    // The name goes to another image.
    daemon.import("hello", SPIN);
    let nameless = |version: &str| {
        let list = daemon.json(
            "GET",
            &format!("/{version}/images/json?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D"),
            "",
            200,
        );
        (list[0]["RepoTags"].clone(), list[0]["RepoDigests"].clone())
    };
    assert_eq!(nameless("v1.42"), (serde_json::json!(["<none>:<none>"]), serde_json::json!(["<none>@<none>"])));
    assert_eq!(nameless("v1.43"), (serde_json::json!([]), serde_json::json!([])));
}

#[test]
fn a_commit_is_made_with_the_configuration_that_the_client_sends() {
    let daemon = Daemon::start();
    daemon.import("hello", HELLO);
    let body = r#"{"Image":"hello","Labels":{"a":"b"},"StopSignal":"SIGINT","Healthcheck":{"Test":["CMD","/x"]}}"#;
    daemon.json("POST", "/containers/create?name=web", body, 201);
    let commit = |query: &str, body: &str| {
        let made = daemon.json("POST", &format!("/commit?container=web{query}"), body, 201);
        daemon.json("GET", &format!("/images/{}/json", made["Id"].as_str().unwrap()), "", 200)["Config"].clone()
    };
    for body in ["", "null", "{}"] {
        let config = commit("", body);
        assert_eq!(
            (&config["Labels"]["a"], &config["StopSignal"]),
            (&"b".into(), &"SIGINT".into()),
            "{body}: {config}"
        );
        assert_eq!(config["Healthcheck"]["Test"][1], "/x");
    }
    let config = commit("&changes=ENV%20A%3D1%20B%3D2", r#"{"Cmd":["-v"],"Labels":{"c":"d"}}"#);
    assert_eq!(
        (&config["Cmd"][0], &config["Labels"]["c"], &config["Labels"]["a"]),
        (&"-v".into(), &"d".into(), &"b".into())
    );
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&"A=1".into()) && env.contains(&"B=2".into()), "{env:?}");
    assert_eq!(daemon.call("POST", "/commit?container=web", r#"{"Cmd":5}"#).0, 400);
}
