//! [`Spec`]: everything a guest is given, as plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sprat_program::{Encoding, Kind, Variant, Wasi};

use crate::{Limits, NetworkSpec, ServiceSpec};

/// Everything a guest is given; what is not here it cannot reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The compiled program.
    pub program: ProgramSpec,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment, in order.
    pub env: Vec<(String, String)>,
    /// Absolute working folder.
    pub cwd: String,
    /// What it sees as `/`.
    pub files: FilesSpec,
    /// Whom it runs as.
    pub user: User,
    /// Its limits.
    pub limits: Limits,
    /// Standard streams are a terminal.
    pub tty: bool,
    /// What it is given of networks; by default a loopback of its own.
    #[serde(default)]
    pub network: NetworkSpec,
    /// The limits of a program that is an HTTP service.
    #[serde(default)]
    pub service: ServiceSpec,
}

/// A compiled program in the sealed cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// The code file of the sealed cache.
    pub code: PathBuf,
    /// How it was compiled.
    pub variant: Variant,
    /// Core module or component.
    pub encoding: Encoding,
    /// What it can be used as.
    pub kind: Kind,
    /// Which WASI it speaks.
    pub wasi: Wasi,
}

/// The files a guest sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesSpec {
    /// Unpacked image layers, lowest first.
    pub layers: Vec<PathBuf>,
    /// Folder that takes what the guest writes. It need not exist: it appears at the first write.
    pub upper: PathBuf,
    /// The root (layers and upper) can't be written.
    pub read_only: bool,
    /// Mounts over the root.
    pub mounts: Vec<Mount>,
    /// Files given by the engine: `/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf` (absolute path, content). They
    /// lie between layers and upper.
    pub provided: Vec<(String, String)>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the guest.
    pub target: String,
    /// What is mounted.
    pub source: MountSource,
    /// It can't be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSource {
    /// A folder or file of the host: a bind mount, or a volume's folder.
    Host(PathBuf),
    /// A folder in memory with at most this many bytes, that everybody may write.
    Memory(u64),
    /// A folder in memory with an owner and a mode.
    OwnedMemory {
        /// Most bytes.
        bytes: u64,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
}

/// Whom a guest runs as; checked against the owners and modes of the image's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}
