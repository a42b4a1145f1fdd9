//! Standard streams, arguments, environment, clocks and random numbers.

use std::sync::Arc;

use sprat_program::Wasi;
use sprat_sandbox::{Exit, Stop, Stream};

use crate::rig::{BOTH, Collected, Fed, Rig, until};

#[tokio::test]
async fn arguments_and_environment_arrive_in_order() {
    let rig = Rig::new();
    for wasi in BOTH {
        assert_eq!(rig.run(wasi, &["args", "", "a b", "ü"]).await.printed(), "guest|args||a b|ü");
        assert_eq!(rig.run(wasi, &["env"]).await.printed(), "NAME=value|EMPTY=");
    }
}

#[tokio::test]
async fn clocks_and_random_numbers_work() {
    let rig = Rig::new();
    for wasi in BOTH {
        assert_eq!(rig.run(wasi, &["clocks"]).await.printed(), "clocks");
        assert_eq!(rig.run(wasi, &["sleep", "5"]).await.printed(), "");
        let (one, other) = (rig.run(wasi, &["random"]).await, rig.run(wasi, &["random"]).await);
        assert_ne!(one.printed(), other.printed());
    }
}

#[tokio::test]
async fn stdout_and_stderr_are_told_apart() {
    let rig = Rig::new();
    for wasi in BOTH {
        let ran = rig.run(wasi, &["say", "out", ";", "warn", "err"]).await;
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("out\n", "err\n"));
    }
}

#[tokio::test]
async fn input_is_read_as_it_comes_until_its_end() {
    let rig = Rig::new();
    for wasi in BOTH {
        let input = Arc::new(Fed::default());
        let output = Arc::new(Collected::default());
        let guest = rig.start(rig.spec(wasi, &["echo"]).await, Some(input.clone()), &output).await;
        input.feed("one ");
        until(|| output.len() == 4).await;
        input.feed("two");
        until(|| output.len() == 7).await;
        input.end();
        assert_eq!(guest.wait().await, Exit::Code(0));
        assert_eq!(output.text(Stream::Stdout), "one two");
    }
}

#[tokio::test]
async fn missing_input_is_at_its_end() {
    let rig = Rig::new();
    for wasi in BOTH {
        assert_eq!(rig.run(wasi, &["echo", ";", "say", "end"]).await.printed(), "end");
        assert_eq!(rig.run(wasi, &["echo"]).await.printed(), "");
    }
}

#[tokio::test]
async fn a_guest_that_floods_a_slow_output_waits_for_it() {
    let rig = Rig::new();
    for wasi in BOTH {
        let output = Collected::with_room(10_000);
        let guest = rig.start(rig.spec(wasi, &["flood"]).await, None, &output).await;
        until(|| output.len() == 10_000).await;
        let used = guest.usage();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(guest.usage().memory_bytes, used.memory_bytes);
        output.add_room(5);
        until(|| output.len() == 10_005).await;
        guest.stop(Stop::Kill);
        assert_eq!(guest.wait().await.status(), 137);
    }
}

#[tokio::test]
async fn what_was_written_before_the_end_is_all_delivered() {
    let rig = Rig::new();
    for wasi in BOTH {
        let output = Collected::with_room(3);
        let guest = rig.start(rig.spec(wasi, &["say", "hello"]).await, None, &output).await;
        until(|| output.len() == 3).await;
        output.add_room(100);
        assert_eq!(guest.wait().await, Exit::Code(0));
        assert_eq!(output.text(Stream::Stdout), "hello\n");
    }
}

#[tokio::test]
async fn a_closed_output_is_an_error_of_the_guest() {
    let rig = Rig::new();
    for wasi in BOTH {
        let output = Collected::with_room(10);
        let guest = rig.start(rig.spec(wasi, &["flood"]).await, None, &output).await;
        until(|| output.len() == 10).await;
        output.close();
        assert_eq!(guest.wait().await, Exit::Code(1));
    }
}

#[tokio::test]
async fn a_sleeping_guest_and_its_input_are_waited_for_together() {
    let rig = Rig::new();
    // poll_oneoff on stdin and a far clock: the input comes first.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i64.store (i32.const 0) (i64.const 11))
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 1000000000000))
            (i64.store (i32.const 48) (i64.const 22))
            (i32.store8 (i32.const 56) (i32.const 1))
            (if (call $poll (i32.const 0) (i32.const 256) (i32.const 2) (i32.const 512)) (then unreachable))
            (if (i32.ne (i32.load (i32.const 512)) (i32.const 1)) (then unreachable))
            (call $exit (i32.wrap_i64 (i64.load (i32.const 256))))))"#;
    let program = rig.program("poll", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let input = Arc::new(Fed::default());
    let guest = rig.start(rig.spec_of(program, &[]), Some(input.clone()), &Arc::default()).await;
    until(|| input.waited()).await;
    input.feed("x");
    assert_eq!(guest.wait().await, Exit::Code(22));
}

#[tokio::test]
async fn programs_know_whether_they_have_a_terminal() {
    let rig = Rig::new();
    for wasi in [Wasi::P1, Wasi::P2, Wasi::P3] {
        for tty in [false, true] {
            let mut spec = rig.spec(wasi, &["tty"]).await;
            spec.tty = tty;
            let expected = if wasi == Wasi::P3 { tty.to_string() } else { format!("{:?}", [tty; 3]) };
            assert_eq!(rig.run_spec(spec).await.printed(), expected, "{wasi:?}");
        }
    }
}
