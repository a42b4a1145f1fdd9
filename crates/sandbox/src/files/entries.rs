//! Listing of folders: the layers merged, whiteouts and foreign names left out, mounts and devices put in.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;

use super::device::Device;
use super::errno::Result;
use super::inner::Inner;
use super::lookup::{OPAQUE, is_opaque};
use super::namespace::{Entry, Folder, Form, LowerEntry, LowerFolder, Namespace, Spot};
use super::{DirEntry, Kind, host, path};

/// Kind and node number by name.
type Found = BTreeMap<String, (Kind, u64)>;

impl Namespace<'_> {
    /// All entries of a folder in the order of their names.
    pub(super) fn entries(&mut self, spot: &Spot) -> Result<Vec<DirEntry>> {
        let mut found = Found::new();
        match &spot.form {
            Form::Union { lower, upper } => {
                self.lower_entries(*lower, spot, &mut found);
                if let Some(upper) = upper {
                    self.upper_entries(upper, *lower, spot, &mut found)?;
                }
            }
            Form::Host(folder) => {
                for entry in host::entries(folder.as_fd())? {
                    if let Ok(name) = String::from_utf8(entry.name) {
                        found.insert(name, (entry.kind, entry.inode));
                    }
                }
            }
            Form::Memory(node) => {
                found.extend(node.children()?.into_iter().map(|(name, node)| (name, (node.kind(), node.inode()))));
            }
            Form::Synthetic => {}
        }
        self.special_entries(spot, &mut found)?;
        Ok(found.into_iter().map(|(name, (kind, inode))| DirEntry { name, kind, inode }).collect())
    }

    fn lower_entries(&self, lower: LowerFolder, spot: &Spot, found: &mut Found) {
        if let LowerFolder::Node(folder) = lower {
            for (name, node) in self.view.tree.children(folder) {
                if let Ok(name) = std::str::from_utf8(name) {
                    let stat = self.view.stat_lower(node);
                    found.insert(name.to_owned(), (stat.kind, stat.inode));
                }
            }
        }
        if lower != LowerFolder::Hidden {
            for name in self.view.provided_names(&spot.path) {
                if let Some(Ok(stat)) = spot.join(name).ok().and_then(|path| self.lower_stat(lower, &path, name)) {
                    found.insert(name.to_owned(), stat);
                }
            }
        }
    }

    fn lower_stat(&self, lower: LowerFolder, path: &str, name: &str) -> Option<Result<(Kind, u64)>> {
        let entry = match self.view.lower_entry(lower, path, name)? {
            LowerEntry::Provided(number) => Entry::Provided(number),
            LowerEntry::Node(node) => Entry::Lower(node),
            LowerEntry::Folder(lower) => {
                let form = Form::Union { lower, upper: None };
                Entry::Folder(Spot { path: path.to_owned(), mount: None, form })
            }
        };
        let at = Spot { path: String::new(), mount: None, form: Form::Synthetic };
        Some(self.stat_entry(&at, &entry).map(|stat| (stat.kind, stat.inode)))
    }

    fn upper_entries(&self, upper: &Folder, lower: LowerFolder, spot: &Spot, found: &mut Found) -> Result<()> {
        let (marks, own): (Vec<_>, Vec<_>) = host::entries(upper.as_fd())?
            .into_iter()
            .filter_map(|entry| Some((String::from_utf8(entry.name).ok()?, entry.kind, entry.inode)))
            .partition(|(name, ..)| name.starts_with(path::WHITEOUT_PREFIX));
        for (mark, ..) in &marks {
            if mark != OPAQUE
                && let Some(name) = mark.strip_prefix(path::WHITEOUT_PREFIX)
            {
                found.remove(name);
            }
        }
        for (name, kind, inode) in own {
            let merged = kind == Kind::Directory
                && self.is_merged(upper, lower, spot, &name)?
                && found.get(&name).is_some_and(|(kind, _)| *kind == Kind::Directory);
            if !merged {
                found.insert(name, (kind, self.upper_inode(inode)));
            }
        }
        Ok(())
    }

    /// A folder of the upper folder shows the layers' folder of its name too, and has its node number.
    fn is_merged(&self, upper: &Folder, lower: LowerFolder, spot: &Spot, name: &str) -> Result<bool> {
        if !matches!(self.view.lower_entry(lower, &spot.join(name)?, name), Some(LowerEntry::Folder(_))) {
            return Ok(false);
        }
        Ok(!is_opaque(&Folder::new(host::open_folder(upper.as_fd(), name)?))?)
    }

    /// Mounts, what only they need, and devices.
    fn special_entries(&mut self, spot: &Spot, found: &mut Found) -> Result<()> {
        let view: &Inner = self.view;
        let mut names: BTreeSet<&str> = view.mounts.names_below(&spot.path).collect();
        if spot.mount.is_none() && spot.path == Device::FOLDER {
            names.extend(Device::ALL.iter().map(|(name, _)| *name));
        }
        if spot.mount.is_none() && spot.path.is_empty() {
            names.insert(path::name(Device::FOLDER));
        }
        for name in names {
            match self.lookup(spot, name) {
                Ok(Some(entry)) => {
                    let stat = self.stat_entry(spot, &entry)?;
                    found.insert(name.to_owned(), (stat.kind, stat.inode));
                }
                Ok(None) => {}
                // The source of a mount is gone: its name stays, so that the folder can still be listed.
                Err(_) => {
                    found.insert(name.to_owned(), (Kind::Other, 0));
                }
            }
        }
        Ok(())
    }
}
