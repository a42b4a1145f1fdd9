//! Mounts as create requests have them: `Binds` strings, `Mounts` objects, `Tmpfs` options.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::lenient::null_default;
use crate::parse_size;

/// Why a mount is refused, in docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// A `Binds` string has the wrong shape.
    #[error("invalid volume specification: '{0}'")]
    Specification(String),
    /// The target is not absolute.
    #[error("invalid mount path: '{0}' mount path must be absolute")]
    Relative(String),
    /// The target is the root.
    #[error("invalid volume specification: '{0}': destination can't be '/'")]
    Root(String),
    /// An option is unknown.
    #[error("invalid mode: {0}")]
    Mode(String),
    /// An option of a tmpfs is wrong.
    #[error("invalid tmpfs option {0:?}")]
    Tmpfs(String),
}

/// One `Binds` string: `SOURCE:TARGET[:OPTIONS]`, or `TARGET` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// What is mounted.
    pub source: BindSource,
    /// Absolute path in the container.
    pub target: String,
    /// It can't be written.
    pub read_only: bool,
    /// A volume is not filled from the image.
    pub no_copy: bool,
}

/// What a `Binds` string mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindSource {
    /// An absolute path of the host.
    Path(String),
    /// A named volume.
    Volume(String),
    /// A volume without a name.
    Anonymous,
}

impl Bind {
    /// Parses a `Binds` string.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn parse(text: &str) -> Result<Self, MountError> {
        let malformed = || MountError::Specification(text.chars().take(256).collect());
        let mut parts = text.split(':');
        let (source, target, options) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(target), None, None, None) => (None, target, ""),
            (Some(source), Some(target), options, None) => (Some(source), target, options.unwrap_or_default()),
            _ => return Err(malformed()),
        };
        let source = match source {
            Some("") => return Err(malformed()),
            Some(path) if path.starts_with('/') => BindSource::Path(path.to_owned()),
            // Docker names volumes so; anything else (`./x`) is a relative path that only a client can resolve.
            Some(name) if is_volume_name(name) => BindSource::Volume(name.to_owned()),
            Some(_) => return Err(malformed()),
            None => BindSource::Anonymous,
        };
        check_target(target)?;
        let mut bind = Self { source, target: target.to_owned(), read_only: false, no_copy: false };
        options.split(',').filter(|option| !option.is_empty()).try_for_each(|option| bind.set(option))?;
        Ok(bind)
    }

    fn set(&mut self, option: &str) -> Result<(), MountError> {
        match option {
            "ro" => self.read_only = true,
            "nocopy" => self.no_copy = true,
            "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" | "private" | "rprivate" | "shared"
            | "rshared" | "slave" | "rslave" => {}
            other => return Err(MountError::Mode(other.chars().take(64).collect())),
        }
        Ok(())
    }
}

/// A volume's name by docker's rule: two characters or more, the first a letter or digit.
fn is_volume_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() > 1
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// Refuses what is no absolute path below the root.
fn check_target(target: &str) -> Result<(), MountError> {
    if !target.starts_with('/') {
        return Err(MountError::Relative(target.chars().take(256).collect()));
    }
    let is_root = target.split('/').all(|part| part.is_empty() || part == ".");
    if is_root { Err(MountError::Root(target.to_owned())) } else { Ok(()) }
}

/// One `Mounts` object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountRequest {
    /// `bind`, `volume`, `tmpfs` …
    #[serde(rename = "Type", deserialize_with = "null_default")]
    pub kind: String,
    /// A path of the host, or a volume's name.
    #[serde(deserialize_with = "null_default")]
    pub source: String,
    /// Absolute path in the container.
    #[serde(deserialize_with = "null_default")]
    pub target: String,
    /// It can't be written.
    #[serde(deserialize_with = "null_default")]
    pub read_only: bool,
    /// Options of a bind mount.
    #[serde(deserialize_with = "null_default")]
    pub bind_options: BindOptions,
    /// Options of a volume.
    #[serde(deserialize_with = "null_default")]
    pub volume_options: VolumeOptions,
    /// Options of a tmpfs.
    #[serde(deserialize_with = "null_default")]
    pub tmpfs_options: TmpfsOptions,
}

impl MountRequest {
    /// Refuses a target that is no absolute path below the root.
    ///
    /// # Errors
    /// See [`MountError`].
    pub fn check_target(&self) -> Result<(), MountError> {
        check_target(&self.target)
    }
}

/// Options of a bind mount.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BindOptions {
    /// The folder is made if it is missing.
    #[serde(deserialize_with = "null_default")]
    pub create_mountpoint: bool,
}

/// Options of a volume mount.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeOptions {
    /// Not filled from the image.
    #[serde(deserialize_with = "null_default")]
    pub no_copy: bool,
    /// A folder within the volume.
    #[serde(deserialize_with = "null_default")]
    pub subpath: String,
    /// The driver.
    #[serde(deserialize_with = "null_default")]
    pub driver_config: DriverConfig,
    /// Labels of a volume that is made for it.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
}

/// A volume's driver.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DriverConfig {
    /// Its name; empty or `local` here.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// Its options.
    #[serde(deserialize_with = "null_default")]
    pub options: BTreeMap<String, String>,
}

/// Options of a tmpfs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TmpfsOptions {
    /// Bytes; 0 is the default.
    #[serde(deserialize_with = "null_default")]
    pub size_bytes: u64,
    /// Permission bits of its top folder; 0 is the default.
    #[serde(deserialize_with = "null_default")]
    pub mode: u32,
    /// Mount options: a key, or a key and its value (Docker Engine API 1.46).
    #[serde(deserialize_with = "null_default")]
    pub options: Vec<Vec<String>>,
}

impl TmpfsOptions {
    /// What is asked for.
    ///
    /// # Errors
    /// An option is wrong.
    pub fn read(&self) -> Result<Tmpfs, MountError> {
        let mut tmpfs = Tmpfs::default();
        self.options.iter().try_for_each(|option| tmpfs.set(&option.join("=")))?;
        tmpfs.size = tmpfs.size.or(Some(self.size_bytes)).filter(|size| *size > 0);
        tmpfs.mode = tmpfs.mode.or(Some(self.mode)).filter(|mode| *mode > 0);
        if tmpfs.mode.is_some_and(|mode| mode > MAX_MODE) {
            return Err(MountError::Tmpfs(format!("mode={:o}", self.mode)));
        }
        Ok(tmpfs)
    }
}

/// All permission bits.
const MAX_MODE: u32 = 0o7777;

/// What is asked of a tmpfs; `None` is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tmpfs {
    /// Bytes.
    pub size: Option<u64>,
    /// It can't be written.
    pub read_only: bool,
    /// Permission bits of its top folder.
    pub mode: Option<u32>,
    /// Owner of its top folder.
    pub uid: u32,
    /// Group of its top folder.
    pub gid: u32,
}

impl Tmpfs {
    fn set(&mut self, option: &str) -> Result<(), MountError> {
        let wrong = || MountError::Tmpfs(option.chars().take(64).collect());
        let number = |text: &str| text.parse().map_err(|_| wrong());
        match option.split_once('=') {
            Some(("size", value)) => self.size = Some(parse_size(value).map_err(|_| wrong())?).filter(|size| *size > 0),
            Some(("mode", value)) => {
                let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= MAX_MODE);
                self.mode = Some(mode.ok_or_else(wrong)?);
            }
            Some(("uid", value)) => self.uid = number(value)?,
            Some(("gid", value)) => self.gid = number(value)?,
            Some(("nr_inodes" | "nr_blocks" | "mpol", _)) => {}
            None if option == "ro" => self.read_only = true,
            None if TMPFS_FLAGS.contains(&option) => {}
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

/// Reads one entry of `Tmpfs`: `"/run": "rw,size=64k,mode=700"`.
///
/// # Errors
/// The target or an option is wrong.
pub fn parse_tmpfs(target: &str, options: &str) -> Result<Tmpfs, MountError> {
    check_target(target)?;
    let mut tmpfs = Tmpfs::default();
    options.split(',').filter(|option| !option.is_empty()).try_for_each(|option| tmpfs.set(option))?;
    Ok(tmpfs)
}

/// Mount flags that docker accepts and that mean nothing for memory files of a guest.
const TMPFS_FLAGS: &[&str] = &[
    "rw",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "dirsync",
    "remount",
    "mand",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "defaults",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "unbindable",
    "runbindable",
    "bind",
    "rbind",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_name_a_path_a_volume_or_nothing() {
        let bind = Bind::parse("/srv/data:/data:ro").unwrap();
        assert_eq!(bind.source, BindSource::Path("/srv/data".into()));
        assert!(bind.read_only);
        assert_eq!(Bind::parse("data:/data").unwrap().source, BindSource::Volume("data".into()));
        assert_eq!(Bind::parse("/data").unwrap().source, BindSource::Anonymous);
        assert!(Bind::parse("data:/data:rw,nocopy,z").unwrap().no_copy);
    }

    #[test]
    fn malformed_binds_are_refused_in_dockers_words() {
        for text in ["", ":", ":/x", "a:/b:ro:x", "./x:/y", "../x:/y", "a:/x", "data:x", "/a:/", "/a:/./", "/a:/b:wx"] {
            assert!(Bind::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Bind::parse("data:x").unwrap_err().to_string(),
            "invalid mount path: 'x' mount path must be absolute"
        );
        assert_eq!(Bind::parse("/a:/b:wx").unwrap_err().to_string(), "invalid mode: wx");
    }

    #[test]
    fn tmpfs_options_are_read() {
        let full = Tmpfs { size: Some(65536), mode: Some(0o1700), uid: 5, gid: 6, read_only: false };
        assert_eq!(parse_tmpfs("/run", "rw,size=64k,mode=1700,uid=5,gid=6"), Ok(full));
        assert_eq!(parse_tmpfs("/run", ""), Ok(Tmpfs::default()));
        assert_eq!(parse_tmpfs("/run", "ro"), Ok(Tmpfs { read_only: true, ..Tmpfs::default() }));
        for wrong in ["size=x", "whatever", "mode=9", "mode=17777", "uid=-1"] {
            assert!(parse_tmpfs("/run", wrong).is_err(), "{wrong}");
        }
        assert!(parse_tmpfs("run", "").is_err());
        let options: TmpfsOptions =
            serde_json::from_str(r#"{"SizeBytes":4096,"Mode":448,"Options":[["uid","7"],["noexec"]]}"#).unwrap();
        assert_eq!(options.read(), Ok(Tmpfs { size: Some(4096), mode: Some(0o700), uid: 7, ..Tmpfs::default() }));
        assert!(TmpfsOptions { mode: 0o10000, ..TmpfsOptions::default() }.read().is_err());
    }
}
