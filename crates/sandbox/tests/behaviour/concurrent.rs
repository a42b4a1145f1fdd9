//! WASI 0.3.

use std::sync::Arc;

use sprat_program::Wasi;
use sprat_sandbox::{Exit, Limits, Mount, MountSource, Stream};

use crate::rig::{Collected, Fed, Ran, Rig, until};

/// A command whose `run` gives the result `case` (0: ok, 1: error).
fn command(case: u32, body: &str) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (core module $m (func (export "run") (result i32) {body} (i32.const {case})))
            (core instance $i (instantiate $m))
            (type $run (func async (result (result))))
            (func $f (type $run) (canon lift (core func $i "run")))
            (instance $run (export "run" (func $f)))
            (export "wasi:cli/run@0.3.0" (instance $run)))"#
    );
    wat::parse_str(wat).expect("valid")
}

#[tokio::test]
async fn the_result_of_run_is_the_status() {
    let rig = Rig::new();
    for (case, status) in [(0, 0), (1, 1)] {
        let program = rig.program(&format!("run{case}"), &command(case, ""), Wasi::P3).await.unwrap();
        assert_eq!(rig.run_spec(rig.spec_of(program, &[])).await.exit, Exit::Code(status));
    }
}

#[tokio::test]
async fn a_trap_is_a_trap() {
    let rig = Rig::new();
    let program = rig.program("trap", &command(0, "unreachable"), Wasi::P3).await.unwrap();
    assert!(matches!(rig.run_spec(rig.spec_of(program, &[])).await.exit, Exit::Trap(_)));
}

#[tokio::test]
async fn a_busy_guest_ends_at_its_wall_clock() {
    let rig = Rig::new();
    let program = rig.program("loop", &command(0, "(loop $l (br $l))"), Wasi::P3).await.unwrap();
    let mut spec = rig.spec_of(program, &[]);
    spec.limits.wall_clock_ms = 20;
    assert_eq!(rig.run_spec(spec).await.exit, Exit::TimedOut);
}

/// Runs steps of the guest that speaks WASI 0.3 by itself.
async fn steps(rig: &Rig, text: &str) -> Ran {
    rig.run(Wasi::P3, &text.split_whitespace().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn arguments_environment_clocks_and_random_numbers_arrive() {
    let rig = Rig::new();
    let ran = steps(&rig, "args ; env ; cwd ; preopens ; tty ; clocks ; random ; random").await;
    let lines: Vec<_> = ran.printed().lines().collect();
    assert_eq!(lines[1..6], ["NAME=value|EMPTY=", "/", "/", "false", "clocks"]);
    assert!(lines[0].starts_with("guest|args|;|env"), "{}", lines[0]);
    assert_ne!(lines[6], lines[7]);
}

#[tokio::test]
async fn the_working_folder_is_told_and_given() {
    let rig = Rig::new();
    let mut spec = rig.spec(Wasi::P3, &["cwd", ";", "preopens", ";", "env"]).await;
    spec.cwd = "/home/one".into();
    spec.tty = true;
    let expected = "/home/one\n/home/one|/|.\nNAME=value|EMPTY=|PWD=/home/one";
    assert_eq!(rig.run_spec(spec).await.printed(), expected);
}

#[tokio::test]
async fn files_are_written_read_renamed_linked_and_removed() {
    let rig = Rig::new();
    let text = "mkdir /d ; write /d/a hello ; append /d/a -more ; read /d/a ; size /d/a ; overwrite /d/a 1 EL ; \
        read /d/a ; read-from /d/a 6 ; truncate /d/a 4 ; read /d/a ; rename /d/a /d/b ; fails read /d/a ; \
        link /d/b /d/c ; list /d ; copy /d/c /d/e ; read /d/e ; sync /d/e ; symlink e /d/l ; readlink /d/l ; read /d/l ; \
        fails rmdir /d ; fails mkdir /d ; fails read /d ; fails list /d/b ; rm /d/b ; rm /d/c ; rm /d/e ; rm /d/l ; \
        rmdir /d ; fails list /d";
    let ran = steps(&rig, text).await;
    let expected = "hello-more 10 hELlo-more more hELl ErrorCode::NoEntry b|c hELl e hELl ErrorCode::NotEmpty \
        ErrorCode::Exist ErrorCode::IsDirectory ErrorCode::NotDirectory ErrorCode::NoEntry";
    assert_eq!(ran.printed().split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn large_files_flow_through_streams_whole() {
    let rig = Rig::new();
    let ran = steps(&rig, "fill /big 3000000 ; size /big ; copy /big /copy ; size /copy").await;
    assert_eq!(ran.printed(), "3000000\n3000000");
    let copy = std::fs::read(rig.folder.path().join("upper/copy")).unwrap();
    assert!(copy.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn errors_of_streams_reach_the_guest() {
    let rig = Rig::new();
    let text = "fails fill /m/big 100000 ; write /f x ; fails write-read-only /f ; open-many /f ; fails write /ro/x y";
    let mut spec = rig.spec(Wasi::P3, &text.split_whitespace().collect::<Vec<_>>()).await;
    let mount =
        |target: &str, read_only| Mount { target: target.into(), source: MountSource::Memory(64 << 10), read_only };
    spec.files.mounts = vec![mount("/m", false), mount("/ro", true)];
    spec.limits = Limits { open_files: 50, ..Limits::default() };
    let expected =
        "ErrorCode::InsufficientSpace\nErrorCode::BadDescriptor\n50 then ErrorCode::Quota\nErrorCode::ReadOnly";
    let ran = rig.run_spec(spec).await;
    assert_eq!(ran.printed(), expected);
    assert_eq!(ran.guest.usage().open_files, 0);
}

#[tokio::test]
async fn input_flows_to_output_and_to_files_as_it_comes() {
    let rig = Rig::new();
    let (input, output) = (Arc::new(Fed::default()), Arc::new(Collected::default()));
    let guest = rig.start(rig.spec(Wasi::P3, &["echo"]).await, Some(input.clone()), &output).await;
    until(|| input.waited()).await;
    input.feed("one");
    until(|| output.len() == 3).await;
    input.feed(" two");
    input.end();
    assert_eq!(guest.wait().await, Exit::Code(0));
    assert_eq!(output.text(Stream::Stdout), "one two");

    let input = Arc::new(Fed::default());
    let guest = rig.start(rig.spec(Wasi::P3, &["copy-in", "/in"]).await, Some(input.clone()), &output).await;
    input.feed("to a file");
    input.end();
    assert_eq!(guest.wait().await, Exit::Code(0));
    assert_eq!(steps(&rig, "read /in").await.printed(), "to a file");
}

#[tokio::test]
async fn statuses_and_standard_error_are_the_programs_own() {
    let rig = Rig::new();
    let ran = steps(&rig, "warn careful ; exit 42").await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Code(42), "careful"));
    let ran = steps(&rig, "fail").await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Code(1), "fail: ErrorCode::Io\n"));
}
