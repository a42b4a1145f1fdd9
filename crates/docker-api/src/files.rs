//! Files of containers: what a path is, and what was changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Go's bits of a file mode (`io/fs.FileMode`), which docker's clients read.
pub mod go_mode {
    /// A folder.
    pub const DIRECTORY: u32 = 1 << 31;
    /// A symbolic link.
    pub const SYMLINK: u32 = 1 << 27;
    /// A device.
    pub const DEVICE: u32 = 1 << 26;
    /// Runs as its owner.
    pub const SETUID: u32 = 1 << 23;
    /// Runs as its group.
    pub const SETGID: u32 = 1 << 22;
    /// A character device.
    pub const CHARACTER_DEVICE: u32 = 1 << 21;
    /// Only owners remove what is in it.
    pub const STICKY: u32 = 1 << 20;
}

/// What is at a path of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPathStat {
    /// Its last name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Permissions and kind, as Go has them ([`go_mode`]).
    pub mode: u32,
    /// Last modification.
    pub mtime: String,
    /// Where a link leads.
    pub link_target: String,
}

impl ContainerPathStat {
    /// The header that carries it.
    pub const HEADER: &'static str = "X-Docker-Container-Path-Stat";

    /// As the header's value.
    #[must_use]
    pub fn to_header(&self) -> String {
        // This type always serialises: texts and numbers only.
        STANDARD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From the header's value; `None` if it is none.
    #[must_use]
    pub fn from_header(text: &str) -> Option<Self> {
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }

    /// It is a folder.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        self.mode & go_mode::DIRECTORY != 0
    }

    /// It is a symbolic link.
    #[must_use]
    pub const fn is_symlink(&self) -> bool {
        self.mode & go_mode::SYMLINK != 0
    }
}

/// Permission bits as Unix has them (12 bits), in Go's places.
#[must_use]
pub const fn go_permissions(mode: u32) -> u32 {
    let mut go = mode & 0o777;
    if mode & 0o4000 != 0 {
        go |= go_mode::SETUID;
    }
    if mode & 0o2000 != 0 {
        go |= go_mode::SETGID;
    }
    if mode & 0o1000 != 0 {
        go |= go_mode::STICKY;
    }
    go
}

/// A change of a container's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileChange {
    /// Absolute path.
    pub path: String,
    /// 0: changed, 1: added, 2: removed.
    pub kind: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_travels_in_its_header() {
        let mode = go_mode::SYMLINK | go_permissions(0o4755);
        let stat = ContainerPathStat { name: "a".to_owned(), mode, ..ContainerPathStat::default() };
        assert_eq!(ContainerPathStat::from_header(&stat.to_header()), Some(stat.clone()));
        assert!(stat.is_symlink() && !stat.is_directory());
        assert_eq!(stat.mode & 0o777, 0o755);
        assert_eq!(ContainerPathStat::from_header("?"), None);
    }
}
