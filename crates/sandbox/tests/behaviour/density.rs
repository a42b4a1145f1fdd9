//! Memory of many waiting guests.

use std::sync::Arc;

use sprat_sandbox::Stop;

use crate::rig::{BOTH, Fed, Rig, until};

/// Guests that wait at once.
const GUESTS: u64 = 1000;

/// Resident memory and page tables of this process in kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("there");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number")
    };
    line("VmRSS:") + line("VmPTE:")
}

#[tokio::test]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn waiting_guests_are_small() {
    let reader = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 4)
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 70000)) (i32.store (i32.const 4) (i32.const 10))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 140000)))))"#;
    for case in [None, Some(BOTH[0]), Some(BOTH[1])] {
        let rig = Rig::with(1100, true);
        let spec = match case {
            Some(wasi) => rig.spec(wasi, &["read-some"]).await,
            None => {
                let program = rig.program("reader", &wat::parse_str(reader).unwrap(), BOTH[0]).await.unwrap();
                rig.spec_of(program, &[])
            }
        };
        let warm = Arc::new(Fed::default());
        let first = rig.start(spec.clone(), Some(warm.clone()), &Arc::default()).await;
        until(|| warm.waited()).await;
        let before = resident_kb();
        let mut guests = vec![first];
        for _ in 0..GUESTS {
            let input = Arc::new(Fed::default());
            guests.push(rig.start(spec.clone(), Some(input.clone()), &Arc::default()).await);
            until(|| input.waited()).await;
        }
        println!("{case:?}: {} kB a guest", (resident_kb() - before) / GUESTS);
        for guest in guests {
            guest.stop(Stop::Kill);
            guest.wait().await;
        }
    }
}
