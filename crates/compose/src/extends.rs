//! `extends`: a service takes over what another one says, of this file or of another.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use serde_json::Value;

use crate::error::{Code, ComposeError};
use crate::load::{Loader, Part, beside};
use crate::path::Path;
use crate::{merge, paths};

/// Services that extend one another, in a row.
pub const MAX_CHAIN: usize = 64;

/// Applies it to all services of a file.
pub(crate) fn apply(
    loader: &mut Loader<'_>,
    part: &mut Part,
    file: &FilePath,
    environment: &BTreeMap<String, String>,
) -> Result<(), ComposeError> {
    let services = part.value.get("services").and_then(Value::as_object);
    let extending: Vec<String> = services
        .into_iter()
        .flatten()
        .filter(|(_, service)| service.get("extends").is_some())
        .map(|(name, _)| name.clone())
        .collect();
    let mut resolved = Vec::new();
    for name in extending {
        let service = whole(loader, part, file, &name, environment, &mut Vec::new())?;
        resolved.push((name, service));
    }
    for (name, service) in resolved {
        if let Some(slot) = part.value.get_mut("services").and_then(|s| s.get_mut(&name)) {
            *slot = service;
        }
    }
    Ok(())
}

/// A service with all that it extends.
fn whole(
    loader: &mut Loader<'_>,
    part: &Part,
    file: &FilePath,
    name: &str,
    environment: &BTreeMap<String, String>,
    chain: &mut Vec<(PathBuf, String)>,
) -> Result<Value, ComposeError> {
    let path = Path::default().key("services").key(name);
    let link = (file.to_path_buf(), name.to_owned());
    if chain.contains(&link) || chain.len() > MAX_CHAIN {
        let links: Vec<_> = chain.iter().map(|(file, name)| format!("{name} in {}", file.display())).collect();
        let what = format!("Circular reference: {} extends {name} in {}", links.join(" extends "), file.display());
        return Err(ComposeError::new(Code::Cycle, what).at(path.key("extends")).fix("break the circle"));
    }
    chain.push(link);
    let mut service = part.value.get("services").and_then(|s| s.get(name)).cloned().unwrap_or_default();
    let Some(extends) = service.as_object_mut().and_then(|s| s.remove("extends")) else { return Ok(service) };
    let text = |key: &str| extends.get(key).and_then(Value::as_str);
    let base = text("service")
        .ok_or_else(|| ComposeError::new(Code::Schema, "missing property 'service'").at(path.key("extends")))?;
    let missing = |file: &FilePath| {
        ComposeError::new(
            Code::Reference,
            format!("cannot extend service {name:?} in {}: service {base:?} not found", file.display()),
        )
        .at(path.key("extends"))
        .fix("name a service of that file")
    };
    let mut extended = match text("file") {
        Some(other) => {
            let other = beside(file, other, environment);
            let parts = loader.parts(&other, environment).map_err(|e| e.at(path.key("extends")))?;
            let has = |p: &&Part| p.value.get("services").and_then(|s| s.get(base)).is_some();
            let found = parts.iter().find(has).ok_or_else(|| missing(&other))?;
            let mut service = whole(loader, found, &other, base, environment, chain)?;
            let folder = other.parent().unwrap_or(FilePath::new("/"));
            paths::service(&mut service, folder, environment.get("HOME").map(String::as_str));
            service
        }
        None => {
            if part.value.get("services").and_then(|s| s.get(base)).is_none() {
                return Err(missing(file));
            }
            whole(loader, part, file, base, environment, chain)?
        }
    };
    for mark in part.marks.iter().filter(|mark| mark.parts().get(1).is_some_and(|n| n == name)) {
        merge::remove(&mut extended, mark.parts().get(2..).unwrap_or_default());
    }
    merge::merge(&mut extended, service, &path);
    Ok(extended)
}
