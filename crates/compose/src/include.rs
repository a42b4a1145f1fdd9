//! `include`: another project's files, with their own folder and variables, become part of this one.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use serde_json::{Map, Value};

use crate::env_file;
use crate::error::{Code, ComposeError};
use crate::files::{absolute, text};
use crate::load::Loader;

/// Projects that include one another, in a row.
pub const MAX_INCLUDES: usize = 16;

/// Adds what a file includes.
pub(crate) fn apply(
    loader: &mut Loader<'_>,
    value: &mut Value,
    file: &FilePath,
    folder: &FilePath,
    environment: &BTreeMap<String, String>,
) -> Result<(), ComposeError> {
    let Some(Value::Array(entries)) = value.as_object_mut().and_then(|map| map.remove("include")) else {
        return Ok(());
    };
    loader.included.push(file.to_path_buf());
    for (i, entry) in entries.iter().enumerate() {
        one(loader, value, entry, folder, environment).map_err(|e| e.at(format!("include[{i}]")))?;
    }
    loader.included.pop();
    Ok(())
}

fn one(
    loader: &mut Loader<'_>,
    value: &mut Value,
    entry: &Value,
    folder: &FilePath,
    environment: &BTreeMap<String, String>,
) -> Result<(), ComposeError> {
    let home = environment.get("HOME").map(String::as_str);
    let listed = |value: Option<&Value>| -> Vec<PathBuf> {
        let one = value.and_then(Value::as_str).into_iter();
        let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        one.chain(many).map(|path| absolute(folder, path, home)).collect()
    };
    let files = listed(if entry.is_string() { Some(entry) } else { entry.get("path") });
    let Some(first) = files.first() else {
        return Err(ComposeError::new(Code::Schema, "missing property 'path'"));
    };
    if let Some(circle) = files.iter().find(|file| loader.included.contains(file))
        && let Some(outer) = loader.included.first()
    {
        let what = format!("include cycle detected: {} includes {} again", outer.display(), circle.display());
        return Err(ComposeError::new(Code::Cycle, what).fix("break the circle"));
    }
    if loader.included.len() > MAX_INCLUDES {
        return Err(ComposeError::new(Code::Cycle, format!("more than {MAX_INCLUDES} includes in a row")));
    }
    let inner = match entry.get("project_directory").and_then(Value::as_str) {
        Some(directory) => absolute(folder, directory, home),
        None => first.parent().unwrap_or(folder).to_path_buf(),
    };
    let mut variables = environment.clone();
    let own = inner.join(".env");
    let mut env_files = listed(entry.get("env_file"));
    if env_files.is_empty() && inner != folder && loader.files.is_file(&own) {
        env_files.push(own);
    }
    for path in env_files.iter().filter(|path| path.as_os_str() != "/dev/null") {
        let text = text(loader.files, path)?;
        let read = env_file::parse(&text, environment, false).map_err(|e| e.of_file(path.display()))?;
        read.into_iter().for_each(|(name, value)| {
            variables.entry(name).or_insert(value);
        });
    }
    let model = loader.model(&files, &inner, &variables)?;
    add(value, model)
}

/// Two definitions of one name are an error, unless they are the same.
fn add(value: &mut Value, from: Value) -> Result<(), ComposeError> {
    let Value::Object(from) = from else { return Ok(()) };
    for (section, entries) in from {
        let Value::Object(entries) = entries else { continue };
        if section.starts_with("x-") {
            continue;
        }
        let Some(map) = value.as_object_mut() else { continue };
        let known = map.entry(section.as_str()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(known) = known else { continue };
        for (name, entry) in entries {
            match known.get(&name) {
                Some(here) if *here != entry => {
                    return Err(ComposeError::new(Code::Value, "conflicts with imported resource")
                        .at(format!("{section}.{name}"))
                        .fix("rename one of them, or change the included one in a file given after it with -f"));
                }
                _ => {
                    known.insert(name, entry);
                }
            }
        }
    }
    Ok(())
}
