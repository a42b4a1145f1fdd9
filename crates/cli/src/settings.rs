//! [`Settings`]: host and root, resolved once from flags, environment and user.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::args::Cli;
use crate::client::{Client, Host};
use crate::error::CliError;

/// What a daemon started by the CLI prints to standard output once it serves.
pub(crate) const READY: &str = "ready";

/// Bytes of a daemon's log that are shown when it can't start.
const LOG_SHOWN: usize = 2000;

/// Bytes of the longest path that leaves room for the name of a socket (a Unix socket's path has at most 107).
const LONGEST_RUN: usize = 70;

/// Host and root in effect.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the daemon answers.
    pub host: Host,
    /// Nobody named a host: the daemon may be started.
    pub implied: bool,
    /// The daemon's state folder.
    pub root: PathBuf,
}

impl Settings {
    /// Resolves flags (which clap filled from the environment) and defaults.
    pub(crate) fn resolve(cli: &Cli) -> Result<Self, CliError> {
        let privileged = rustix::process::geteuid().is_root();
        let root = match &cli.root {
            Some(root) => std::path::absolute(root)?,
            None => default_root(privileged)?,
        };
        let host = match &cli.host {
            Some(text) => text
                .parse()
                .map_err(|why: String| CliError::new(why).fix("correct --host or SPRAT_HOST").status(125))?,
            None => {
                let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
                Host::default_for(privileged, runtime.as_deref(), &root)
            }
        };
        Ok(Self { host, implied: cli.host.is_none(), root })
    }

    /// Folder of the sockets between daemon and workers. It follows from the root alone, so that every daemon of a root
    /// finds its workers; a root whose path is too long for a Unix socket gets one in the folder for temporary files.
    pub(crate) fn run_folder(&self) -> PathBuf {
        let within = self.root.join("run");
        if within.as_os_str().len() <= LONGEST_RUN {
            return within;
        }
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&self.root, &mut hasher);
        let hash = std::hash::Hasher::finish(&hasher);
        std::env::temp_dir().join(format!("sprat-{}-{hash:016x}", rustix::process::geteuid().as_raw()))
    }

    /// A client of the daemon, which is started if none answers and none was named.
    pub(crate) async fn client(&self) -> Result<Client, CliError> {
        if let (true, Host::Unix(socket)) = (self.implied, &self.host)
            && tokio::net::UnixStream::connect(socket).await.is_err()
        {
            self.start_daemon()?;
        }
        Ok(Client::new(self.host.clone()))
    }

    /// Starts the daemon as a session of its own and waits until it serves.
    fn start_daemon(&self) -> Result<(), CliError> {
        fs_err::create_dir_all(&self.root)?;
        let log = self.root.join("daemon.log");
        let stderr = fs_err::OpenOptions::new().create(true).append(true).open(&log)?;
        errln!("Starting the daemon (log: {}; end it with `sprat daemon stop`)", log.display());
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--host")
            .arg(self.host.to_string())
            .arg("--root")
            .arg(&self.root)
            .arg("daemon")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.into_parts().0)
            .process_group(0);
        let failed = |why: String| {
            CliError::new("the daemon did not start")
                .why(why)
                .fix(format!("see {}, or run `sprat daemon` to watch it", log.display()))
                .status(125)
        };
        let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.trim() == READY {
            return Ok(());
        }
        // It closed its output: it has ended, or is about to.
        let status = child.wait()?;
        Err(failed(format!("{status}: {}", tail(&log))))
    }
}

/// The last lines of the daemon's log.
fn tail(log: &Path) -> String {
    let text = fs_err::read(log).unwrap_or_default();
    let text =
        String::from_utf8_lossy(text.get(text.len().saturating_sub(LOG_SHOWN)..).unwrap_or_default()).into_owned();
    text.lines().last().unwrap_or("it wrote no log").to_owned()
}

fn default_root(privileged: bool) -> Result<PathBuf, CliError> {
    if privileged {
        return Ok("/var/lib/sprat".into());
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    data.map(|d| d.join("sprat")).ok_or_else(|| {
        CliError::new("there is no place for state")
            .why("HOME is not set")
            .fix("set HOME, or name a folder with --root")
    })
}
