//! Writing cache files durably: temporary file, fsync, rename, fsync of the folder.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// How names of unfinished files begin.
pub(crate) const TEMPORARY: &str = ".tmp-";
/// Finished files are only ever replaced.
const READ_ONLY: u32 = 0o400;

/// A new temporary file in `folder`, for its owner alone.
pub(crate) fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)
}

/// Puts code and its seal in place. Code comes first: with the old seal it is refused, never run.
pub(crate) fn publish(code: NamedTempFile, seal: &[u8], path: &Path, seal_path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut seal_file = temporary(folder)?;
    seal_file.write_all(seal)?;
    for (file, path) in [(code, path), (seal_file, seal_path)] {
        file.as_file().set_permissions(std::fs::Permissions::from_mode(READ_ONLY))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
    }
    sync_folder(folder)
}

/// Makes renames in `folder` last.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
