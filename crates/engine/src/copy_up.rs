//! Fills a new, empty volume with what its image has at the mount's path, as docker does.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use sprat_image::{Node, NodeId, NodeKind, Tree};

/// Bytes copied at once.
const CHUNK: usize = 128 << 10;

/// Copies the content of the image's folder `target` into `volume`, unless that has content.
///
/// # Errors
/// The host's file system fails.
pub(crate) fn fill(tree: &Tree, target: &str, volume: &Path) -> std::io::Result<()> {
    let Some(folder) = tree.lookup(target).filter(|node| tree.node(*node).kind == NodeKind::Directory) else {
        return Ok(());
    };
    if fs_err::read_dir(volume)?.next().is_some() {
        return Ok(());
    }
    let mut folders = vec![(folder, volume.to_owned())];
    while let Some((folder, path)) = folders.pop() {
        for (name, node) in tree.children(folder) {
            let Some(name) = file_name(name) else { continue };
            let to = path.join(name);
            copy(tree, node, &to)?;
            if tree.node(node).kind == NodeKind::Directory {
                folders.push((node, to));
            }
        }
    }
    own(volume, tree.node(folder));
    Ok(())
}

/// A name that stays within its folder.
fn file_name(name: &[u8]) -> Option<&std::ffi::OsStr> {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = name.is_empty() || name == b"." || name == b".." || name.iter().any(|b| matches!(b, b'/' | 0));
    (!odd).then(|| std::ffi::OsStr::from_bytes(name))
}

fn copy(tree: &Tree, id: NodeId, to: &Path) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let node = tree.node(id);
    match node.kind {
        NodeKind::Directory => {
            fs_err::create_dir(to)?;
            fs_err::set_permissions(to, std::fs::Permissions::from_mode(node.mode | 0o700))?;
        }
        NodeKind::Symlink => {
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(tree.link_target(id)), to)?;
        }
        NodeKind::File => {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(node.mode & 0o777).open(to)?;
            let mut buffer = vec![0; CHUNK];
            let mut offset = 0;
            loop {
                let count = tree.read_at(id, &mut buffer, offset)?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                file.write_all(bytes)?;
                offset += count as u64;
            }
        }
    }
    own(to, node);
    Ok(())
}

/// Gives a file to the image's owner, where the daemon may do that (as root).
fn own(path: &Path, node: &Node) {
    use rustix::fs::{AtFlags, CWD, Gid, Uid};
    let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
    // Without the privilege the files stay the daemon's, who is also the worker's user.
    let _ = rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
}
