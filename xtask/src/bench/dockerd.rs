//! Images for the real dockerd that is measured against.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow};
use sprat_tests::Dockerd;

/// Starts a dockerd.
pub(super) fn start() -> Result<Dockerd> {
    Dockerd::start().map_err(|why| anyhow!(why))
}

/// Builds an image of a static native hello.
pub(super) fn load_hello(dockerd: &Dockerd, docker: &Path) -> Result<()> {
    load(dockerd, docker, "hello", "#include <stdio.h>\nint main(void) { puts(\"Hello!\"); return 0; }\n")
}

/// Builds an image of a static native program from its C source.
pub(super) fn load(dockerd: &Dockerd, docker: &Path, name: &str, source: &str) -> Result<()> {
    let context = tempfile::tempdir()?;
    let path = |name: &str| context.path().join(name);
    std::fs::write(path("main.c"), source)?;
    std::fs::write(path("Dockerfile"), "FROM scratch\nCOPY main /main\nENTRYPOINT [\"/main\"]\n")?;
    crate::run(Command::new("cc").args(["-O2", "-static", "-o"]).arg(path("main")).arg(path("main.c")))?;
    crate::run(
        Command::new(docker)
            .args(["build", "-q", "-t", name])
            .arg(context.path())
            .env("DOCKER_HOST", dockerd.host())
            .env("DOCKER_BUILDKIT", "0")
            .stdout(Stdio::null()),
    )
}
