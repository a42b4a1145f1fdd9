//! Whole processes: `docker run` on Sprat and on a real dockerd, `sprat run`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sprat_tests::{Installation, example};

use super::dockerd::{self, load_hello};
use super::stats::median_ms;
use super::table::Table;

/// Runs of each command, in turns.
const RUNS: usize = 41;
/// Runs on a real dockerd, which takes a third of a second each.
const DOCKERD_RUNS: usize = 11;

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let sprat = Installation::start();
    let hello = example("hello").to_string_lossy().into_owned();
    sprat.sprat(&["build", "-q", "-t", "hello", &hello]).ok();
    sprat.sprat(&["run", "--rm", "hello"]).ok();
    let Some(docker) = sprat_tests::program("docker") else {
        let (own,) = (runs(RUNS, || Ok(sprat.sprat_command(&["run", "--rm", "hello"])))?,);
        table.at_most("`sprat run --rm` of a cached hello, whole process", median_ms(&own), 8.0, "ms");
        return Ok(());
    };
    let command = |args: &[&str], host: &str| {
        let mut command = Command::new(&docker);
        command.args(args).env("DOCKER_HOST", host).env("DOCKER_CLI_HINTS", "false").env_remove("DOCKER_CONTEXT");
        command
    };
    let (mut version, mut run, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        version.push(timed(command(&["--version"], &sprat.host()))?);
        run.push(timed(command(&["run", "--rm", "hello"], &sprat.host()))?);
        own.push(timed(sprat.sprat_command(&["run", "--rm", "hello"]))?);
    }
    let (version, run) = (median_ms(&version), median_ms(&run));
    table.note("`docker --version`", format!("{version:.2} ms"));
    table.note("`docker run --rm` of hello on Sprat", format!("{run:.2} ms"));
    table.at_most("`docker run --rm` of hello on Sprat beyond `docker --version`", run - version, 10.0, "ms");
    table.at_most("`sprat run --rm` of a cached hello, whole process", median_ms(&own), 8.0, "ms");
    match dockerd::start() {
        Ok(dockerd) => {
            load_hello(&dockerd, &docker)?;
            let real = runs(DOCKERD_RUNS, || Ok(command(&["run", "--rm", "hello"], &dockerd.host())))?;
            let real = median_ms(&real);
            table.note(
                "`docker run --rm` of a static native hello on dockerd (bridge network)",
                format!("{real:.1} ms"),
            );
            table.at_least(
                "`docker run --rm` on dockerd against Sprat, beyond `docker --version`",
                (real - version) / (run - version).max(0.01),
                15.0,
                "times",
            );
        }
        Err(error) => table.note("`docker run --rm` on a real dockerd", format!("not measured: {error:#}")),
    }
    Ok(())
}

fn runs(count: usize, command: impl Fn() -> Result<Command>) -> Result<Vec<Duration>> {
    (0..count).map(|_| timed(command()?)).collect()
}

/// How long a command takes to its end.
pub(super) fn timed(mut command: Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let took = begin.elapsed();
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(took)
}
