//! Which files, which variables, which name: flags, `COMPOSE_…` variables, `.env`, and what lies in the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::env_file;
use crate::error::{Code, ComposeError};
use crate::files::{Files, absolute, text};

/// Names of Compose files, the first one found counts, and of what goes over them.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// What the caller chose.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `-f`; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// `--env-file`
    pub env_files: Vec<PathBuf>,
    /// `--project-directory`
    pub folder: Option<PathBuf>,
    /// `-p`
    pub name: Option<String>,
    /// `--profile`
    pub profiles: Vec<String>,
    /// Services that are named and therefore enabled, whatever their profiles.
    pub services: Vec<String>,
}

/// What is loaded.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The files, absolute, merged in this order; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// The project's folder: paths are relative to it.
    pub folder: PathBuf,
    /// The project's name, if it was chosen.
    pub name: Option<String>,
    /// Enabled profiles; `*` is all.
    pub profiles: Vec<String>,
    /// Services enabled by name.
    pub services: Vec<String>,
    /// Variables of the caller, and of `.env` below them.
    pub environment: BTreeMap<String, String>,
    /// `.env` files named by flag.
    pub env_files: Vec<PathBuf>,
}

/// Finds what to load. `cwd` is absolute; `environment` is the caller's.
///
/// # Errors
/// If there is no Compose file, or a file of variables can't be read.
pub fn locate(
    choice: &Choice,
    cwd: &Path,
    environment: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Request, ComposeError> {
    let request = variables(choice, cwd, environment, files)?;
    if request.files.is_empty() {
        return Err(ComposeError::new(Code::File, "no configuration file provided: not found")
            .at(cwd.display())
            .fix("go to a folder with a compose.yaml, or name one with -f"));
    }
    Ok(request)
}

/// The same, but there may be no Compose file: for what needs only the project's name.
///
/// # Errors
/// If a file of variables can't be read.
pub fn variables(
    choice: &Choice,
    cwd: &Path,
    environment: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Request, ComposeError> {
    let home = environment.get("HOME").map(String::as_str);
    let here = |path: &Path| absolute(cwd, &path.to_string_lossy(), home);
    let mut folder = choice.folder.as_deref().map(here);
    let mut all = environment.clone();
    let mut env_files: Vec<_> = choice.env_files.iter().map(|p| here(p)).collect();
    if env_files.is_empty()
        && let Some(list) = environment.get("COMPOSE_ENV_FILES")
    {
        env_files = list.split(',').filter(|p| !p.is_empty()).map(|p| here(Path::new(p))).collect();
    }
    read_variables(&env_files, folder.as_deref().unwrap_or(cwd), environment, &mut all, files)?;
    let mut chosen = choice.files.clone();
    if chosen.is_empty()
        && let Some(list) = all.get("COMPOSE_FILE").filter(|list| !list.is_empty())
    {
        let separator = all.get("COMPOSE_PATH_SEPARATOR").filter(|s| !s.is_empty()).map_or(":", String::as_str);
        chosen = list.split(separator).filter(|p| !p.is_empty()).map(PathBuf::from).collect();
    }
    let found = if chosen.is_empty() {
        search(folder.as_deref().unwrap_or(cwd), files)
    } else {
        chosen.iter().map(|p| if p.as_os_str() == "-" { p.clone() } else { here(p) }).collect()
    };
    if folder.is_none() {
        let first = found.first().filter(|p| p.as_os_str() != "-").and_then(|p| p.parent());
        folder = Some(first.map_or_else(|| cwd.to_path_buf(), Path::to_path_buf));
        read_variables(&env_files, folder.as_deref().unwrap_or(cwd), environment, &mut all, files)?;
    }
    let listed = |name: &str| all.get(name).map(|list| list.split(',').map(|p| p.trim().to_owned()).collect());
    let profiles = if choice.profiles.is_empty() {
        listed("COMPOSE_PROFILES").unwrap_or_else(Vec::new).into_iter().filter(|p| !p.is_empty()).collect()
    } else {
        choice.profiles.clone()
    };
    let name = choice.name.clone().or_else(|| all.get("COMPOSE_PROJECT_NAME").cloned()).filter(|n| !n.is_empty());
    if let Some(name) = &name {
        valid_name(name)?;
    }
    Ok(Request {
        files: found,
        folder: folder.unwrap_or_else(|| cwd.to_path_buf()),
        name,
        profiles,
        services: choice.services.clone(),
        environment: all,
        env_files,
    })
}

/// Adds variables of files; those known already win.
fn read_variables(
    named: &[PathBuf],
    folder: &Path,
    environment: &BTreeMap<String, String>,
    all: &mut BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<(), ComposeError> {
    let default = folder.join(".env");
    let paths = if named.is_empty() && files.is_file(&default) { std::slice::from_ref(&default) } else { named };
    let mut read = BTreeMap::new();
    for path in paths {
        let mut outer = environment.clone();
        outer.extend(
            read.iter()
                .filter(|(k, _)| !environment.contains_key(*k))
                .map(|(k, v): (&String, &String)| (k.clone(), v.clone())),
        );
        let values = env_file::parse(&text(files, path)?, &outer, false).map_err(|e| e.of_file(path.display()))?;
        read.extend(values);
    }
    for (name, value) in read {
        all.entry(name).or_insert(value);
    }
    Ok(())
}

/// The Compose file of a folder, or of the nearest one above it.
fn search(from: &Path, files: &dyn Files) -> Vec<PathBuf> {
    for folder in from.ancestors() {
        let first = |names: &[&str]| names.iter().map(|n| folder.join(n)).find(|p| files.is_file(p));
        if let Some(found) = first(&NAMES) {
            return std::iter::once(found).chain(first(&OVERRIDES)).collect();
        }
    }
    Vec::new()
}

/// What of a folder's name, or of `name:`, is a project's name.
pub(crate) fn normal_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept: String =
        lower.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c)).collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

/// Refuses what is no project's name.
pub(crate) fn valid_name(name: &str) -> Result<(), ComposeError> {
    if name == normal_name(name) {
        return Ok(());
    }
    Err(ComposeError::new(
        Code::Value,
        format!(
            "invalid project name {name:?}: must consist only of lowercase alphanumeric characters, hyphens, and \
             underscores as well as start with a letter or number"
        ),
    )
    .fix(format!("name it {:?}", normal_name(name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::memory::Memory;

    fn env<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn files_are_found_here_or_above_with_their_override() {
        let files =
            Memory::new([("/a/compose.yaml", ""), ("/a/compose.override.yml", ""), ("/a/docker-compose.yml", "")]);
        let request = locate(&Choice::default(), Path::new("/a/b/c"), &env([]), &files).unwrap();
        assert_eq!(request.files, [Path::new("/a/compose.yaml"), Path::new("/a/compose.override.yml")]);
        assert_eq!(request.folder, Path::new("/a"));
        let error = locate(&Choice::default(), Path::new("/z"), &env([]), &files).unwrap_err();
        assert_eq!(error.code, Code::File);
    }

    #[test]
    fn the_environment_wins_over_env_files_and_both_choose_files_profiles_and_name() {
        let files = Memory::new([
            ("/a/.env", "COMPOSE_FILE=x/one.yml:x/two.yml\nCOMPOSE_PROFILES=p,q\nA=file\nB=${A}!"),
            ("/a/x/.env", "A=inner\nC=inner"),
        ]);
        let here = env([("A", "shell"), ("COMPOSE_PROJECT_NAME", "n")]);
        let request = locate(&Choice::default(), Path::new("/a"), &here, &files).unwrap();
        assert_eq!(request.files, [Path::new("/a/x/one.yml"), Path::new("/a/x/two.yml")]);
        assert_eq!((request.folder.as_path(), request.name.as_deref()), (Path::new("/a/x"), Some("n")));
        assert_eq!(request.profiles, ["p", "q"]);
        let value = |name: &str| request.environment[name].as_str();
        assert_eq!((value("A"), value("B"), value("C")), ("shell", "shell!", "inner"));
        let choice = Choice { files: vec!["c.yml".into()], name: Some("No Name".into()), ..Choice::default() };
        assert!(locate(&choice, Path::new("/a"), &env([]), &files).unwrap_err().fix.contains("noname"));
    }
}
