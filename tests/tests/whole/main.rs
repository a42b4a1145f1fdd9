//! Tests of the whole: the real daemon, workers and command line, and real clients.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

/// `docker ARGS`, or an early end where there is no docker.
macro_rules! docker {
    ($sprat:expr, $($arg:expr),+) => {
        match $sprat.docker(&[$($arg),+]) {
            Some(output) => output,
            None => return,
        }
    };
}

mod bollard;
mod cli;
mod compose_1;
mod copy;
mod daemon_kills;
mod daily;
mod damage;
mod disk;
mod docker_cli;
mod dockerd;
mod examples;
mod exec;
mod failures;
mod hostile;
mod judges;
mod life_cycle;
mod mounts;
mod networks;
mod reaper;
mod registry;
mod services;
mod sources;
mod toolbox;

use std::path::PathBuf;

use sprat_tests::Installation;

/// Builds an image of a program in the text format.
#[track_caller]
fn image(installation: &Installation, name: &str, body: &str) {
    let path = text_file(installation, name, &sprat_tests::wat(body));
    installation.sprat(&["build", "-q", "-t", name, path.to_str().expect("UTF-8")]).ok();
}

/// Writes a program in the text format to a file.
fn text_file(installation: &Installation, name: &str, text: &str) -> PathBuf {
    let path = installation.path(&format!("{name}.wat"));
    std::fs::write(&path, text).expect("the folder is ours");
    path
}

/// A body that prints `ok`.
const OK: &str = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))";

/// A body that waits for standard input, for ever if it stays open.
const WAIT: &str = "(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 16)) \
                    (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32)))";
