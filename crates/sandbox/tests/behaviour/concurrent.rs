//! WASI 0.3.

use sprat_program::Wasi;
use sprat_sandbox::Exit;

use crate::rig::Rig;

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
