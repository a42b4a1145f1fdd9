//! Sprat beside a real dockerd: the same script asks both, and the answers are compared field by field.
//!
//! What may differ, and why, stands in `tests/judges/dockerd/allowed.py`; a difference that is not named there fails.

use std::process::Command;

use sprat_tests::{Dockerd, Installation, native_guest, program, run, rust_guest_of};

#[test]
fn a_real_dockerd_answers_the_same() {
    let (Some(_), Some(python)) = (program("docker"), program("python3")) else { return };
    let dockerd = match Dockerd::start_apart() {
        Ok(dockerd) => dockerd,
        Err(why) => {
            eprintln!("skipped: no dockerd runs here: {why}");
            return;
        }
    };
    let Some(native) = native_guest("probe") else {
        eprintln!("skipped: static programs can't be linked here");
        return;
    };
    let sprat = Installation::start();
    let mut judge = Command::new(python);
    judge.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/judges/dockerd"));
    judge.arg(dockerd.socket()).arg(native);
    judge.arg(sprat.path("s.sock")).arg(rust_guest_of("probe", "wasm32-wasip1"));
    let output = run(judge.arg(sprat.path("compared")), b"");
    let said = output.ok();
    if said.starts_with("skipped: ") {
        eprintln!("{said}");
    } else {
        assert!(said.starts_with("ok: "), "{output:?}");
    }
}
