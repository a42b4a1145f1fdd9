//! A real dockerd, to measure against.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Time it gets to come up.
const DOCKERD_START: Duration = Duration::from_secs(30);

/// A real dockerd below a temporary folder.
pub(super) struct Dockerd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Dockerd {
    pub(super) fn start() -> Result<Self> {
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

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("d.sock").display())
    }

    /// Builds an image of a static native hello.
    pub(super) fn load_hello(&self, docker: &Path) -> Result<()> {
        self.load(docker, "hello", "#include <stdio.h>\nint main(void) { puts(\"Hello!\"); return 0; }\n")
    }

    /// Builds an image of a static native program from its C source.
    pub(super) fn load(&self, docker: &Path, name: &str, source: &str) -> Result<()> {
        let context = tempfile::tempdir()?;
        let path = |name: &str| context.path().join(name);
        std::fs::write(path("main.c"), source)?;
        std::fs::write(path("Dockerfile"), "FROM scratch\nCOPY main /main\nENTRYPOINT [\"/main\"]\n")?;
        crate::run(Command::new("cc").args(["-O2", "-static", "-o"]).arg(path("main")).arg(path("main.c")))?;
        crate::run(
            Command::new(docker)
                .args(["build", "-q", "-t", name])
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
