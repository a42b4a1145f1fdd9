//! Compose files.

use std::collections::BTreeMap;
use std::path::Path;

use sprat_compose::{Choice, Files, escaped, load, locate, plan, request, to_yaml};

/// Documents between lines of `====` are the project's files; the last one is its `.env`.
struct Memory<'a>(&'a [&'a str]);

impl Files for Memory<'_> {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let index = match name {
            ".env" => self.0.len().checked_sub(1).filter(|last| *last > 0),
            "compose.yaml" => Some(0),
            _ => name.strip_suffix(".yaml").and_then(|number| number.parse().ok()),
        };
        let text = index.and_then(|index| self.0.get(index)).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.read(path).is_ok()
    }
}

/// Whatever is read has bodies, and what `config` shows is read as the same.
///
/// # Panics
/// The canonical form is read as something else.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let documents: Vec<_> = text.split("====\n").collect();
    let files = Memory(&documents);
    let found = locate(&Choice::default(), Path::new("/project"), &BTreeMap::new(), &files);
    let Ok(mut asked) = found else { return };
    asked.profiles = vec!["*".into()];
    let Ok(project) = load(&asked, &files) else { return };
    for service in project.services.values() {
        let _ = request::container(&project, service, &plan::surroundings(&project, service, 1, ""));
    }
    let shown = to_yaml(&escaped(&project.model));
    let documents = [shown.as_str()];
    let again = load(&asked, &Memory(&documents)).map(|again| again.model["services"].clone());
    assert_eq!(again.as_ref(), Ok(&project.model["services"]), "{shown}");
}
