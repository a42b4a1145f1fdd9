//! How guests end.

use std::sync::Arc;

use sprat_program::Wasi;
use sprat_sandbox::{Exit, Limits, Stop, Stream};

use crate::rig::{BOTH, Collected, Fed, Rig, until};

#[tokio::test]
async fn a_program_that_returns_ends_with_0() {
    let rig = Rig::new();
    for wasi in BOTH {
        let ran = rig.run(wasi, &["say", "hello"]).await;
        assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (Exit::Code(0), "hello\n", ""), "{wasi:?}");
    }
}

#[tokio::test]
async fn the_status_of_an_exit_is_the_programs_own() {
    let rig = Rig::new();
    for status in ["0", "1", "3", "127", "255"] {
        let ran = rig.run(Wasi::P1, &["exit", status]).await;
        assert_eq!(ran.exit, Exit::Code(status.parse().unwrap()));
    }
    // Known wrong: wasi-libc for WASI 0.2 calls `exit`, which tells only good from bad, not `exit-with-code`.
    assert_eq!(rig.run(Wasi::P2, &["exit", "0"]).await.exit, Exit::Code(0));
    assert_eq!(rig.run(Wasi::P2, &["exit", "3"]).await.exit, Exit::Code(1));
}

/// A WASI 0.2 command that calls `exit-with-code`, which is there since 0.2.12.
fn exits_with_code(status: u8) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (import "wasi:cli/exit@0.2.12" (instance $cli (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $exit (canon lower (func $cli "exit-with-code")))
            (core module $m
                (import "cli" "exit" (func $exit (param i32)))
                (func (export "run") (result i32) (call $exit (i32.const {status})) unreachable))
            (core instance $i (instantiate $m (with "cli" (instance (export "exit" (func $exit))))))
            (func $f (result (result)) (canon lift (core func $i "run")))
            (instance $run (export "run" (func $f)))
            (export "wasi:cli/run@0.2.3" (instance $run)))"#
    );
    wat::parse_str(wat).expect("valid")
}

#[tokio::test]
async fn a_component_that_exits_with_a_code_ends_with_it() {
    let rig = Rig::new();
    for status in [0, 3, 255] {
        let program = rig.program(&format!("exit{status}"), &exits_with_code(status), Wasi::P2).await.unwrap();
        assert_eq!(rig.run_spec(rig.spec_of(program, &[])).await.exit, Exit::Code(status));
    }
}

#[tokio::test]
async fn a_trap_ends_with_134_and_its_backtrace_names_the_function() {
    let rig = Rig::new();
    for wasi in BOTH {
        let ran = rig.run(wasi, &["abort"]).await;
        assert_eq!(ran.exit.status(), 134);
        let Exit::Trap(text) = &ran.exit else { panic!("{:?}", ran.exit) };
        assert!(text.starts_with("wasm trap: wasm `unreachable` instruction executed\nwasm backtrace:\n"), "{text}");
        assert!(text.contains("guest::fail_on_purpose"), "{text}");
        assert_eq!(ran.err, format!("{text}\n"));
    }
}

#[tokio::test]
async fn a_panic_is_a_trap_after_its_message() {
    let rig = Rig::new();
    for wasi in BOTH {
        let ran = rig.run(wasi, &["panic"]).await;
        assert_eq!(ran.exit.status(), 134);
        assert!(ran.err.contains("on purpose") && ran.err.contains("wasm backtrace"), "{}", ran.err);
    }
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let rig = Rig::new();
    for wasi in BOTH {
        let ran = rig.run(wasi, &["recurse"]).await;
        let Exit::Trap(text) = &ran.exit else { panic!("{:?}", ran.exit) };
        assert!(text.contains("guest::recurse"), "{text}");
    }
    // Rust's own stack in linear memory ran over there; here it is wasm's.
    let wat = r#"(module (func $deep (export "_start") (call $deep)))"#;
    let program = rig.program("deep", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let ran = rig.run_spec(rig.spec_of(program, &[])).await;
    assert!(matches!(&ran.exit, Exit::Trap(text) if text.contains("call stack exhausted")), "{:?}", ran.exit);
}

#[tokio::test]
async fn a_busy_guest_ends_at_a_stop_and_the_first_request_decides() {
    let rig = Rig::new();
    for (why, status) in [(Stop::Kill, 137), (Stop::Terminate, 143), (Stop::Interrupt, 130)] {
        for wasi in BOTH {
            let spec = rig.spec(wasi, &["say", "begun", ";", "loop"]).await;
            let output = Arc::new(Collected::default());
            let guest = rig.start(spec, None, &output).await;
            until(|| output.len() > 0).await;
            guest.stop(why);
            guest.stop(Stop::Kill);
            assert_eq!(guest.wait().await, Exit::Signalled(status));
            assert_eq!(guest.wait().await.status(), status);
        }
    }
}

#[tokio::test]
async fn a_guest_that_waits_ends_at_a_stop() {
    let rig = Rig::new();
    for wasi in BOTH {
        let input = Arc::new(Fed::default());
        let reader =
            rig.start(rig.spec(wasi, &["echo"]).await, Some(input.clone()), &Arc::new(Collected::default())).await;
        let sleeper = rig.start(rig.spec(wasi, &["sleep", "1000000"]).await, None, &Arc::default()).await;
        let full = Collected::with_room(1);
        let writer = rig.start(rig.spec(wasi, &["flood"]).await, None, &full).await;
        until(|| input.waited() && full.len() == 1).await;
        for guest in [reader, sleeper, writer] {
            guest.stop(Stop::Terminate);
            assert_eq!(guest.wait().await, Exit::Signalled(143));
        }
    }
}

#[tokio::test]
async fn a_guest_that_waits_ends_at_a_stop_in_a_worker_of_its_own_too() {
    let rig = Rig::with(4, false);
    for wasi in BOTH {
        assert_eq!(rig.run(wasi, &["say", "near-native"]).await.printed(), "near-native");
        let input = Arc::new(Fed::default());
        let guest = rig.start(rig.spec(wasi, &["echo"]).await, Some(input.clone()), &Arc::default()).await;
        until(|| input.waited()).await;
        guest.stop(Stop::Kill);
        assert_eq!(guest.wait().await, Exit::Signalled(137));
    }
}

#[tokio::test]
async fn a_guest_past_its_wall_clock_ends_with_124_busy_or_not() {
    let rig = Rig::new();
    for wasi in BOTH {
        for args in [&["loop"][..], &["sleep", "1000000"]] {
            let mut spec = rig.spec(wasi, args).await;
            spec.limits = Limits { wall_clock_ms: 20, ..Limits::default() };
            let ran = rig.run_spec(spec).await;
            assert_eq!((ran.exit.status(), ran.exit), (124, Exit::TimedOut));
        }
    }
}

#[tokio::test]
async fn a_stop_is_not_held_up_by_a_trap_text_nobody_takes() {
    let rig = Rig::new();
    let full = Collected::with_room(0);
    let guest = rig.start(rig.spec(Wasi::P1, &["abort"]).await, None, &full).await;
    until(|| full.waited()).await;
    guest.stop(Stop::Kill);
    assert_eq!(guest.wait().await.status(), 134);
    assert_eq!(full.text(Stream::Stderr), "");
}
