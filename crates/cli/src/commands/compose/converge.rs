//! Makes containers so that they are as the project says, and starts them in the order of what they need.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sprat_compose::plan::{self, Existing, Recreate, Step};
use sprat_compose::{Project, Service, hash, request};
use tokio::sync::watch;

use super::containers::{self, Container};
use super::output::step;
use super::{files, hooks, life, ready};
use crate::client::Client;
use crate::error::CliError;
use crate::query::Query;

/// How it is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// When containers are made anew.
    pub recreate: Recreate,
    /// The same for those that are only needed by others.
    pub recreate_dependencies: Recreate,
    /// New anonymous volumes instead of those before.
    pub renew_volumes: bool,
    /// Seconds that a container has to stop.
    pub timeout: Option<i64>,
    /// Services that were named; all if empty.
    pub named: BTreeSet<String>,
    /// Don't wait for what others need.
    pub no_dependencies: bool,
}

/// Makes, makes anew and removes containers of these services; starts none.
pub(super) async fn create(
    client: &Client,
    project: &Project,
    wanted: &BTreeSet<String>,
    images: &BTreeMap<String, String>,
    options: &Options,
) -> Result<(), CliError> {
    let written = files::write(project)?;
    let there = containers::of_project(client, &project.name).await?;
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for container in there.iter().filter(|c| !c.one_off) {
        ids.entry(container.service.clone()).or_default().push(container.id.clone());
    }
    let mut changed = BTreeSet::new();
    for name in sprat_compose::sorted(&project.services)?.iter().filter(|name| wanted.contains(*name)) {
        let service = project.service(name)?;
        let own: Vec<&Container> = there.iter().filter(|c| c.service == *name && !c.one_off).collect();
        let image = images.get(name).cloned().unwrap_or_default();
        let shared = shares(service, &changed);
        let named = options.named.is_empty() || options.named.contains(name);
        let recreate = if named { options.recreate } else { options.recreate_dependencies };
        let existing = own.iter().map(|c| c.existing()).collect();
        let steps = plan::converge(existing, service.replicas(), &hash::service(service), &image, recreate, shared);
        let mut kept = Vec::new();
        for one in steps {
            let maker = Maker { client, project, service, image: &image, written: &written, ids: &ids, options };
            match one {
                Step::Keep(container) => {
                    if !container.running {
                        step("Container", &container.name, "Created");
                    } else {
                        step("Container", &container.name, "Running");
                    }
                    kept.push(container.id);
                }
                Step::Create(number) => kept.push(maker.create(number).await?),
                Step::Recreate(container) => {
                    changed.insert(name.clone());
                    restart_dependants(client, project, name, &there, options).await?;
                    kept.push(maker.recreate(&container).await?);
                }
                Step::Remove(container) => {
                    if let Some(container) = own.iter().find(|c| c.id == container.id) {
                        life::stop_one(client, container, options.timeout).await?;
                        life::remove_one(client, container, true, false).await?;
                    }
                }
            }
        }
        ids.insert(name.clone(), kept);
    }
    Ok(())
}

/// Whether it shares something of a service whose container was made anew.
fn shares(service: &Service, changed: &BTreeSet<String>) -> bool {
    let of = |key: &str| service.config.get(key).and_then(Value::as_str).and_then(|mode| mode.strip_prefix("service:"));
    let from = service.config.get("volumes_from").and_then(Value::as_array).into_iter().flatten();
    let from = from.filter_map(Value::as_str).filter_map(|from| from.split(':').next());
    ["network_mode", "ipc", "pid"].into_iter().filter_map(of).chain(from).any(|name| changed.contains(name))
}

/// Stops those that said that they restart with `name`; they start again with all others.
async fn restart_dependants(
    client: &Client,
    project: &Project,
    name: &str,
    there: &[Container],
    options: &Options,
) -> Result<(), CliError> {
    let dependants = project.services.values().filter(|s| s.depends_on.get(name).is_some_and(|how| how.restart));
    let names: BTreeSet<&str> = dependants.map(|s| s.name.as_str()).collect();
    for container in there.iter().filter(|c| names.contains(c.service.as_str()) && c.is_up() && !c.one_off) {
        life::stop_one(client, container, options.timeout).await?;
    }
    Ok(())
}

struct Maker<'a> {
    client: &'a Client,
    project: &'a Project,
    service: &'a Service,
    image: &'a str,
    written: &'a BTreeMap<String, String>,
    ids: &'a BTreeMap<String, Vec<String>>,
    options: &'a Options,
}

impl Maker<'_> {
    fn around(&self, number: u32) -> request::Surroundings {
        request::Surroundings {
            containers: self.ids.clone(),
            files: self.written.clone(),
            ..plan::surroundings(self.project, self.service, number, self.image)
        }
    }

    async fn create(&self, number: u32) -> Result<String, CliError> {
        let around = self.around(number);
        step("Container", &around.name, "Creating");
        let body = request::container(self.project, self.service, &around)?;
        let id = post(self.client, &around.name, self.service, &body).await?;
        step("Container", &around.name, "Created");
        Ok(id)
    }

    /// The new one is there before the old one goes: if it can't be made, nothing is lost.
    async fn recreate(&self, old: &Existing) -> Result<String, CliError> {
        step("Container", &old.name, "Recreate");
        let mut around = self.around(old.number);
        around.replaces = Some(old.name.clone());
        if !self.options.renew_volumes {
            around.inherited = anonymous_volumes(self.client, &old.id).await?;
        }
        let body = request::container(self.project, self.service, &around)?;
        let passing = format!("{}_{}", old.id.get(..12).unwrap_or(&old.id), around.name);
        let id = post(self.client, &passing, self.service, &body).await?;
        let swap = async {
            let time = self.options.timeout.map(|t| t.to_string());
            let stop = Query::new(format!("/containers/{}/stop", old.id)).option("t", time.as_deref());
            self.client.post_raw(&stop.path(), None).await?;
            self.client.delete::<Value>(&format!("/containers/{}?force=1", old.id)).await?;
            let rename = Query::new(format!("/containers/{id}/rename")).add("name", &around.name);
            self.client.post_raw(&rename.path(), None).await.map(drop)
        };
        if let Err(error) = swap.await {
            // Best effort: the error is what counts.
            let _ = self.client.delete::<Value>(&format!("/containers/{id}?force=1")).await;
            return Err(error);
        }
        step("Container", &around.name, "Recreated");
        Ok(id)
    }
}

/// Creates a container; what the daemon refuses is said with the service's name.
pub(super) async fn post(client: &Client, name: &str, service: &Service, body: &Value) -> Result<String, CliError> {
    let path =
        Query::new("/containers/create").add("name", name).option("platform", service.platform.as_deref()).path();
    let created: Value = client.post(&path, Some(body)).await.map_err(|mut error| {
        error.what = format!("services.{}: {}", service.name, error.what);
        error
    })?;
    for warning in created.get("Warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        errln!("warning: services.{}: {warning}", service.name);
    }
    Ok(created.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Target and name of a container's volumes, which one in its place gets; those with a name of the project come again anyhow.
async fn anonymous_volumes(client: &Client, id: &str) -> Result<Vec<(String, String)>, CliError> {
    let details: Value = client.get(&format!("/containers/{id}/json")).await?;
    let mounts = details.get("Mounts").and_then(Value::as_array).into_iter().flatten();
    let text = |mount: &Value, key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let volumes = mounts.filter(|mount| text(mount, "Type") == "volume");
    Ok(volumes.map(|mount| (text(mount, "Destination"), text(mount, "Name"))).filter(|(t, _)| !t.is_empty()).collect())
}

/// How far a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Done,
    Failed,
}

/// Starts the containers of these services, each after what it needs, at the same time what can be.
pub(super) async fn start(
    client: &Client,
    project: &Project,
    wanted: &BTreeSet<String>,
    options: &Options,
) -> Result<(), CliError> {
    let mut all = containers::of_project(client, &project.name).await?;
    all.retain(|c| !c.one_off);
    let channels: BTreeMap<&str, _> =
        wanted.iter().map(|name| (name.as_str(), watch::channel(Progress::Waiting))).collect();
    let starting = wanted.iter().filter_map(|name| project.services.get(name)).map(async |service| {
        let outcome = async {
            if !options.no_dependencies {
                needs(client, project, service, &all, &channels).await?;
            }
            for container in all.iter().filter(|c| c.service == service.name) {
                if !container.is_up() {
                    start_one(client, container).await.map_err(Some)?;
                    hooks::after_start(client, project, service, container).await.map_err(Some)?;
                }
            }
            Ok(())
        };
        let outcome: Result<(), Option<CliError>> = outcome.await;
        if let Some((sender, _)) = channels.get(service.name.as_str()) {
            sender.send_replace(if outcome.is_ok() { Progress::Done } else { Progress::Failed });
        }
        outcome
    });
    let outcomes = futures_util::future::join_all(starting).await;
    // Those that failed because another one did have nothing of their own to say.
    outcomes.into_iter().filter_map(|outcome| outcome.err().flatten()).next().map_or(Ok(()), Err)
}

type Channels<'a> = BTreeMap<&'a str, (watch::Sender<Progress>, watch::Receiver<Progress>)>;

/// Waits for what a service needs. `Err(None)`: something failed that says so itself.
async fn needs(
    client: &Client,
    project: &Project,
    service: &Service,
    all: &[Container],
    channels: &Channels<'_>,
) -> Result<(), Option<CliError>> {
    for (name, how) in &service.depends_on {
        let Some(dependency) = project.services.get(name) else { continue };
        if let Some((_, receiver)) = channels.get(name.as_str()) {
            let mut receiver = receiver.clone();
            let seen = receiver.wait_for(|progress| *progress != Progress::Waiting).await.map(|p| *p);
            if !matches!(seen, Ok(Progress::Done)) {
                if how.required {
                    return Err(None);
                }
                continue;
            }
        }
        let own: Vec<_> = all.iter().filter(|c| c.service == *name).cloned().collect();
        match ready::until(client, dependency, how.condition, &own).await {
            Err(error) if !how.required => errln!("warning: optional dependency {name}: {}", error.what),
            other => other.map_err(Some)?,
        }
    }
    Ok(())
}

/// Starts a container.
pub(super) async fn start_one(client: &Client, container: &Container) -> Result<(), CliError> {
    step("Container", &container.name, "Starting");
    client.post_raw(&format!("/containers/{}/start", container.id), None).await.map_err(|mut error| {
        error.what = format!("container {}: {}", container.name, error.what);
        error
    })?;
    step("Container", &container.name, "Started");
    Ok(())
}
