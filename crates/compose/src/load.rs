//! From files to one tree: read, interpolate, check, bring to canonical form, extend, include, merge.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Code, ComposeError};
use crate::files::{Files, absolute, clean, text};
use crate::locate::Request;
use crate::path::Path;
use crate::project::Project;
use crate::variables::Variables;
use crate::{canonical, cast, extends, finish, include, locate, merge, paths, schema, yaml};

/// Reads a whole project.
///
/// # Errors
/// What is wrong with which file, and where in it.
pub fn load(request: &Request, files: &dyn Files) -> Result<Project, ComposeError> {
    let mut environment = request.environment.clone();
    let name = name(request, files)?;
    environment.insert("COMPOSE_PROJECT_NAME".into(), name.clone());
    let mut loader = Loader { files, warnings: Vec::new(), included: Vec::new() };
    let model = loader.model(&request.files, &request.folder, &environment)?;
    finish::project(model, request, name, environment, loader)
}

/// The project's name: chosen, of the last file that has one, or of the folder.
pub(crate) fn name(request: &Request, files: &dyn Files) -> Result<String, ComposeError> {
    if let Some(name) = &request.name {
        return Ok(name.clone());
    }
    let variables = Variables::new(&request.environment);
    for file in request.files.iter().rev() {
        let text = text(files, file)?;
        for document in yaml::parse(&text).map_err(|e| e.of_file(file.display()))?.iter().rev() {
            if let Some(Value::String(name)) = document.value.get("name") {
                let name = variables.substitute(name).map_err(|e| e.at("name").of_file(file.display()))?;
                let name = locate::normal_name(&name);
                if !name.is_empty() {
                    return Ok(name);
                }
            }
        }
    }
    let folder = request.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match locate::normal_name(&folder) {
        name if name.is_empty() => Err(ComposeError::new(Code::Value, "project name must not be empty")
            .fix("name the project with -p, COMPOSE_PROJECT_NAME, or `name:` in the Compose file")),
        name => Ok(name),
    }
}

/// What stays the same over all files of a project.
pub(crate) struct Loader<'a> {
    pub files: &'a dyn Files,
    /// What to tell the user.
    pub warnings: Vec<String>,
    /// Files that are being included.
    pub included: Vec<PathBuf>,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("included", &self.included).finish_non_exhaustive()
    }
}

/// A file as far as it stands alone.
#[derive(Debug)]
pub(crate) struct Part {
    pub value: Value,
    pub marks: Vec<Path>,
}

impl Loader<'_> {
    /// All `files` merged, with their includes; paths in it are absolute.
    pub(crate) fn model(
        &mut self,
        files: &[PathBuf],
        folder: &FilePath,
        environment: &BTreeMap<String, String>,
    ) -> Result<Value, ComposeError> {
        let mut model = Value::Object(Map::new());
        for file in files {
            let mut read = false;
            for mut part in self.parts(file, environment)? {
                read = true;
                self.merge_file(&mut model, &mut part, file, folder, environment)
                    .map_err(|e| e.of_file(file.display()))?;
            }
            if !read {
                return Err(ComposeError::new(Code::Syntax, "empty compose file").of_file(file.display()));
            }
        }
        paths::resolve(&mut model, folder, environment.get("HOME").map(String::as_str));
        Ok(model)
    }

    fn merge_file(
        &mut self,
        model: &mut Value,
        part: &mut Part,
        file: &FilePath,
        folder: &FilePath,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), ComposeError> {
        extends::apply(self, part, file, environment)?;
        include::apply(self, &mut part.value, file, folder, environment)?;
        for mark in &part.marks {
            merge::remove(model, mark.parts());
        }
        merge::merge(model, part.value.take(), &Path::default());
        Ok(())
    }

    /// The documents of a file, each in canonical form.
    pub(crate) fn parts(
        &mut self,
        file: &FilePath,
        environment: &BTreeMap<String, String>,
    ) -> Result<Vec<Part>, ComposeError> {
        let documents = yaml::parse(&text(self.files, file)?).map_err(|e| e.of_file(file.display()))?;
        let mut parts = Vec::new();
        for document in documents.into_iter().filter(|d| !d.value.is_null()) {
            let mut value = document.value;
            self.canonical(&mut value, file, environment).map_err(|e| e.of_file(file.display()))?;
            parts.push(Part { value, marks: document.marks });
        }
        Ok(parts)
    }

    fn canonical(
        &mut self,
        value: &mut Value,
        file: &FilePath,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), ComposeError> {
        if !value.is_object() {
            return Err(ComposeError::new(Code::Schema, "top-level object must be a mapping"));
        }
        let variables = Variables::new(environment);
        cast::interpolate(value, &Path::default(), &variables)?;
        for name in variables.missing() {
            self.warn(format!("The \"{name}\" variable is not set. Defaulting to a blank string."));
        }
        schema::check(value)?;
        if value.get("version").is_some() {
            self.warn(format!(
                "{}: the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential \
                 confusion",
                file.display()
            ));
        }
        canonical::file(value)?;
        merge::unify(value, &Path::default());
        Ok(())
    }

    pub(crate) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// A path as seen from the folder of `file`.
pub(crate) fn beside(file: &FilePath, path: &str, environment: &BTreeMap<String, String>) -> PathBuf {
    let folder = file.parent().map(clean).unwrap_or_default();
    absolute(&folder, path, environment.get("HOME").map(String::as_str))
}
