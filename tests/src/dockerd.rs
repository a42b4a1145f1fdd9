//! [`Dockerd`]: a real dockerd, to compare with.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time it gets to come up.
const START: Duration = Duration::from_secs(30);

/// A real dockerd below a temporary folder. Dropping it ends it and its containers.
#[derive(Debug)]
pub struct Dockerd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Dockerd {
    /// Starts one that shares the machine's network.
    ///
    /// # Errors
    /// Why it does not run here: it needs root and a kernel that lets it make namespaces.
    pub fn start() -> Result<Self, String> {
        Self::start_under(&[])
    }

    /// Starts one in network and mount namespaces of its own: its bridge and its rules are nobody else's.
    ///
    /// # Errors
    /// Why it does not run here.
    pub fn start_apart() -> Result<Self, String> {
        let script = "ip link set lo up; exec \"$@\"";
        Self::start_under(&["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script, "sh"])
    }

    fn start_under(outer: &[&str]) -> Result<Self, String> {
        let program = crate::program("dockerd").ok_or("dockerd is not installed")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = |name: &str| folder.path().join(name);
        let log = std::fs::File::create(path("log")).map_err(|error| error.to_string())?;
        // Whatever the machine's own dockerd is told by its file is no business of this one.
        std::fs::write(path("config.json"), "{}").map_err(|error| error.to_string())?;
        let mut command = match outer.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        for (flag, name) in
            [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid"), ("--config-file", "config.json")]
        {
            command.arg(flag).arg(path(name));
        }
        command.args(["--host", &format!("unix://{}", path("d.sock").display())]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut dockerd = Self { child: child.map_err(|error| error.to_string())?, folder };
        dockerd.wait_until_up()?;
        Ok(dockerd)
    }

    fn wait_until_up(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < START {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("dockerd ended ({status}): {}", log.lines().last().unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("dockerd did not come up".to_owned())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path().join("d.sock")
    }

    /// Its host, as in `DOCKER_HOST`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The folder that all of it is in.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // TERM lets it end its containers and unmount what it mounted.
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}
