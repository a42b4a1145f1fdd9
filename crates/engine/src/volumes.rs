//! [`Volumes`]: named folders of the host and who uses them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::store::SharedStore;
use crate::{ContainerId, EngineError, Volume, VolumeSpec, name};

/// Digits of an anonymous volume's name.
const ANONYMOUS_DIGITS: usize = 64;
/// The label of volumes that nobody named, as docker gives it.
const ANONYMOUS: &str = "com.docker.volume.anonymous";
/// Driver options that mean something to other drivers only; a plain folder needs none.
const DRIVER: &str = "local";

/// All volumes. Each is a folder `NAME/_data` and a row.
#[derive(Debug)]
pub(crate) struct Volumes {
    root: PathBuf,
    store: SharedStore,
    map: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    volume: Volume,
    users: BTreeSet<ContainerId>,
}

impl Volumes {
    /// Reads the rows, and takes folders without a row as volumes: their content is somebody's.
    ///
    /// # Errors
    /// The store or the folder can't be read.
    pub(crate) fn open(root: PathBuf, store: SharedStore) -> Result<Self, EngineError> {
        let mut map = BTreeMap::new();
        for volume in store.volumes()? {
            map.insert(volume.name.clone(), Entry { volume, users: BTreeSet::new() });
        }
        let this = Self { root, store, map: Mutex::new(map) };
        this.adopt()?;
        Ok(this)
    }

    fn adopt(&self) -> Result<(), EngineError> {
        let failed = || EngineError::io(format!("read {}", self.root.display()));
        for entry in fs_err::read_dir(&self.root).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if self.map.lock().contains_key(&name) || !name::is_valid(&name) || !entry.path().join("_data").is_dir() {
                continue;
            }
            let anonymous = name.len() == ANONYMOUS_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit());
            let volume = self.describe(&name, VolumeSpec::default(), anonymous);
            self.store.put_volume(&volume)?;
            self.map.lock().insert(name, Entry { volume, users: BTreeSet::new() });
        }
        Ok(())
    }

    fn describe(&self, name: &str, mut spec: VolumeSpec, anonymous: bool) -> Volume {
        if anonymous {
            spec.labels.entry(ANONYMOUS.to_owned()).or_default();
        }
        Volume {
            name: name.to_owned(),
            mountpoint: self.root.join(name).join("_data"),
            created: Timestamp::now(),
            labels: spec.labels,
            options: spec.options,
            anonymous,
        }
    }

    /// Makes a volume, or gives the one of that name. True: it is new.
    ///
    /// # Errors
    /// The name is malformed, or the driver is unknown.
    pub(crate) fn create(&self, spec: VolumeSpec) -> Result<(Volume, bool), EngineError> {
        if !spec.driver.is_empty() && spec.driver != DRIVER {
            return Err(EngineError::NoSuchVolumeDriver { volume: spec.name, driver: spec.driver });
        }
        if let Some(key) = spec.options.keys().next() {
            let text = format!("create {}: invalid option: {key:?}: Sprat's volumes are plain folders", spec.name);
            return Err(EngineError::Invalid(text));
        }
        let anonymous = spec.name.is_empty();
        let name = if anonymous { anonymous_name() } else { check(&spec.name)?.to_owned() };
        let mut map = self.map.lock();
        if let Some(entry) = map.get(&name) {
            return Ok((entry.volume.clone(), false));
        }
        let volume = self.describe(&name, spec, anonymous);
        self.store.put_volume(&volume)?;
        make_folder(&volume.mountpoint)?;
        map.insert(name, Entry { volume: volume.clone(), users: BTreeSet::new() });
        Ok((volume, true))
    }

    /// Makes (with these labels) or finds the volume of a container's mount, and notes that it is used. A new anonymous
    /// volume (an empty name) has no row yet: the container's transaction writes it.
    ///
    /// # Errors
    /// The name is malformed, or the folder can't be made.
    pub(crate) fn acquire(
        &self,
        wanted: &str,
        labels: &BTreeMap<String, String>,
        user: ContainerId,
    ) -> Result<(Volume, bool), EngineError> {
        let anonymous = wanted.is_empty();
        let name = if anonymous { anonymous_name() } else { check(wanted)?.to_owned() };
        let mut map = self.map.lock();
        if let Some(entry) = map.get_mut(&name) {
            entry.users.insert(user);
            return Ok((entry.volume.clone(), false));
        }
        let volume = self.describe(&name, VolumeSpec { labels: labels.clone(), ..VolumeSpec::default() }, anonymous);
        if !anonymous {
            self.store.put_volume(&volume)?;
        }
        make_folder(&volume.mountpoint)?;
        map.insert(name, Entry { volume: volume.clone(), users: BTreeSet::from([user]) });
        Ok((volume, true))
    }

    /// Notes at a daemon start that a container uses a volume.
    pub(crate) fn note(&self, name: &str, user: ContainerId) {
        if let Some(entry) = self.map.lock().get_mut(name) {
            entry.users.insert(user);
        }
    }

    /// A container doesn't use this volume any more.
    pub(crate) fn release(&self, name: &str, user: ContainerId) {
        if let Some(entry) = self.map.lock().get_mut(name) {
            entry.users.remove(&user);
        }
    }

    /// All volumes by name, with their users.
    pub(crate) fn all(&self) -> Vec<(Volume, Vec<ContainerId>)> {
        self.map.lock().values().map(|entry| (entry.volume.clone(), entry.users.iter().copied().collect())).collect()
    }

    /// Removes a volume. False: there was none.
    ///
    /// # Errors
    /// There is none of that name (unless `force`), or it is used.
    pub(crate) fn remove(&self, name: &str, force: bool) -> Result<bool, EngineError> {
        let mut map = self.map.lock();
        let Some(entry) = map.get(name) else {
            return if force { Ok(false) } else { Err(EngineError::NoSuchVolume(name.to_owned())) };
        };
        if !entry.users.is_empty() {
            let users: Vec<String> = entry.users.iter().map(ContainerId::to_string).collect();
            return Err(EngineError::VolumeInUse { name: name.to_owned(), users: users.join(", ") });
        }
        // The folder is taken aside first: a half-removed volume must not come back with half of its content.
        let aside = self.root.join(format!(".removed-{name}"));
        set_aside(&self.root.join(name), &aside)?;
        self.store.remove_volume(name)?;
        map.remove(name);
        drop(map);
        remove_tree(&aside);
        Ok(true)
    }

    /// Removes an anonymous volume whose row went with its container's, unless another container uses it.
    pub(crate) fn drop_anonymous(&self, name: &str) {
        let mut map = self.map.lock();
        if map.get(name).is_some_and(|entry| entry.users.is_empty()) {
            map.remove(name);
            drop(map);
            remove_tree(&self.root.join(name));
        }
    }

    /// Whether a container is the only user of a volume.
    pub(crate) fn is_sole_user(&self, name: &str, user: ContainerId) -> bool {
        self.map.lock().get(name).is_some_and(|entry| entry.users.iter().all(|other| *other == user))
    }

    /// Sweeps what interrupted removals left.
    pub(crate) fn sweep(&self) {
        let Ok(entries) = fs_err::read_dir(&self.root) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(".removed-") {
                remove_tree(&entry.path());
            }
        }
    }
}

fn check(name: &str) -> Result<&str, EngineError> {
    if name::is_valid(name) {
        return Ok(name);
    }
    if name.chars().count() == 1 {
        return Err(EngineError::Invalid(format!(
            "create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )));
    }
    Err(EngineError::Invalid(format!(
        "create {name}: {name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )))
}

fn anonymous_name() -> String {
    ContainerId::random().to_string()
}

fn make_folder(path: &Path) -> Result<(), EngineError> {
    fs_err::create_dir_all(path).map_err(EngineError::io(format!("make the volume's folder {}", path.display())))
}

fn set_aside(from: &Path, to: &Path) -> Result<(), EngineError> {
    match fs_err::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(EngineError::io("remove the volume's folder")),
    }
}

/// Removes a folder; what stays is swept at the next start.
pub(crate) fn remove_tree(path: &Path) {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "left behind until the next start");
        }
        _ => {}
    }
}

/// Bytes of the files below a folder; what can't be read counts nothing, links are not followed. Blocks.
#[must_use]
pub fn tree_size(path: &Path) -> u64 {
    let mut folders = vec![path.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs_err::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => bytes += meta.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trees_size_is_that_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("a")).unwrap();
        fs_err::write(folder.path().join("a/b"), "12345").unwrap();
        let alone = tree_size(folder.path());
        std::os::unix::fs::symlink("..", folder.path().join("a/loop")).unwrap();
        // A link counts its own text.
        assert_eq!((alone, tree_size(folder.path())), (5, 7));
        assert_eq!(tree_size(Path::new("/nowhere/at/all")), 0);
    }
}
