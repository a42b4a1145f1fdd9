//! An unmodified docker CLI.

use sprat_tests::Installation;

use crate::{OK, WAIT, image};

#[test]
fn run_in_front_prints_and_gives_the_status() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    image(&sprat, "seven", "(call $exit (i32.const 7))");
    assert_eq!(docker!(sprat, "run", "--rm", "ok").ok(), "ok");
    assert_eq!(docker!(sprat, "run", "--rm", "seven").status, 7);
    assert_eq!(docker!(sprat, "run", "--rm", "--entrypoint", "/nothing", "ok").status, 127);
    assert_eq!(docker!(sprat, "run", "--rm", "--pull", "never", "absent").status, 125);
    assert_eq!(docker!(sprat, "ps", "-aq").ok().lines().count(), 0);
}

#[test]
fn run_in_the_background_ps_logs_stop_and_rm() {
    let sprat = Installation::start();
    image(&sprat, "wait", WAIT);
    let id = docker!(sprat, "run", "-d", "-i", "--name", "calm", "--label", "a=b", "wait").ok().to_owned();
    assert_eq!(id.len(), 64);
    let ps = docker!(sprat, "ps", "--filter", "label=a=b", "--format", "{{.Names}} {{.Image}} {{.State}}");
    assert_eq!(ps.ok(), "calm wait running");
    assert_eq!(docker!(sprat, "logs", "calm").ok(), "");
    assert_eq!(docker!(sprat, "stop", "calm").ok(), "calm");
    assert_eq!(docker!(sprat, "inspect", "-f", "{{.State.ExitCode}}", "calm").ok(), "143");
    assert!(docker!(sprat, "ps", "-a").ok().contains("Exited (143)"));
    assert_eq!(docker!(sprat, "rm", "calm").ok(), "calm");
}

#[test]
fn standard_input_is_passed_on() {
    let sprat = Installation::start();
    // Copies one piece of input to the output.
    let echo = "(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 16)) \
                (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32))) \
                (i32.store (i32.const 20) (i32.load (i32.const 32))) \
                (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))";
    image(&sprat, "echo", echo);
    let Some(output) = sprat.docker_with(&["run", "--rm", "-i", "echo"], b"through\n") else { return };
    assert_eq!(output.ok(), "through");
}

#[test]
fn images_inspect_version_and_info_are_understood() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    assert!(docker!(sprat, "images").ok().contains("ok "));
    assert_eq!(docker!(sprat, "image", "inspect", "-f", "{{index .RepoTags 0}}", "ok").ok(), "ok:latest");
    assert!(docker!(sprat, "version").ok().contains("Server"));
    assert!(docker!(sprat, "info", "--format", "{{.OSType}}").ok().contains("linux"));
    docker!(sprat, "tag", "ok", "other:1").ok();
    assert!(docker!(sprat, "rmi", "other:1").ok().contains("Untagged: other:1"));
    assert!(docker!(sprat, "history", "ok").ok().contains("ENTRYPOINT"));
}

#[test]
fn build_prints_the_classic_builders_words_and_uses_its_cache() {
    let sprat = Installation::start();
    let folder = sprat.path("context");
    std::fs::create_dir(&folder).expect("the folder is ours");
    std::fs::write(folder.join("p.wat"), sprat_tests::wat(OK)).expect("ours");
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY p.wat /p.wat\nENV A=b\nENTRYPOINT [\"/p.wat\"]\n")
        .expect("ours");
    let path = folder.to_str().expect("UTF-8").to_owned();
    let first = docker!(sprat, "build", "-t", "built", &path);
    assert!(first.ok().contains("Step 1/4 : FROM scratch"), "{first:?}");
    assert!(first.ok().contains("Successfully tagged built:latest"), "{first:?}");
    let again = docker!(sprat, "build", "-t", "built", &path);
    assert!(again.ok().contains("Using cache"), "{again:?}");
    assert_eq!(docker!(sprat, "run", "--rm", "built").ok(), "ok");
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPPY p.wat /\n").expect("ours");
    let wrong = docker!(sprat, "build", &path);
    assert_ne!(wrong.status, 0);
    assert!(wrong.stderr.contains("line 2") && wrong.stderr.contains("COPPY"), "{wrong:?}");
}

#[test]
fn run_steps_run_in_a_container_and_their_status_counts() {
    let sprat = Installation::start();
    let folder = sprat.path("steps");
    std::fs::create_dir(&folder).expect("the folder is ours");
    std::fs::write(folder.join("p.wat"), sprat_tests::wat(OK)).expect("ours");
    std::fs::write(folder.join("f.wat"), sprat_tests::wat("(call $exit (i32.const 3))")).expect("ours");
    let path = folder.to_str().expect("UTF-8").to_owned();
    let dockerfile = |step: &str| format!("FROM scratch\nCOPY . /\nRUN [\"{step}\"]\nENTRYPOINT [\"/p.wat\"]\n");
    std::fs::write(folder.join("Dockerfile"), dockerfile("/p.wat")).expect("ours");
    let built = docker!(sprat, "build", "-t", "stepped", &path);
    assert!(built.ok().contains("Running in") && built.ok().contains("ok\n"), "{built:?}");
    std::fs::write(folder.join("Dockerfile"), dockerfile("/f.wat")).expect("ours");
    let failed = docker!(sprat, "build", &path);
    assert!(failed.stderr.contains("returned a non-zero code: 3"), "{failed:?}");
}

#[test]
fn input_that_nobody_reads_loses_no_output() {
    let sprat = Installation::start();
    image(&sprat, "ok", OK);
    let input = vec![b'x'; 4 << 20];
    let Some(output) = sprat.docker_with(&["run", "--rm", "-i", "ok"], &input) else { return };
    assert_eq!(output.stdout, "ok\n", "{output:?}");
}

#[test]
fn save_and_load_carry_an_image_to_another_installation() {
    let (one, other) = (Installation::start(), Installation::start());
    image(&one, "ok", OK);
    let file = one.path("ok.tar");
    let file = file.to_str().expect("UTF-8");
    docker!(one, "save", "-o", file, "ok").ok();
    assert!(docker!(other, "load", "-i", file).ok().contains("Loaded image: ok:latest"));
    assert_eq!(docker!(other, "run", "--rm", "ok").ok(), "ok");
}
