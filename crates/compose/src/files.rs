//! [`Files`]: the only way in which this room reads.

use std::path::{Component, Path, PathBuf};

use crate::error::{Code, ComposeError};

/// Reads files.
pub trait Files {
    /// The whole of a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;

    /// Whether there is a file of that name.
    fn is_file(&self, path: &Path) -> bool;
}

/// Text of a file.
pub(crate) fn text(files: &dyn Files, path: &Path) -> Result<String, ComposeError> {
    let failed = |why: String| ComposeError::new(Code::File, why).of_file(path.display());
    let bytes = files.read(path).map_err(|e| {
        let fix = if e.kind() == std::io::ErrorKind::NotFound { "correct its name, or create it" } else { "" };
        failed(format!("cannot be read: {e}")).fix(fix)
    })?;
    String::from_utf8(bytes).map_err(|_| failed("is no UTF-8 text".into()))
}

/// `path` as seen from `folder`, without `.` and `..`; `~` is the home folder of `variables`.
pub(crate) fn absolute(folder: &Path, path: &str, home: Option<&str>) -> PathBuf {
    let joined = match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            Path::new(home).join(rest.trim_start_matches('/'))
        }
        _ => folder.join(path),
    };
    clean(&joined)
}

/// Without `.` and `..`, by the words alone, as Compose does.
pub fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
pub(crate) mod memory {
    use super::*;
    use std::collections::BTreeMap;

    /// Files of a test.
    #[derive(Debug, Default)]
    pub(crate) struct Memory(pub BTreeMap<PathBuf, String>);

    impl Memory {
        pub(crate) fn new<const N: usize>(files: [(&str, &str); N]) -> Self {
            Self(files.map(|(path, text)| (path.into(), text.into())).into())
        }
    }

    impl Files for Memory {
        fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
            let text = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?;
            Ok(text.clone().into_bytes())
        }

        fn is_file(&self, path: &Path) -> bool {
            self.0.contains_key(path)
        }
    }
}
