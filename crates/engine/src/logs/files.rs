//! The files of one log, oldest first, in spite of rotations under way.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// Tries to see the files between two rotations.
const TRIES: usize = 100;

/// Where a log's files are.
#[derive(Debug, Clone)]
pub(super) struct FileSet {
    /// The newest; older ones have `.1`, `.2` … behind their name.
    pub(super) path: PathBuf,
    /// Files kept.
    pub(super) most: u32,
}

/// An open file of a log.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) inode: u64,
}

impl FileSet {
    fn name(&self, index: u32) -> PathBuf {
        if index == 0 {
            return self.path.clone();
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{index}"));
        name.into()
    }

    /// Inode of the newest file, if there is one.
    pub(super) fn newest(&self) -> Option<u64> {
        std::fs::metadata(&self.path).ok().map(|meta| meta.ino())
    }

    /// Opens all files, oldest first. A rotation meanwhile makes it look again.
    pub(super) fn open(&self) -> std::io::Result<Vec<LogFile>> {
        for _ in 0..TRIES {
            let mut files = Vec::new();
            let mut names = Vec::new();
            for index in (0..self.most).rev() {
                match File::open(self.name(index)) {
                    Ok(file) => {
                        let inode = file.metadata()?.ino();
                        names.push((index, inode));
                        files.push(LogFile { file, inode });
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            let now: Vec<(u32, u64)> = (0..self.most)
                .rev()
                .filter_map(|index| Some((index, std::fs::metadata(self.name(index)).ok()?.ino())))
                .collect();
            if now == names {
                return Ok(files);
            }
        }
        Err(std::io::Error::new(std::io::ErrorKind::ResourceBusy, "the log rotates faster than it can be read"))
    }
}
