//! Look-up of one name in one folder: mounts over devices over the upper folder over what is provided over the image.

use std::os::fd::AsFd;
use std::sync::Arc;

use sprat_image::NodeKind;

use super::device::Device;
use super::errno::Result;
use super::inner::Inner;
use super::namespace::{Entry, Folder, Form, LowerEntry, LowerFolder, Namespace, Spot};
use super::{Kind, host, path};

impl Namespace<'_> {
    /// What has this name in a folder. Follows nothing; `.` and `..` are the caller's.
    pub(super) fn lookup(&mut self, folder: &Spot, name: &str) -> Result<Option<Entry>> {
        path::check_name(name)?;
        let path = folder.join(name)?;
        if let Some(mount) = self.view.mounts.at(&path) {
            return self.mounted(mount, path).map(Some);
        }
        let found = match &folder.form {
            Form::Union { lower, upper } => self.lookup_union(*lower, upper.as_ref(), &path, name)?,
            Form::Host(host) => lookup_host(host, folder.mount, &path, name)?,
            Form::Memory(node) => node.child(name)?.map(|node| memory_entry(node, folder.mount, &path)),
            Form::Synthetic => None,
        };
        if matches!(found, Some(Entry::Folder(_))) || !self.view.mounts.any_below(&path) {
            return Ok(found);
        }
        let form = match folder.mount {
            None => Form::Union { lower: LowerFolder::Synthetic, upper: None },
            Some(_) => Form::Synthetic,
        };
        Ok(Some(Entry::Folder(Spot { path, mount: folder.mount, form })))
    }

    fn lookup_union(
        &self,
        lower: LowerFolder,
        upper: Option<&Folder>,
        path: &str,
        name: &str,
    ) -> Result<Option<Entry>> {
        if name.starts_with(path::WHITEOUT_PREFIX) {
            return Ok(None);
        }
        if let Some(device) = Device::at(path) {
            return Ok(Some(Entry::Device(device)));
        }
        let below = self.view.lower_entry(lower, path, name);
        if let Some(upper) = upper {
            if let Some(stat) = host::stat_at(upper.as_fd(), name)? {
                if stat.kind != Kind::Directory {
                    return Ok(Some(Entry::Upper(stat)));
                }
                let folder = Arc::new(host::open_folder(upper.as_fd(), name)?);
                let lower = match below {
                    Some(LowerEntry::Folder(lower)) if !is_opaque(&folder)? => lower,
                    _ => LowerFolder::Hidden,
                };
                return Ok(Some(union_folder(path, lower, Some(folder))));
            }
            if below.is_some() && is_whited_out(upper, name)? {
                return Ok(None);
            }
        }
        Ok(below.map(|below| match below {
            LowerEntry::Folder(lower) => union_folder(path, lower, None),
            LowerEntry::Node(node) => Entry::Lower(node),
            LowerEntry::Provided(number) => Entry::Provided(number),
        }))
    }

    /// Something lies below the upper folder at this name, shown or hidden.
    pub(super) fn has_lower(&self, folder: &Spot, name: &str) -> Result<bool> {
        let Form::Union { lower, .. } = &folder.form else { return Ok(false) };
        Ok(self.view.lower_entry(*lower, &folder.join(name)?, name).is_some())
    }
}

impl Inner {
    /// What lies below the upper folder at a name.
    pub(super) fn lower_entry(&self, folder: LowerFolder, path: &str, name: &str) -> Option<LowerEntry> {
        if folder == LowerFolder::Hidden {
            return None;
        }
        if let Some(number) = self.provided_at(path) {
            return Some(LowerEntry::Provided(number));
        }
        let node = match folder {
            LowerFolder::Node(folder) => self.tree.child(folder, name.as_bytes()),
            LowerFolder::Hidden | LowerFolder::Synthetic => None,
        };
        match node {
            Some(node) if self.tree.node(node).kind == NodeKind::Directory => {
                Some(LowerEntry::Folder(LowerFolder::Node(node)))
            }
            Some(node) => Some(LowerEntry::Node(node)),
            None if path == Device::FOLDER || self.any_provided_below(path) => {
                Some(LowerEntry::Folder(LowerFolder::Synthetic))
            }
            None => None,
        }
    }
}

fn union_folder(path: &str, lower: LowerFolder, upper: Option<Folder>) -> Entry {
    Entry::Folder(Spot { path: path.to_owned(), mount: None, form: Form::Union { lower, upper } })
}

fn memory_entry(node: Arc<super::memory::MemoryNode>, mount: Option<usize>, path: &str) -> Entry {
    if node.kind() == Kind::Directory {
        Entry::Folder(Spot { path: path.to_owned(), mount, form: Form::Memory(node) })
    } else {
        Entry::Memory(node)
    }
}

fn lookup_host(folder: &Folder, mount: Option<usize>, path: &str, name: &str) -> Result<Option<Entry>> {
    let Some(stat) = host::stat_at(folder.as_fd(), name)? else { return Ok(None) };
    if stat.kind != Kind::Directory {
        return Ok(Some(Entry::Host(stat)));
    }
    let folder = Arc::new(host::open_folder(folder.as_fd(), name)?);
    Ok(Some(Entry::Folder(Spot { path: path.to_owned(), mount, form: Form::Host(folder) })))
}

/// Marks a folder of the upper folder that hides the layers' folder of the same name.
pub(super) const OPAQUE: &str = ".wh..wh..opq";

/// The name of the file that hides `name`.
pub(super) fn whiteout(name: &str) -> String {
    format!("{}{name}", path::WHITEOUT_PREFIX)
}

/// A folder of the upper folder hides what the layers have there.
pub(super) fn is_opaque(folder: &Folder) -> Result<bool> {
    Ok(host::stat_at(folder.as_fd(), OPAQUE)?.is_some())
}

fn is_whited_out(upper: &Folder, name: &str) -> Result<bool> {
    let whiteout = whiteout(name);
    if whiteout.len() > path::MAX_NAME_BYTES {
        return Ok(false);
    }
    Ok(host::stat_at(upper.as_fd(), &whiteout)?.is_some())
}
