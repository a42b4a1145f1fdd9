//! [`Folder`]: where a guest's path is looked for, given that many guests do not know their working folder.
//!
//! wasi-libc (C, C++, Rust and most others) believes that it runs in `/`: it takes the leading slash off an absolute
//! path and hands `/x` and `x` to the host as the same `x`. It gives a path to the folder open from the beginning whose
//! name (also without its slash) is the longest prefix, and of equals to the last. So a guest that has a working folder
//! gets three: the working folder by its absolute name, the root, and one named `.`, which meets what wasi-libc cannot
//! tell apart and nothing else. Guests that do know their working folder use the first two, and nothing is guessed.

use std::borrow::Cow;

use crate::files::{Descriptor, Errno, FileView, Follow};

/// The name of the folder that meets absolute and relative paths alike.
const EITHER: &str = ".";

/// A folder a guest has open, and where its paths begin.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) descriptor: Descriptor,
    begins: Begins,
}

/// Where the paths of a folder begin. Paths of working folders have no slashes around.
#[derive(Debug, Clone)]
enum Begins {
    /// In the folder itself.
    Here,
    /// In the working folder, which this is; a way out of it by `..` goes on in the root given, because wasi-libc hands
    /// `/srv/../x` to the folder named `/srv` as `../x`.
    Working { root: Descriptor, path: Box<str> },
    /// In the root, which this is, or in the working folder of this path.
    Either { working: Box<str> },
}

impl Folder {
    /// A folder like any other.
    pub(crate) fn plain(descriptor: Descriptor) -> Self {
        Self { descriptor, begins: Begins::Here }
    }

    /// The folders that are open from the beginning, with their names. `working` is the working folder and its absolute
    /// path, unless it is the root.
    pub(crate) fn preopens(
        root: Descriptor,
        working: Option<&(Descriptor, String)>,
    ) -> impl Iterator<Item = (Self, Cow<'static, str>)> {
        let either = working.map(|(_, path)| {
            let begins = Begins::Either { working: path.trim_matches('/').into() };
            (Self { descriptor: root.clone(), begins }, EITHER.into())
        });
        // It is the first because some runtimes take that for the working folder without looking at its name.
        let working = working.map(|(folder, path)| {
            let begins = Begins::Working { root: root.clone(), path: path.trim_matches('/').into() };
            (Self { descriptor: folder.clone(), begins }, path.clone().into())
        });
        [working, Some((Self::plain(root), "/".into())), either].into_iter().flatten()
    }

    /// The folder and path to use for `path`.
    ///
    /// What is there by its absolute path counts first, then what is there in the working folder, then the one of the two
    /// in which it could be made. A new name right below can be made in both; it is made in the working folder.
    pub(crate) fn locate(&self, view: &FileView, path: &str) -> (&Descriptor, String) {
        let working = match &self.begins {
            Begins::Working { root, path: working } if path.split('/').any(|part| part == "..") => {
                return (root, format!("{working}/{path}"));
            }
            Begins::Either { working } if !path.is_empty() => working,
            _ => return (&self.descriptor, path.to_owned()),
        };
        let local = format!("{working}/{path}");
        // Only what cannot be there is not there: what may not be looked at counts.
        let exists = |path: &str| {
            !matches!(
                view.stat_at(&self.descriptor, path, Follow::No),
                Err(Errno::NoEntry | Errno::NotDirectory | Errno::NameTooLong)
            )
        };
        let in_working = match path.trim_end_matches('/').rsplit_once('/') {
            _ if is_relative(path) => true,
            _ if exists(path) => false,
            _ if exists(&local) => true,
            None => true,
            Some((parent, _)) => !exists(parent) && exists(&format!("{working}/{parent}")),
        };
        (&self.descriptor, if in_working { local } else { path.to_owned() })
    }
}

/// It begins as only relative paths do.
fn is_relative(path: &str) -> bool {
    path == ".." || path.starts_with("./") || path.starts_with("../")
}
