//! Whole processes: `docker run` on Sprat and on a real dockerd, `sprat run`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sprat_tests::{Installation, example};

use super::stats::median_ms;
use super::table::Table;

/// Runs of each command, in turns.
const RUNS: usize = 41;
/// Runs on a real dockerd, which takes a third of a second each.
const DOCKERD_RUNS: usize = 11;
/// Time a real dockerd gets to come up.
const DOCKERD_START: Duration = Duration::from_secs(30);

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
    match Dockerd::start() {
        Ok(dockerd) => {
            dockerd.load_hello(&docker)?;
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
fn timed(mut command: Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let took = begin.elapsed();
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(took)
}

/// A real dockerd below a temporary folder.
struct Dockerd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Dockerd {
    fn start() -> Result<Self> {
        let program = sprat_tests::program("dockerd").context("dockerd is not installed")?;
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let log = std::fs::File::create(path("log"))?;
        let child = Command::new(program)
            .args(["--host", &format!("unix://{}", path("d.sock").display())])
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut dockerd = Self { child, folder };
        dockerd.wait_until_up()?;
        Ok(dockerd)
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < DOCKERD_START {
            if std::os::unix::net::UnixStream::connect(self.folder.path().join("d.sock")).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("dockerd ended ({status}): {}", log.lines().last().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("dockerd did not come up")
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("d.sock").display())
    }

    /// Builds an image of a static native hello.
    fn load_hello(&self, docker: &Path) -> Result<()> {
        let context = tempfile::tempdir()?;
        let path = |name: &str| context.path().join(name);
        std::fs::write(path("hello.c"), "#include <stdio.h>\nint main(void) { puts(\"Hello!\"); return 0; }\n")?;
        std::fs::write(path("Dockerfile"), "FROM scratch\nCOPY hello /hello\nENTRYPOINT [\"/hello\"]\n")?;
        crate::run(Command::new("cc").args(["-O2", "-static", "-o"]).arg(path("hello")).arg(path("hello.c")))?;
        crate::run(
            Command::new(docker)
                .args(["build", "-q", "-t", "hello"])
                .arg(context.path())
                .env("DOCKER_HOST", self.host())
                .env("DOCKER_BUILDKIT", "0")
                .stdout(Stdio::null()),
        )
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // TERM lets it unmount what it mounted.
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}
