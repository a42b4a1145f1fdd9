//! [`ContainerSpec`]: what a caller asks for, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sprat_image::Healthcheck;
use sprat_sandbox::ServiceSpec;

use crate::EndpointRequest;

/// What a caller asks for. Image defaults are applied by the engine, not by doors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Name; `None` makes one up.
    pub name: Option<String>,
    /// Image name or id, as the caller wrote it.
    pub image: String,
    /// Replaces the image's; an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's.
    pub cmd: Option<Vec<String>>,
    /// `NAME=value` over the image's; `NAME` alone removes it.
    pub env: Vec<String>,
    /// Replaces the image's.
    pub working_dir: Option<String>,
    /// Replaces the image's.
    pub user: Option<String>,
    /// Further groups (names or numbers).
    pub groups: Vec<String>,
    /// Host name; `None`: the short id.
    pub hostname: Option<String>,
    /// Domain name.
    pub domainname: String,
    /// Labels over the image's.
    pub labels: BTreeMap<String, String>,
    /// `dev.sprat.NAME` and others.
    pub annotations: BTreeMap<String, String>,
    /// Standard streams are a terminal.
    pub tty: bool,
    /// Standard input stays open for attachments.
    pub open_stdin: bool,
    /// Standard input ends with the first attachment.
    pub stdin_once: bool,
    /// Replaces the image's.
    pub stop_signal: Option<String>,
    /// Seconds between the stop signal and KILL; `None` is 10.
    pub stop_timeout_s: Option<u32>,
    /// Bind mounts, volumes, tmpfs.
    pub mounts: Vec<MountSpec>,
    /// Containers whose bind mounts and volumes it gets too: `NAME`, `NAME:ro`.
    pub volumes_from: Vec<String>,
    /// The root can't be written.
    pub read_only: bool,
    /// What happens after an exit.
    pub restart: RestartPolicy,
    /// Removed after its exit, with its anonymous volumes.
    pub auto_remove: bool,
    /// Shared worker, or one of its own.
    pub isolation: Isolation,
    /// Memory limit in bytes; `None` is the daemon's default.
    pub memory_bytes: Option<u64>,
    /// CPU limit in thousandths of one CPU; `None` is none.
    pub cpu_millis: Option<u32>,
    /// Wall-clock limit in milliseconds; `None` is none.
    pub wall_clock_ms: Option<u64>,
    /// Open files; `None` is 1024.
    pub open_files: Option<u32>,
    /// Bytes that it may write to its own files; `None`: 10 GiB.
    pub disk_bytes: Option<u64>,
    /// Log driver and sizes.
    pub log: LogSpec,
    /// Exposed ports besides the image's: `80/tcp`.
    pub exposed_ports: BTreeSet<String>,
    /// Published ports.
    pub ports: Vec<PortSpec>,
    /// `default`, `none`, `host` or a network's name or id.
    pub network: String,
    /// What it asks for on its networks, by the network's name.
    pub endpoints: BTreeMap<String, EndpointRequest>,
    /// `CONTAINER:ALIAS`: names of others that this container alone knows, on the network of its mode.
    pub links: Vec<String>,
    /// Name servers; none takes the host's.
    pub dns: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_options: Vec<String>,
    /// What it may reach outside: `deny`, `allow`, or rules such as `api.example.com:443,10.0.0.0/8`; `None` is the
    /// daemon's default.
    pub egress: Option<String>,
    /// `HOST:IP` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Replaces the image's.
    pub healthcheck: Option<Healthcheck>,
    /// Limits of a program that is an HTTP service.
    pub service: ServiceSpec,
    /// What the door that made the container wants to see again; opaque here, kept in the store and not in memory.
    #[serde(skip)]
    pub door_data: String,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Absolute path in the container.
    pub target: String,
    /// What is mounted.
    pub kind: MountKind,
    /// It can't be written.
    pub read_only: bool,
    /// It comes from another container (`--volumes-from`); the engine's to say.
    #[serde(default)]
    pub inherited: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// A path of the host. `create`: made as a folder if missing (`-v`), else an error (`--mount`).
    Bind {
        /// Absolute path.
        source: PathBuf,
        /// Make it if missing.
        create: bool,
    },
    /// A named volume, made if missing; an empty name is an anonymous one. `no_copy`: not filled from the image.
    Volume {
        /// Its name.
        name: String,
        /// Not filled from the image at first use.
        no_copy: bool,
        /// Labels of the volume, if it is made for this.
        #[serde(default)]
        labels: BTreeMap<String, String>,
    },
    /// Memory with at most this many bytes (default 64 MiB).
    Tmpfs {
        /// Bytes.
        size: u64,
        /// Whose it is.
        #[serde(default)]
        owner: TmpfsOwner,
    },
}

/// Owner and mode of the top folder of a tmpfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmpfsOwner {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Default for TmpfsOwner {
    fn default() -> Self {
        Self { mode: 0o1777, uid: 0, gid: 0 }
    }
}

/// One published port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSpec {
    /// Port in the container.
    pub container: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Address of the host; empty is all.
    pub host_ip: String,
    /// Port of the host; 0 takes a free one.
    pub host: u16,
    /// The last of the ports of the host from which a free one is taken; 0: there is only `host`.
    #[serde(default)]
    pub host_last: u16,
}

/// What happens after an exit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Started again whatever the status.
    Always,
    /// As `Always`, but not after a daemon start when it was stopped by hand.
    UnlessStopped,
    /// Started again after a status other than 0, at most `max` times (0: no limit).
    OnFailure {
        /// Most restarts.
        max: u32,
    },
}

/// The isolation class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Many containers share a worker.
    #[default]
    Default,
    /// A worker of its own.
    Process,
}

/// Log driver and sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// Where lines go.
    pub driver: LogDriver,
    /// Bytes of one file.
    pub max_size: u64,
    /// Files kept.
    pub max_files: u32,
    /// What of the container is noted with each line: `labels`, `labels-regex`, `env`, `env-regex`, `tag`, as docker's
    /// json-file has them.
    #[serde(default)]
    pub noted: BTreeMap<String, String>,
}

impl Default for LogSpec {
    fn default() -> Self {
        Self { driver: LogDriver::JsonFile, max_size: 10_000_000, max_files: 3, noted: BTreeMap::new() }
    }
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// Docker's json-file.
    JsonFile,
    /// Kept by Sprat; stored as json-file too.
    Local,
    /// Nowhere.
    None,
}
