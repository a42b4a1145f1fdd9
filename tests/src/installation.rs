//! [`Installation`]: a daemon of the test's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::client::Api;
use crate::events::Events;
use crate::output::{Output, run};

/// An installation below a temporary folder. Dropping it ends its daemon, workers and containers.
#[derive(Debug)]
pub struct Installation {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
    /// Further arguments of the daemon.
    args: Vec<String>,
    /// What the daemon runs under: a command that ends in its own.
    under: Vec<String>,
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
        Self::start_with(&[])
    }

    /// The same, with further arguments of the daemon.
    ///
    /// # Panics
    /// The daemon does not come up.
    #[must_use]
    pub fn start_with(args: &[&str]) -> Self {
        let mut installation = Self::without_daemon(args);
        installation.start_daemon();
        installation
    }

    /// An installation whose daemon is still to be started.
    ///
    /// # Panics
    /// There is no place for a folder.
    #[must_use]
    pub fn without_daemon(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { folder, daemon: None, args, under: Vec::new() }
    }

    /// Gives the daemon a mount namespace of its own where its state folder is a tmpfs with these options. False, and a
    /// printed reason, where the test may not do that.
    ///
    /// # Panics
    /// The folder can't be made.
    #[must_use]
    pub fn on_tmpfs(&mut self, options: &str) -> bool {
        let root = self.root();
        std::fs::create_dir_all(&root).expect("the folder is ours");
        let script = format!("mount -t tmpfs -o {options} tmpfs {} && exec \"$@\"", root.display());
        let under = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &script, "sh"];
        let works = Command::new("unshare")
            .args(&under[1..])
            .arg("true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if works {
            self.under = under.map(str::to_owned).to_vec();
        } else {
            eprintln!("skipped: mounting a tmpfs in a mount namespace needs root");
        }
        works
    }

    /// The daemon's view of a path below its state folder.
    ///
    /// # Panics
    /// None runs.
    #[must_use]
    pub fn state(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{name}", self.daemon_pid(), self.root().display()))
    }

    fn daemon_command(&self) -> Command {
        let mut command = self.sprat_command(&["daemon", "--listen", ""]);
        command.args(&self.args);
        if let Some((program, rest)) = self.under.split_first() {
            let mut outer = Command::new(program);
            outer.args(rest).arg(command.get_program()).args(command.get_args());
            for (key, value) in command.get_envs() {
                match value {
                    Some(value) => outer.env(key, value),
                    None => outer.env_remove(key),
                };
            }
            return outer;
        }
        command
    }

    /// Starts a daemon that must refuse to serve, and gives what it says.
    ///
    /// # Panics
    /// It serves.
    #[must_use]
    #[track_caller]
    pub fn refused_daemon(&self) -> Output {
        let mut child = self
            .daemon_command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its output");
        if line.trim() == "ready" {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
            panic!("the daemon serves, and should have refused to");
        }
        let output = child.wait_with_output().expect("it is ours");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Output { status: output.status.code().unwrap_or(-1), stdout: line, stderr }
    }

    /// Starts the daemon (again) and waits until it serves.
    ///
    /// # Panics
    /// It does not come up.
    pub fn start_daemon(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("daemon.log")).expect("a log");
        let mut child =
            self.daemon_command().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the daemon");
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

    /// Ends the daemon in order; its containers end with it.
    ///
    /// # Panics
    /// None runs, or it does not end.
    #[track_caller]
    pub fn stop_daemon(&mut self) {
        self.sprat(&["daemon", "stop"]).ok();
        let mut daemon = self.daemon.take().expect("a daemon runs");
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

    /// Its events from now on.
    ///
    /// # Panics
    /// They can't be had.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(self)
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
        if self.daemon.is_none() && self.root().join("state.db").exists() && !std::thread::panicking() {
            // Its workers may still run.
            self.start_daemon();
        }
        // A test that fails may do so because the daemon hangs.
        let stopped = !std::thread::panicking() && self.sprat(&["daemon", "stop"]).status == 0;
        if let Some(mut daemon) = self.daemon.take() {
            if !stopped {
                let _ = daemon.kill();
            }
            let _ = daemon.wait();
        }
        // Workers that nobody could stop: of a daemon that was killed or hung. They would run for ever.
        self.kill_processes();
    }
}

impl Installation {
    /// Kills what has a path below this folder among its arguments, as workers have.
    fn kill_processes(&self) {
        let folder = self.folder.path().to_string_lossy();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&arguments).contains(&*folder)
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                // It may have ended already.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
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
