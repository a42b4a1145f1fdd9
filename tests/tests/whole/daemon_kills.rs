//! Killing the daemon at any moment loses no container and leaves no orphan.

use std::io::Write as _;

use serde_json::json;
use sprat_tests::Installation;

use crate::{WAIT, image};

/// Kills, at random moments.
const KILLS: usize = 100;
/// Most time between a request and a kill, in microseconds.
const WINDOW_US: u64 = 3000;

#[test]
fn a_hundred_kills_lose_no_container_and_leave_no_orphan() {
    let mut sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    let body = json!({"Image": "wait", "OpenStdin": true});
    let mut acknowledged = Vec::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..KILLS {
        let name = format!("c{round}");
        let api = sprat.api();
        let (status, answer) = api.send("POST", &format!("/containers/create?name={name}"), Some(&body));
        assert_eq!(status, 201, "{answer}");
        // Half of the rounds end while the start is under way.
        if round % 2 == 0 {
            assert_eq!(api.send("POST", &format!("/containers/{name}/start"), None).0, 204);
            acknowledged.push(name);
        } else {
            let mut half = api.connect();
            let request = format!("POST /containers/{name}/start HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n");
            half.write_all(request.as_bytes()).expect("the daemon listens");
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let moment = std::time::Duration::from_micros((seed >> 33) % WINDOW_US);
            // A random moment is what is tested here; nothing is waited for.
            std::thread::sleep(moment);
        }
        sprat.kill_daemon();
        sprat.start_daemon();
    }
    let running = sprat.sprat(&["ps", "--format", "{{.Names}}"]);
    let running: std::collections::HashSet<_> = running.ok().lines().map(str::to_owned).collect();
    for name in &acknowledged {
        assert!(running.contains(name), "{name} was started and is lost");
    }
    let all = sprat.sprat(&["ps", "-aq"]);
    assert_eq!(all.ok().lines().count(), KILLS, "every acknowledged create is there");
    let names: Vec<_> = running.iter().map(String::as_str).collect();
    for name in &names {
        sprat.sprat(&["kill", name]).ok();
    }
    assert_eq!(sprat.sprat(&["ps", "-q"]).ok(), "");
    sprat.sprat(&["daemon", "stop"]).ok();
    let root = sprat.root().to_string_lossy().into_owned();
    assert!(processes(&root).is_empty(), "workers are left: {:?}", processes(&root));
    sprat.start_daemon();
}

#[test]
fn a_container_goes_on_and_its_log_and_exit_are_kept_while_no_daemon_runs() {
    let mut sprat = Installation::start();
    // Counts for a while, so that it writes and ends while there is no daemon.
    let body = "(local $n i32) (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300000000)))) \
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))) (call $exit (i32.const 5))";
    image(&sprat, "count", body);
    sprat.sprat(&["run", "-d", "--name", "count", "count"]).ok();
    sprat.kill_daemon();
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["wait", "count"]).ok(), "5");
    assert_eq!(sprat.sprat(&["logs", "count"]).ok(), "ok");
}

#[test]
fn killed_workers_end_their_containers_with_137_and_the_restart_policy_applies() {
    let mut sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    sprat.sprat(&["run", "-di", "--name", "plain", "wait"]).ok();
    sprat.sprat(&["run", "-di", "--name", "again", "--restart", "always", "wait"]).ok();
    sprat.sprat(&["run", "-di", "--name", "alone", "--isolation", "process", "wait"]).ok();
    // Once under the daemon's eyes, once while there is none.
    for daemon in [true, false] {
        let workers = workers(&sprat);
        assert!(workers.len() >= 2, "{workers:?}");
        if !daemon {
            sprat.kill_daemon();
        }
        for worker in &workers {
            let killed = std::process::Command::new("kill").args(["-KILL", &worker.to_string()]).status();
            assert!(killed.expect("kill").success());
        }
        if !daemon {
            sprat.start_daemon();
        }
        for name in ["plain", "alone"] {
            let (_, ended) = sprat.api().send("POST", &format!("/containers/{name}/wait"), None);
            assert_eq!(ended["StatusCode"], 137, "{ended}");
            let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}";
            assert_eq!(sprat.sprat(&["inspect", "--format", format, name]).ok(), "exited 137 false");
            let shown = sprat.sprat(&["inspect", "--format", "{{.State.Error}}", name]);
            let error = shown.ok();
            assert!(error.starts_with("worker w") && error.contains("gone"), "{error}");
        }
        let api = sprat.api();
        loop {
            // Its restart waits a moment; a start by hand meanwhile is answered as one that is under way.
            let (_, shown) = api.send("GET", "/containers/again/json", None);
            let pid = shown["State"]["Pid"].as_i64().expect("a number");
            if shown["State"]["Running"] == json!(true) && pid != 0 && !workers.iter().any(|old| i64::from(*old) == pid)
            {
                break;
            }
            std::thread::yield_now();
        }
        for name in ["plain", "alone"] {
            sprat.sprat(&["start", name]).ok();
        }
    }
}

/// Process ids of all workers.
fn workers(sprat: &Installation) -> Vec<i32> {
    let (_, info) = sprat.api().send("GET", "/info", None);
    let list = info.get("DriverStatus").and_then(|list| list.as_array()).cloned().unwrap_or_default();
    let pid = |text: &str| text.strip_prefix("pid ")?.split(',').next()?.parse().ok();
    list.iter().filter_map(|entry| pid(entry.get(1)?.as_str()?)).collect()
}

/// Processes whose command line names a folder.
fn processes(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}
