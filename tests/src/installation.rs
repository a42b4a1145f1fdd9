//! [`Installation`]: a daemon of the test's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::client::Api;
use crate::output::{Output, run};

/// An installation below a temporary folder. Dropping it ends its daemon, workers and containers.
#[derive(Debug)]
pub struct Installation {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

impl Default for Installation {
    fn default() -> Self {
        Self::start()
    }
}

impl Installation {
    /// Makes an installation and starts its daemon.
    ///
    /// # Panics
    /// The daemon does not come up.
    #[must_use]
    pub fn start() -> Self {
        let mut installation = Self { folder: tempfile::tempdir().expect("a temporary folder"), daemon: None };
        installation.start_daemon();
        installation
    }

    /// Starts the daemon (again) and waits until it serves.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_daemon(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("daemon.log")).expect("a log");
        let mut child = self
            .sprat_command(&["daemon", "--listen", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the daemon");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its output");
        assert_eq!(line.trim(), "ready", "the daemon's log: {}", self.log());
        self.daemon = Some(child);
    }

    /// Kills the daemon with SIGKILL; workers go on.
    ///
    /// # Panics
    /// None runs.
    pub fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon runs");
        daemon.kill().expect("it is ours");
        daemon.wait().expect("it is ours");
    }

    /// Process id of the daemon.
    ///
    /// # Panics
    /// None runs.
    #[must_use]
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon runs").id()
    }

    /// What the daemon wrote.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// A path below the installation's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its state folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// The daemon's host, as in `DOCKER_HOST`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("s.sock").display())
    }

    /// A raw client of the API.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(&self.path("s.sock"))
    }

    /// `sprat ARGS` against this installation.
    #[track_caller]
    pub fn sprat(&self, args: &[&str]) -> Output {
        run(&mut self.sprat_command(args), b"")
    }

    /// `sprat ARGS` with standard input.
    #[track_caller]
    pub fn sprat_with(&self, args: &[&str], input: &[u8]) -> Output {
        run(&mut self.sprat_command(args), input)
    }

    /// The command of `sprat ARGS`.
    #[must_use]
    pub fn sprat_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["--host", &self.host(), "--root"]).arg(self.root()).args(args);
        command.env("DOCKER_CONFIG", self.path("docker")).env_remove("SPRAT_HOST").env_remove("SPRAT_ROOT");
        command
    }

    /// `docker ARGS` against this installation; `None` if there is no docker.
    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> Option<Output> {
        self.docker_with(args, b"")
    }

    /// `docker ARGS` with standard input.
    #[track_caller]
    pub fn docker_with(&self, args: &[&str], input: &[u8]) -> Option<Output> {
        let mut command = Command::new(crate::program("docker")?);
        command.args(args).env("DOCKER_HOST", self.host()).env("DOCKER_CONFIG", self.path("docker"));
        // Without it the command line looks for BuildKit's plugin first and warns.
        command.env("DOCKER_BUILDKIT", "0").env("DOCKER_CLI_HINTS", "false").env_remove("DOCKER_CONTEXT");
        Some(run(&mut command, input))
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        if self.daemon.is_none() {
            self.start_daemon();
        }
        let stopped = self.sprat(&["daemon", "stop"]);
        if let Some(mut daemon) = self.daemon.take() {
            if stopped.status != 0 {
                let _ = daemon.kill();
            }
            let _ = daemon.wait();
        }
    }
}

/// The program under test: built beside the test, or named by `SPRAT_BINARY` (benchmarks measure the release build).
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("SPRAT_BINARY") {
        return named.into();
    }
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default();
    let binary = folder.join("sprat");
    assert!(binary.is_file(), "{} is missing: run the tests with `cargo xtask test`", binary.display());
    binary
}
