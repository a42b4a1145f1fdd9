//! Guests and binaries that mean harm: a clear error, no neighbour harmed, the daemon up.

use sprat_tests::Installation;

use crate::{OK, WAIT, image, text_file};

/// The daemon answers and a harmless guest still runs.
#[track_caller]
fn assert_up(sprat: &Installation) {
    image(sprat, "fine", OK);
    assert_eq!(sprat.sprat(&["run", "--rm", "fine"]).ok(), "ok");
}

#[test]
fn loops_neither_stop_a_neighbour_nor_survive_a_kill() {
    let sprat = Installation::start();
    image(&sprat, "loop", "(loop (br 0))");
    for name in ["la", "lb", "lc", "ld"] {
        sprat.sprat(&["run", "-d", "--name", name, "loop"]).ok();
    }
    assert_up(&sprat);
    sprat.sprat(&["kill", "la", "lb", "lc", "ld"]).ok();
    assert_eq!(sprat.sprat(&["wait", "la"]).ok(), "137");
}

#[test]
fn allocation_without_end_is_137_with_oom_killed() {
    let sprat = Installation::start();
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    image(&sprat, "grow", grow);
    let output = sprat.sprat(&["run", "--name", "grow", "-m", "32m", "grow"]);
    assert_eq!(output.status, 137, "{output:?}");
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.OOMKilled}}", "grow"]).ok(), "true");
    assert_up(&sprat);
}

#[test]
fn recursion_without_end_is_a_trap_with_a_backtrace() {
    let sprat = Installation::start();
    image(&sprat, "deep", "(drop (call $recurse (i32.const 0)))");
    let output = sprat.sprat(&["run", "--rm", "deep"]);
    assert_eq!(output.status, 134, "{output:?}");
    assert!(output.stderr.contains("recurse"), "{output:?}");
    assert_up(&sprat);
}

#[test]
fn files_opened_without_end_end_at_their_limit_with_emfile() {
    let sprat = Installation::start();
    let body = format!(
        "{} (loop $more (br_if $more (i32.eqz {}))) (call $exit {})",
        sprat_tests::path_at_1024("hoard.wasm"),
        sprat_tests::open("hoard.wasm"),
        sprat_tests::open("hoard.wasm"),
    );
    image(&sprat, "hoard", &body);
    // WASI's EMFILE is 33.
    assert_eq!(sprat.sprat(&["run", "--rm", "--ulimit", "nofile=64", "hoard"]).status, 33);
    assert_eq!(sprat.sprat(&["run", "--rm", "hoard"]).status, 33);
    assert_up(&sprat);
}

#[test]
fn a_guest_that_closes_its_streams_gets_ebadf_and_ends_as_it_says() {
    let sprat = Installation::start();
    let body = "(drop (call $close (i32.const 0))) (drop (call $close (i32.const 1))) (drop (call $close (i32.const 2))) \
                (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))";
    image(&sprat, "shut", body);
    // WASI's EBADF is 8.
    for flags in [&["--rm"][..], &["--rm", "-i"], &["--rm", "-t"]] {
        let args: Vec<_> = ["run"].iter().chain(flags).chain(&["shut"]).copied().collect();
        let output = sprat.sprat_with(&args, b"unread");
        assert_eq!((output.status, output.stdout.as_str()), (8, ""), "{flags:?}: {output:?}");
    }
    assert_up(&sprat);
}

#[test]
fn a_flooded_log_is_rotated_within_its_limit() {
    let sprat = Installation::start();
    // 65,536 lines of 3 bytes; as json-file lines several megabytes.
    let flood = "(local $n i32) (loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))) \
                 (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 65536))))";
    image(&sprat, "flood", flood);
    let options = ["run", "-d", "--name", "flood", "--log-opt", "max-size=100k", "--log-opt", "max-file=2", "flood"];
    sprat.sprat(&options).ok();
    assert_eq!(sprat.sprat(&["wait", "flood"]).ok(), "0");
    let log = sprat.sprat(&["inspect", "-f", "{{.LogPath}}", "flood"]).ok().to_owned();
    let folder = std::path::Path::new(&log).parent().expect("a folder").to_path_buf();
    let bytes: u64 = std::fs::read_dir(folder)
        .expect("it is there")
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_string_lossy().contains("log"))
        .filter_map(|e| e.metadata().ok())
        .map(|m| m.len())
        .sum();
    assert!(bytes > 100_000 && bytes < 250_000, "{bytes} bytes");
    assert!(sprat.sprat(&["logs", "-n", "5", "flood"]).ok().ends_with("ok"));
}

#[test]
fn binaries_that_cannot_be_used_are_named() {
    let sprat = Installation::start();
    let precompiled = {
        // What an ahead-of-time compiler makes is an ELF file.
        let mut bytes = b"\x7fELF\x02\x01\x01\xc8".to_vec();
        bytes.resize(256, 0);
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("script", b"#!/bin/sh\necho no\n".to_vec(), "not a wasm binary"),
        ("elf", precompiled, "wasm"),
        ("short", b"\0asm\x01\0\0\0\x01\xff".to_vec(), "invalid wasm"),
        ("empty", Vec::new(), "wasm"),
    ];
    for (name, bytes, words) in cases {
        let path = sprat.path(&format!("{name}.wasm"));
        std::fs::write(&path, bytes).expect("the folder is ours");
        let output = sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]);
        assert_eq!(output.status, 126, "{name}: {output:?}");
        assert!(output.stderr.contains(words), "{name}: {output:?}");
    }
    assert_up(&sprat);
}

#[test]
fn imports_that_nobody_offers_are_named() {
    let sprat = Installation::start();
    let text = r#"(module (import "env" "launch_missiles" (func)) (func (export "_start")))"#;
    let path = text_file(&sprat, "imports", text);
    let output = sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status, 126, "{output:?}");
    assert!(output.stderr.contains("launch_missiles"), "{output:?}");
}

#[test]
fn plain_exports_are_refused_with_the_reason() {
    let sprat = Installation::start();
    let text = r#"(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;
    let path = text_file(&sprat, "exports", text);
    let output = sprat.sprat(&["run", "--rm", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status, 126);
    assert!(output.stderr.contains("only exports functions"), "{output:?}");
}

#[test]
fn malformed_requests_get_dockers_statuses() {
    let sprat = Installation::start();
    let api = sprat.api();
    let status = |request: &str| {
        let answer = String::from_utf8_lossy(&api.raw(request.as_bytes())).into_owned();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let post = |body: &str| {
        status(&format!(
            "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(post("{"), "400");
    assert_eq!(post("[]"), "400");
    assert_eq!(post(r#"{"Image": 5}"#), "400");
    assert_eq!(post(r#"{"Image": "absent"}"#), "404");
    assert_eq!(api.send("GET", "/v1.99/version", None).0, 400);
    assert_eq!(api.send("GET", "/v1.41/nothing/here", None).0, 404);
    assert_eq!(api.send("GET", "/v1.41/containers/%00%ff/json", None).0 / 100, 4);
    assert_up(&sprat);
}

#[test]
fn compiled_code_that_was_changed_is_not_run_but_made_again() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    assert_eq!(sprat.sprat(&["run", "--rm", "ok"]).ok(), "ok");
    sprat.sprat(&["daemon", "stop"]).ok();
    let mut changed = 0;
    for entry in walk(&sprat.root()) {
        if entry.extension().is_some_and(|e| e == "cwasm") {
            let mut bytes = std::fs::read(&entry).expect("it is ours");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&entry, bytes).expect("it is ours");
            changed += 1;
        }
    }
    assert!(changed > 0, "no compiled code was found");
    let mut sprat = sprat;
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["run", "--rm", "ok"]).ok(), "ok");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_guest_that_waits_survives_hostile_neighbours() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    image(&sprat, "trap", "unreachable");
    sprat.sprat(&["run", "-d", "-i", "--name", "calm", "wait"]).ok();
    for _ in 0..5 {
        assert_eq!(sprat.sprat(&["run", "--rm", "trap"]).status, 134);
    }
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Running}}", "calm"]).ok(), "true");
}

#[test]
fn sprats_own_state_cannot_be_mounted() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let root = sprat.root();
    for source in [root.clone(), root.join("code"), sprat.path(""), "/proc/self".into(), "/".into()] {
        for access in ["rw", "ro"] {
            let output = sprat.sprat(&["run", "--rm", "-v", &format!("{}:/data:{access}", source.display()), "ok"]);
            assert_eq!(output.status, 125, "{source:?}: {output:?}");
            assert!(output.stderr.contains("fix: mount another folder, or a volume"), "{source:?}: {output:?}");
        }
    }
}

#[test]
fn saving_an_unknown_image_is_an_error_and_no_archive() {
    let sprat = Installation::start();
    let file = sprat.path("x.tar");
    let output = sprat.sprat(&["save", "-o", file.to_str().expect("UTF-8"), "absent"]);
    assert!(output.status != 0 && output.stderr.contains("No such image"), "{output:?}");
    assert!(!file.exists());
}

#[test]
fn a_reader_that_goes_away_ends_the_command_and_not_the_container() {
    let sprat = Installation::start();
    // Writes for ever.
    image(
        &sprat,
        "pour",
        "(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32))) (br 0))",
    );
    let mut child = sprat
        .sprat_command(&["run", "--name", "pour", "pour"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("sprat");
    let mut out = child.stdout.take().expect("piped");
    std::io::Read::read_exact(&mut out, &mut [0; 3]).expect("it pours");
    drop(out);
    assert_eq!(child.wait().expect("it is ours").code(), Some(141));
    assert_eq!(sprat.sprat(&["inspect", "-f", "{{.State.Running}}", "pour"]).ok(), "true");
}
