//! Credentials for registries, kept as docker keeps them: `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`,
//! with credential helpers.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value, json};

use crate::error::CliError;

/// Docker's name for its own registry in the file.
const DOCKER_IO: &str = "https://index.docker.io/v1/";

/// The registry of an image's name.
pub(crate) fn registry_of(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first.to_owned(),
        _ => DOCKER_IO.to_owned(),
    }
}

/// The key of a registry that a user names.
pub(crate) fn key(server: Option<&str>) -> String {
    match server.map(|s| s.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/')) {
        None | Some("docker.io" | "index.docker.io" | "registry-1.docker.io") => DOCKER_IO.to_owned(),
        Some(host) => host.to_owned(),
    }
}

/// The `X-Registry-Auth` header for a registry; an empty object if nothing is known.
pub(crate) fn header(registry: &str) -> Result<String, CliError> {
    let auth = lookup(&read()?, registry)?.unwrap_or_else(|| json!({}));
    Ok(URL_SAFE.encode(auth.to_string()))
}

/// The `X-Registry-Config` header: all that the file holds itself.
pub(crate) fn all() -> Result<String, CliError> {
    let config = read()?;
    let mut found = BTreeMap::new();
    for registry in config.get("auths").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
        if let Some(auth) = lookup(&config, registry)? {
            found.insert(registry.clone(), auth);
        }
    }
    Ok(URL_SAFE.encode(json!(found).to_string()))
}

/// Stores what `login` checked.
pub(crate) fn store(registry: &str, username: &str, password: &str) -> Result<(), CliError> {
    let mut config = read()?;
    if let Some(helper) = helper(&config, registry) {
        let secret = json!({"ServerURL": registry, "Username": username, "Secret": password});
        return ask(&helper, "store", &secret.to_string()).map(drop);
    }
    let auth = STANDARD.encode(format!("{username}:{password}"));
    auths(&mut config).insert(registry.to_owned(), json!({"auth": auth}));
    write(&config)
}

/// Forgets a registry; false if nothing was known of it.
pub(crate) fn forget(registry: &str) -> Result<bool, CliError> {
    let mut config = read()?;
    if let Some(helper) = helper(&config, registry) {
        return ask(&helper, "erase", registry).map(|_| true);
    }
    let known = auths(&mut config).remove(registry).is_some();
    write(&config)?;
    Ok(known)
}

fn auths(config: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let value = config.entry("auths").or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        // It was made an object just now.
        _ => unreachable!("auths is an object"),
    }
}

fn lookup(config: &Map<String, Value>, registry: &str) -> Result<Option<Value>, CliError> {
    if let Some(helper) = helper(config, registry) {
        let Ok(answer) = ask(&helper, "get", registry) else { return Ok(None) };
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        return Ok(Some(json!({"username": text("Username"), "password": text("Secret"), "serveraddress": registry})));
    }
    let entry =
        config.get("auths").and_then(|auths| auths.get(registry).or_else(|| auths.get(format!("https://{registry}"))));
    let Some(entry) = entry else { return Ok(None) };
    if let Some(token) = entry.get("identitytoken").and_then(Value::as_str) {
        return Ok(Some(json!({"identitytoken": token, "serveraddress": registry})));
    }
    let decoded = entry.get("auth").and_then(Value::as_str).and_then(|auth| STANDARD.decode(auth).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Ok(decoded
        .split_once(':')
        .map(|(username, password)| json!({"username": username, "password": password, "serveraddress": registry})))
}

fn helper(config: &Map<String, Value>, registry: &str) -> Option<String> {
    let own = config.get("credHelpers").and_then(|helpers| helpers.get(registry)).and_then(Value::as_str);
    own.or_else(|| config.get("credsStore").and_then(Value::as_str)).filter(|h| !h.is_empty()).map(str::to_owned)
}

/// Docker's credential helper protocol: the verb as argument, the question on standard input.
fn ask(helper: &str, verb: &str, question: &str) -> Result<String, CliError> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: String| {
        CliError::new(format!("the credential helper {program} failed"))
            .why(why)
            .fix("see credsStore and credHelpers in docker's config.json")
    };
    let mut child = Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(question.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(failed(text)) }
}

/// The folder of docker's command line.
pub(crate) fn folder() -> Result<PathBuf, CliError> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    folder.ok_or_else(|| {
        CliError::new("there is no folder for docker's configuration")
            .why("HOME is not set")
            .fix("set HOME or DOCKER_CONFIG")
    })
}

fn path() -> Result<PathBuf, CliError> {
    folder().map(|folder| folder.join("config.json"))
}

/// Makes a context the one that docker's command line uses.
pub(crate) fn set_current_context(name: &str) -> Result<(), CliError> {
    let mut config = read()?;
    config.insert("currentContext".to_owned(), json!(name));
    write(&config)
}

fn read() -> Result<Map<String, Value>, CliError> {
    let Ok(path) = path() else { return Ok(Map::new()) };
    match fs_err::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
            CliError::new(format!("{} is no valid JSON", path.display())).why(e).fix("correct or remove it")
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Map::new()),
        Err(e) => Err(e.into()),
    }
}

fn write(config: &Map<String, Value>) -> Result<(), CliError> {
    replace(&path()?, serde_json::to_string_pretty(config)?.as_bytes())
}

/// Replaces a file in one step, readable by its owner alone.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| CliError::new(format!("cannot write {}", path.display())).why(e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_told_from_repositories() {
        assert_eq!(registry_of("hello"), DOCKER_IO);
        assert_eq!(registry_of("library/hello"), DOCKER_IO);
        assert_eq!(registry_of("localhost:5000/a/b:1"), "localhost:5000");
        assert_eq!(registry_of("ghcr.io/a/b"), "ghcr.io");
        assert_eq!(key(Some("https://example.com/")), "example.com");
    }

    #[test]
    fn basic_credentials_are_read_as_docker_writes_them() {
        let config = json!({"auths": {"r.example": {"auth": STANDARD.encode("user:pa:ss")}}});
        let auth = lookup(config.as_object().unwrap(), "r.example").unwrap().unwrap();
        assert_eq!((auth["username"].as_str(), auth["password"].as_str()), (Some("user"), Some("pa:ss")));
    }
}
