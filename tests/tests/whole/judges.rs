//! SDKs, Testcontainers and Compose, unmodified: each does a day's work.

use std::path::PathBuf;
use std::process::Command;

use sprat_tests::{Installation, Output, example, run};

/// A script of `tests/judges`.
fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("judges").join(name)
}

/// The folder or program that a variable of `cargo xtask test` names.
fn named(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {variable} names nothing (`cargo xtask test` sets it)");
    }
    found
}

/// An installation with the images that the scripts use.
fn stocked() -> Installation {
    let sprat = Installation::start();
    for (tag, folder) in [("hello", "hello"), ("toolbox", "../images/toolbox"), ("guestbook-api", "guestbook/api")] {
        let folder = example(folder);
        sprat.sprat(&["build", "-q", "-t", tag, folder.to_str().expect("UTF-8")]).ok();
    }
    sprat
}

fn judge(sprat: &Installation, program: PathBuf, name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.arg(script(name)).args(args).env("DOCKER_HOST", sprat.host()).env("DOCKER_CONFIG", sprat.path("docker"));
    run(&mut command, b"")
}

#[test]
fn docker_py_does_a_days_work() {
    let Some(python) = named("PYTHON") else { return };
    let sprat = stocked();
    let context = sprat.path("context");
    std::fs::create_dir(&context).expect("the folder is ours");
    std::fs::write(context.join("Dockerfile"), "FROM hello\nLABEL built=yes\nENV A=b\n").expect("it is ours");
    let output = judge(&sprat, python, "docker_py.py", &["hello", "toolbox", context.to_str().expect("UTF-8")]);
    assert!(output.ok().ends_with("networks ok"), "{output:?}");
}

#[test]
fn dockerode_does_a_days_work() {
    let (Some(_), Some(node)) = (named("SPRAT_TEST_NODE"), sprat_tests::program("node")) else { return };
    let sprat = stocked();
    assert_eq!(judge(&sprat, node, "dockerode.mjs", &["hello", "toolbox"]).ok(), "ok");
}
