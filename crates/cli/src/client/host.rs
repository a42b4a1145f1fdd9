//! [`Host`]: where the daemon answers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A Unix socket.
    Unix(PathBuf),
    /// An address of the machine.
    Tcp(String),
}

impl Host {
    /// The default: root's, or the user's own.
    pub(crate) fn default_for(root: bool, runtime_dir: Option<&Path>, state: &Path) -> Self {
        if root {
            return Self::Unix("/run/sprat.sock".into());
        }
        Self::Unix(runtime_dir.unwrap_or(state).join("sprat.sock"))
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", address)) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            _ => Err(format!("invalid host {text:?}: expected unix:///path or tcp://address:port")),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_docker_writes_them() {
        assert_eq!("unix:///a/b.sock".parse(), Ok(Host::Unix("/a/b.sock".into())));
        assert_eq!("tcp://127.0.0.1:1".parse(), Ok(Host::Tcp("127.0.0.1:1".into())));
        for wrong in ["", "unix://", "unix://relative", "ssh://x", "/a/b.sock", "tcp://"] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }
}
