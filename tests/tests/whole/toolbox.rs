//! The toolbox as an image: shells and commands in containers, in builds, and lent to images that have none.

use sprat_tests::{Installation, example, rust_program};

use crate::{WAIT, image};

/// Builds the image `toolbox` from the program that `cargo xtask test` compiled. False, and a printed reason, without one.
pub(crate) fn image_of(sprat: &Installation) -> bool {
    let Some(program) = std::env::var_os("TOOLBOX_WASM") else {
        eprintln!("skipped: TOOLBOX_WASM names no program (`cargo xtask test` builds it)");
        return false;
    };
    let context = sprat.path("toolbox");
    std::fs::create_dir_all(context.join("etc")).expect("the folder is ours");
    let source = example("../images/toolbox");
    for file in ["Dockerfile", "etc/passwd", "etc/group"] {
        std::fs::copy(source.join(file), context.join(file)).expect("it is there");
    }
    std::fs::copy(program, context.join("toolbox.wasm")).expect("it was built");
    std::fs::copy(rust_program("nc", &source.join("nc/src/main.rs")), context.join("nc.wasm")).expect("it was built");
    sprat.sprat(&["build", "-q", "-t", "toolbox", context.to_str().expect("UTF-8")]).ok();
    true
}

#[test]
fn shells_run_in_containers_and_in_builds_and_are_lent() {
    let sprat = Installation::start();
    if !image_of(&sprat) {
        return;
    }
    let script = "echo hi | tr a-z A-Z; for i in 1 2 3; do echo $i; done | tail -n 1; exit 7";
    let output = sprat.sprat(&["run", "--rm", "toolbox", "sh", "-c", script]);
    assert_eq!((output.stdout.as_str(), output.status), ("HI\n3\n", 7), "{output:?}");

    // RUN in shell form.
    let context = sprat.path("context");
    std::fs::create_dir(&context).expect("the folder is ours");
    let dockerfile =
        "FROM toolbox\nRUN mkdir /data && seq 1 100 | wc -l > /data/count\nCMD [\"cat\", \"/data/count\"]\n";
    std::fs::write(context.join("Dockerfile"), dockerfile).expect("it is ours");
    sprat.sprat(&["build", "-q", "-t", "counted", context.to_str().expect("UTF-8")]).ok();
    assert_eq!(sprat.sprat(&["run", "--rm", "counted"]).ok().trim(), "100");

    // Lent to a container whose image has no shell.
    image(&sprat, "wait", WAIT);
    sprat.sprat(&["run", "-d", "-i", "--name", "bare", "wait"]).ok();
    let output = sprat.sprat(&["exec", "bare", "sh", "-c", "seq 1 5 | tail -n 1; exit 3"]);
    assert_eq!((output.stdout.as_str(), output.status), ("5\n", 3), "{output:?}");

    // A health check by the shell.
    let check = ["--health-cmd", "test -e /tmp/well", "--health-interval", "100ms", "--health-retries", "100"];
    let run = ["run", "-d", "--name", "patient"].iter().chain(&check).chain(&["toolbox", "sleep", "1000"]).copied();
    sprat.sprat(&run.collect::<Vec<_>>()).ok();
    sprat.sprat(&["exec", "patient", "touch", "/tmp/well"]).ok();
    let events = sprat.sprat_command(&["events", "--since", "1m", "--filter", "event=health_status"]);
    let mut events = { events }.stdout(std::process::Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    let stdout = events.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("an event");
    assert!(line.contains("health_status: healthy"), "{line}");
    events.kill().expect("it is ours");
    events.wait().expect("it is ours");
    assert!(sprat.sprat(&["ps", "--filter", "health=healthy"]).ok().contains("patient"));
}
