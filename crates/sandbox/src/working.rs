//! [`Folder`]: where a guest's path is looked for, given that many guests do not know their working folder.

use crate::files::{Descriptor, FileView, Follow};

/// A folder a guest has open, and whether it stands for the working folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) descriptor: Descriptor,
    /// Set for the working folder: its absolute path and the root.
    working: Option<Box<(String, Descriptor)>>,
}

impl Folder {
    /// A folder like any other.
    pub(crate) fn plain(descriptor: Descriptor) -> Self {
        Self { descriptor, working: None }
    }

    /// The working folder, whose absolute path is `path`.
    pub(crate) fn working(descriptor: Descriptor, path: String, root: Descriptor) -> Self {
        Self { descriptor, working: Some(Box::new((path, root))) }
    }

    /// The folder and path to use for `path`.
    ///
    /// wasi-libc strips the leading `/` and gives every path to the last folder opened from the beginning, so the
    /// working folder meets `x` and `/x` alike. What is there in the working folder counts, then what is there in the
    /// root, then where it could be made.
    pub(crate) fn locate(&self, view: &FileView, path: &str) -> (&Descriptor, String) {
        let Some((folder, root)) = self.working.as_deref() else { return (&self.descriptor, path.to_owned()) };
        if path.is_empty() {
            return (root, String::new());
        }
        let local = format!("{}/{path}", folder.trim_matches('/'));
        let exists = |path: &str| view.stat_at(root, path, Follow::No).is_ok();
        let parent = |path: &str| path.trim_end_matches('/').rsplit_once('/').is_none_or(|(folder, _)| exists(folder));
        let in_root = !exists(&local) && (exists(path) || (!parent(&local) && parent(path)));
        (root, if in_root { path.to_owned() } else { local })
    }
}
