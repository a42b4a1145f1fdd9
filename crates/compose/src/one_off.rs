//! What `run` changes of a service.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::ComposeError;
use crate::project::{Project, Service};
use crate::{canonical, merge, path, paths};

/// Changes of a service for one run.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Another command; empty for its own.
    pub command: Vec<String>,
    /// Another entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Variables besides its own; one without a value is the caller's.
    pub environment: Vec<String>,
    /// Another user.
    pub user: Option<String>,
    /// Another working folder.
    pub working_dir: Option<String>,
    /// Mounts besides its own, in the short form.
    pub volumes: Vec<String>,
    /// Labels besides its own.
    pub labels: Vec<String>,
    /// Ports in the short form.
    pub publish: Vec<String>,
    /// Its own ports are published too.
    pub service_ports: bool,
}

impl Project {
    /// A service with these changes. Relative paths of mounts are seen from `cwd`.
    ///
    /// # Errors
    /// If there is no such service, or a mount or port is malformed.
    pub fn one_off(&self, name: &str, changes: &Changes, cwd: &Path) -> Result<Service, ComposeError> {
        let service = self.service(name)?;
        let mut written = Map::new();
        for (key, list) in [
            ("environment", &changes.environment),
            ("volumes", &changes.volumes),
            ("labels", &changes.labels),
            ("ports", &changes.publish),
        ] {
            if !list.is_empty() {
                written.insert(key.to_owned(), json!(list));
            }
        }
        if !changes.command.is_empty() || changes.entrypoint.is_some() {
            written.insert("command".into(), json!(changes.command));
        }
        for (key, value) in [
            ("entrypoint", changes.entrypoint.as_ref().map(|words| json!(words))),
            ("user", changes.user.as_ref().map(|user| json!(user))),
            ("working_dir", changes.working_dir.as_ref().map(|folder| json!(folder))),
        ] {
            written.extend(value.map(|value| (key.to_owned(), value)));
        }
        let mut file = json!({ "services": { name: written } });
        canonical::file(&mut file)?;
        paths::resolve(&mut file, cwd, self.environment.get("HOME").map(String::as_str));
        if let Some(Value::Object(variables)) =
            file.pointer_mut("/services").and_then(|s| s.get_mut(name)).and_then(|s| s.get_mut("environment"))
        {
            for (variable, value) in variables.iter_mut().filter(|(_, value)| value.is_null()) {
                *value = self.environment.get(variable).map_or(Value::Null, |v| v.as_str().into());
            }
        }
        let mut base = json!({ "services": { name: service.config } });
        if let Some(Value::Object(own)) = base.get_mut("services").and_then(|s| s.get_mut(name)) {
            own.remove("container_name");
            own.remove("healthcheck");
            own.remove("restart");
            if !changes.service_ports {
                own.remove("ports");
            }
        }
        merge::merge(&mut base, file, &path::Path::default());
        let config = base.get_mut("services").and_then(|s| s.get_mut(name)).map(Value::take).unwrap_or_default();
        let mut changed: Service = serde_json::from_value(config.clone())
            .map_err(|e| ComposeError::new(crate::Code::Schema, e.to_string()).at(format!("services.{name}")))?;
        changed.name = name.to_owned();
        changed.config = config;
        Ok(changed)
    }
}
