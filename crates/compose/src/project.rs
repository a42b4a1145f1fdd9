//! [`Project`]: what Compose files come to, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Code, ComposeError};

/// A project.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// Files of variables that were named by flag.
    pub env_files: Vec<PathBuf>,
    /// Enabled services.
    pub services: BTreeMap<String, Service>,
    /// Services whose profiles are not enabled.
    pub disabled: BTreeSet<String>,
    /// Networks in use.
    pub networks: BTreeMap<String, Network>,
    /// Volumes in use.
    pub volumes: BTreeMap<String, Volume>,
    /// Configs in use.
    pub configs: BTreeMap<String, Source>,
    /// Secrets in use.
    pub secrets: BTreeMap<String, Source>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// What to tell the user.
    pub warnings: Vec<String>,
    /// The whole in canonical form, as `config` shows it.
    pub model: Value,
}

impl Project {
    /// Sets how many containers a service has.
    ///
    /// # Errors
    /// If there is no such service.
    pub fn scale(&mut self, name: &str, count: u32) -> Result<(), ComposeError> {
        self.service(name)?;
        if let Some(service) = self.services.get_mut(name) {
            service.scale = Some(count);
        }
        Ok(())
    }

    /// The services of these names, or all; an unknown one is an error.
    ///
    /// # Errors
    /// If there is no service of such a name.
    pub fn named(&self, names: &[String]) -> Result<Vec<&Service>, ComposeError> {
        if names.is_empty() {
            return Ok(self.services.values().collect());
        }
        names.iter().map(|name| self.service(name)).collect()
    }

    /// The service of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn service(&self, name: &str) -> Result<&Service, ComposeError> {
        self.services.get(name).ok_or_else(|| {
            let known: Vec<_> = self.services.keys().map(String::as_str).collect();
            ComposeError::new(Code::Reference, format!("no such service: {name}"))
                .fix(format!("name one of these: {}", known.join(", ")))
        })
    }

    /// The services of these names (or all) with all that they depend on.
    ///
    /// # Errors
    /// If there is no service of such a name.
    pub fn with_dependencies(&self, names: &[String]) -> Result<BTreeSet<String>, ComposeError> {
        let mut wanted = BTreeSet::new();
        let mut left: Vec<&Service> = self.named(names)?;
        while let Some(service) = left.pop() {
            if wanted.insert(service.name.clone()) {
                left.extend(service.depends_on.keys().filter_map(|name| self.services.get(name)));
            }
        }
        Ok(wanted)
    }
}

/// A service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// Its canonical form.
    #[serde(skip)]
    pub config: Value,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Whether `up` shows its output; all but those that say no.
    pub attach: Option<bool>,
    /// How its image is built.
    pub build: Option<Build>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) configs: Vec<Grant>,
    /// The name of its only container.
    pub container_name: Option<String>,
    pub(crate) cpus: Option<f64>,
    /// What it needs.
    pub depends_on: BTreeMap<String, Dependency>,
    pub(crate) deploy: Option<Deploy>,
    pub(crate) domainname: Option<String>,
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Its variables; one without a value is not set.
    pub environment: BTreeMap<String, Option<String>>,
    pub(crate) expose: Vec<String>,
    pub(crate) healthcheck: Option<Health>,
    pub(crate) hostname: Option<String>,
    /// Its image, as written.
    pub image: Option<String>,
    pub(crate) init: Option<bool>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) links: Vec<String>,
    pub(crate) logging: Option<Logging>,
    pub(crate) mac_address: Option<String>,
    pub(crate) mem_limit: Option<String>,
    /// `none`, `host`, `service:NAME`, …
    pub network_mode: Option<String>,
    pub(crate) networks: BTreeMap<String, Option<Endpoint>>,
    /// The image's platform.
    pub platform: Option<String>,
    pub(crate) ports: Vec<Port>,
    /// Commands that run in a container once it has started.
    pub post_start: Vec<Hook>,
    /// Commands that run in a container before it is stopped.
    pub pre_stop: Vec<Hook>,
    /// What another program provides, which this one can't.
    pub provider: Option<Value>,
    /// `always`, `never`, `missing`, `build`, …
    pub pull_policy: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) restart: Option<String>,
    pub(crate) scale: Option<u32>,
    pub(crate) secrets: Vec<Grant>,
    pub(crate) stdin_open: bool,
    pub(crate) stop_grace_period: Option<String>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) tmpfs: Vec<String>,
    /// Whether it has a terminal.
    pub tty: bool,
    pub(crate) ulimits: BTreeMap<String, Ulimit>,
    pub(crate) user: Option<String>,
    pub(crate) volumes: Vec<Mount>,
    pub(crate) volumes_from: Vec<String>,
    pub(crate) working_dir: Option<String>,
}

impl Service {
    /// How many containers it has.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.scale.or_else(|| self.deploy.as_ref().and_then(|d| d.replicas)).unwrap_or(1)
    }

    /// The name of its image: its own, or one after project and service.
    #[must_use]
    pub fn image_name(&self, project: &str) -> String {
        self.image.clone().unwrap_or_else(|| format!("{project}-{}", self.name))
    }

    /// The name of one of its containers.
    #[must_use]
    pub fn container_name(&self, project: &str, number: u32) -> String {
        self.container_name.clone().unwrap_or_else(|| format!("{project}-{}-{number}", self.name))
    }
}

/// What a service needs of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// When it is there.
    pub condition: Condition,
    /// Restarted with it.
    pub restart: bool,
    /// Without it, it can't run.
    pub required: bool,
}

/// When a dependency is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its container was started.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// Its healthcheck says so.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ended with status 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

impl Condition {
    /// Its name in files and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }
}

/// How an image is built.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The folder.
    pub context: String,
    /// The Dockerfile, as seen from the folder.
    pub dockerfile: Option<String>,
    /// The Dockerfile's text.
    pub dockerfile_inline: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, Option<String>>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Further names.
    pub tags: Vec<String>,
    /// The stage to end with.
    pub target: Option<String>,
    /// Without the cache.
    pub no_cache: bool,
    /// Base images anew.
    pub pull: bool,
    /// Platforms of the image.
    pub platforms: Vec<String>,
}

/// A network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its name in the daemon.
    pub name: String,
    /// It is there already.
    pub external: bool,
    pub(crate) driver: Option<String>,
    pub(crate) driver_opts: BTreeMap<String, String>,
    pub(crate) ipam: Value,
    pub(crate) internal: bool,
    pub(crate) attachable: bool,
    pub(crate) enable_ipv4: Option<bool>,
    pub(crate) enable_ipv6: Option<bool>,
    pub(crate) labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Its name in the daemon.
    pub name: String,
    /// It is there already.
    pub external: bool,
    pub(crate) driver: Option<String>,
    pub(crate) driver_opts: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Where a config or secret comes from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    /// A file.
    pub file: Option<String>,
    /// A variable.
    pub environment: Option<String>,
    /// The text itself.
    pub content: Option<String>,
    /// It would be the daemon's.
    pub external: bool,
}

/// A config or secret that a service gets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// Which.
    pub source: String,
    /// Its path in the container.
    pub target: Option<String>,
}

/// A command that runs in a container at a point of its life.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// The words.
    pub command: Vec<String>,
    /// Who runs it.
    pub user: Option<String>,
    /// With all rights.
    pub privileged: bool,
    /// Where.
    pub working_dir: Option<String>,
    /// Its variables.
    pub environment: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Port {
    pub mode: String,
    pub host_ip: String,
    pub target: u16,
    pub published: String,
    pub protocol: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mount {
    #[serde(rename = "type")]
    pub kind: String,
    pub source: Option<String>,
    pub target: String,
    pub read_only: bool,
    pub bind: BindOptions,
    pub volume: VolumeOptions,
    pub tmpfs: TmpfsOptions,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BindOptions {
    pub create_host_path: bool,
    pub propagation: Option<String>,
    pub selinux: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeOptions {
    pub nocopy: bool,
    pub subpath: Option<String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TmpfsOptions {
    pub size: Option<String>,
    pub mode: Option<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Endpoint {
    pub aliases: Vec<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub gw_priority: Option<i64>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub mac_address: Option<String>,
    pub priority: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    pub test: Vec<String>,
    pub interval: Option<String>,
    pub timeout: Option<String>,
    pub start_period: Option<String>,
    pub start_interval: Option<String>,
    pub retries: Option<u64>,
    pub disable: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logging {
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Deploy {
    pub replicas: Option<u32>,
    pub resources: Resources,
    pub restart_policy: Option<RestartPolicy>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resources {
    pub limits: Limits,
    pub reservations: Limits,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    pub cpus: Option<f64>,
    pub memory: Option<String>,
    pub pids: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RestartPolicy {
    pub condition: Option<String>,
    pub max_attempts: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ulimit {
    Single(i64),
    Range { soft: i64, hard: i64 },
}
