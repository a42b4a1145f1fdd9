//! The shell against dash, on the scripts of `cases.txt`: output, errors and status have to be the same.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SHELL: &str = env!("CARGO_BIN_EXE_native-sh");

/// What a script left: output, errors, status.
type Outcome = (String, String, Option<i32>);

fn run(shell: &str, script: &str) -> Outcome {
    use std::os::unix::process::CommandExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(shell)
        .arg0("sh")
        .args(["-c", script])
        .current_dir(folder.path())
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("HOME", "/home/u"), ("LC_ALL", "C.UTF-8")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    // A script need not read its input.
    let _ = child.stdin.take().expect("piped").write_all(b"line one\nline two\n");
    let output = child.wait_with_output().expect("the shell ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(folder.path().to_str().expect("UTF-8"), "FOLDER");
    (text(&output.stdout), without_expectations(&text(&output.stderr)), output.status.code())
}

/// dash adds what it expected to a syntax error; the parser does not know.
fn without_expectations(errors: &str) -> String {
    let lines = errors.lines().map(|line| line.split(" (expecting ").next().unwrap_or_default());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn scripts_do_what_they_do_in_dash() {
    if !Path::new("/bin/dash").exists() {
        eprintln!("skipped: dash is not installed");
        return;
    }
    let cases: Vec<&str> = include_str!("cases.txt").trim_end().split("\n---\n").collect();
    assert!(cases.len() > 300, "{}", cases.len());
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|script| {
            let (expected, found) = (run("/bin/dash", script), run(SHELL, script));
            (expected != found).then(|| format!("{script}\n  dash: {expected:?}\n  here: {found:?}\n"))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// Where dash is not the measure.
#[test]
fn what_differs_from_dash_is_meant() {
    for (script, expected) in [
        ("x=ü€; echo ${#x}", "2\n"),
        ("case ü in ?) echo one;; esac", "one\n"),
        ("set -o pipefail; false | true; echo $?", "1\n"),
        ("f() { echo $LINENO; }\nf\necho $LINENO", "1\n3\n"),
        ("echo $-; set -eu; echo $-", "\neu\n"),
        ("sh -c 'kill -9 $$'; echo $?", "137\n"),
    ] {
        let (output, _, status) = run(SHELL, script);
        assert_eq!((output.as_str(), status), (expected, Some(0)), "{script}");
    }
}

#[test]
fn nesting_without_end_is_an_error_and_not_a_crash() {
    let deep = |open: &str, close: &str| format!("{}a{}", open.repeat(5000), close.repeat(5000));
    let scripts = [
        deep("(", ")"),
        deep("$(", ")"),
        deep("{ ", ";}"),
        deep("if ", "; then :; fi"),
        deep("${x:-", "}"),
        deep("\"$(", ")\""),
        format!("echo $(({}1{}))", "(".repeat(5000), ")".repeat(5000)),
        format!("echo $(({}1))", "-".repeat(5000)),
        "f() { f; }; f".to_owned(),
        "f() { eval f; }; f".to_owned(),
        "f() { x=$(f); }; f".to_owned(),
        format!("test {} a", "! ".repeat(5000)),
    ];
    for script in scripts {
        let (_, _, status) = run(SHELL, &script);
        assert!(status.is_some_and(|status| status < 100), "{status:?} {}", script.get(..20).unwrap_or_default());
    }
}
