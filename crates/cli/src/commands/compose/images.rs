//! Images of services: there, or pulled, or built.

use std::collections::BTreeMap;

use serde_json::Value;
use sprat_compose::{Project, Service};

use super::super::registry;
use super::build;
use super::output::step;
use crate::client::Client;
use crate::error::CliError;
use crate::query::segment;

/// What the user said about images.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    /// `--build`
    pub build: bool,
    /// `--no-build`
    pub no_build: bool,
    /// `--pull`: always, missing, never.
    pub pull: Option<String>,
    /// Nothing but what is needed.
    pub quiet: bool,
}

/// Makes sure of the images of these services; gives their ids by service.
pub(super) async fn ensure(
    client: &Client,
    project: &Project,
    services: &[&Service],
    policy: &Policy,
) -> Result<BTreeMap<String, String>, CliError> {
    let mut ids = BTreeMap::new();
    let mut built: BTreeMap<String, String> = BTreeMap::new();
    for service in services {
        if service.provider.is_some() {
            return Err(CliError::new(format!("services.{}: providers are not available", service.name))
                .fix("run what it provides as a service of its own"));
        }
        let name = service.image_name(&project.name);
        let id = match built.get(&name) {
            Some(id) => id.clone(),
            None => one(client, project, service, &name, policy).await?,
        };
        built.insert(name, id.clone());
        ids.insert(service.name.clone(), id);
    }
    Ok(ids)
}

async fn one(
    client: &Client,
    project: &Project,
    service: &Service,
    name: &str,
    policy: &Policy,
) -> Result<String, CliError> {
    let pull = policy.pull.as_deref().or(service.pull_policy.as_deref()).unwrap_or("missing");
    let there = id(client, name).await?;
    let always = matches!(pull, "always" | "refresh" | "daily" | "weekly") || pull.starts_with("every_");
    if service.build.is_some() {
        let wanted = policy.build || pull == "build" || there.is_none();
        if !wanted || policy.no_build {
            return there.ok_or_else(|| {
                CliError::new(format!("No such image: {name}"))
                    .why("it would have to be built, and --no-build forbids that")
                    .fix("leave out --no-build")
            });
        }
        build::one(client, project, service, &build::Flags { quiet: policy.quiet, ..build::Flags::default() }).await?;
    } else if always || there.is_none() {
        if pull == "never" {
            return Err(CliError::new(format!("No such image: {name}"))
                .why("its pull policy is never")
                .fix("build or pull it"));
        }
        step("Image", name, "Pulling");
        registry::fetch(client, name, service.platform.as_deref(), policy.quiet).await?;
        step("Image", name, "Pulled");
    } else if let Some(id) = there {
        return Ok(id);
    }
    id(client, name).await?.ok_or_else(|| CliError::new(format!("No such image: {name}")))
}

/// The id of an image, if it is there.
pub(super) async fn id(client: &Client, name: &str) -> Result<Option<String>, CliError> {
    match client.get::<Value>(&format!("/images/{}/json", segment(name))).await {
        Ok(image) => Ok(image.get("Id").and_then(Value::as_str).map(str::to_owned)),
        Err(error) if error.missing => Ok(None),
        Err(error) => Err(error),
    }
}
