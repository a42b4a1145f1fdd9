//! Waiting until containers are what others need them to be.

use std::pin::pin;

use http_body_util::BodyExt as _;
use hyper::Method;
use serde_json::Value;
use sprat_compose::{Condition, Service};

use super::containers::Container;
use super::output::step;
use crate::client::{self, Client};
use crate::error::CliError;
use crate::query::Query;

/// A container's state, as `inspect` has it.
pub(super) async fn state(client: &Client, id: &str) -> Result<Value, CliError> {
    let details: Value = client.get(&format!("/containers/{id}/json")).await?;
    Ok(details.get("State").cloned().unwrap_or_default())
}

/// Looks at a container's state now and whenever something happened to it, until `done` finds what it wants there.
pub(super) async fn watch<T>(
    client: &Client,
    id: &str,
    mut done: impl FnMut(&Value) -> Option<T>,
) -> Result<T, CliError> {
    let filters = ["type=container".to_owned(), format!("container={id}")];
    let events = Query::new("/events").filters(&filters)?.path();
    loop {
        // Both are listened to from before the look, so that nothing falls between. A restart that fails is no event.
        let mut events = client.send(Method::GET, &events, &[], client::empty()).await?.into_body();
        let exit = client.post_raw(&format!("/containers/{id}/wait?condition=next-exit"), None).await?;
        let mut exit = pin!(exit.into_body().collect());
        loop {
            if let Some(found) = done(&state(client, id).await?) {
                return Ok(found);
            }
            tokio::select! {
                // The daemon ends a listener that it left behind.
                event = events.frame() => if !matches!(event, Some(Ok(_))) { break },
                _ = &mut exit => break,
            }
        }
    }
}

fn text<'a>(state: &'a Value, path: &str) -> &'a str {
    state.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Waits until the containers of a dependency are what is needed.
pub(super) async fn until(
    client: &Client,
    dependency: &Service,
    condition: Condition,
    containers: &[Container],
) -> Result<(), CliError> {
    if condition == Condition::Started {
        return Ok(());
    }
    if containers.is_empty() && dependency.replicas() > 0 {
        return Err(CliError::new(format!("{} is missing dependency {}", "the project", dependency.name))
            .fix(format!("start it: sprat compose up -d {}", dependency.name)));
    }
    let all = containers.iter().map(async |container| {
        step("Container", &container.name, "Waiting");
        match condition {
            Condition::Completed => completed(client, container).await?,
            _ => healthy(client, container, true).await?,
        }
        let what = if condition == Condition::Completed { "Exited" } else { "Healthy" };
        step("Container", &container.name, what);
        Ok(())
    });
    futures_util::future::join_all(all).await.into_iter().collect()
}

/// Waits until a container is healthy, or runs if it has no healthcheck and need not have one.
pub(super) async fn healthy(client: &Client, container: &Container, required: bool) -> Result<(), CliError> {
    let failed = |why: String| CliError::new(format!("dependency failed to start: container {} {why}", container.name));
    let judge = |state: &Value| match (text(state, "/Status"), text(state, "/Health/Status")) {
        ("exited" | "dead", _) => {
            let code = state.get("ExitCode").and_then(Value::as_i64).unwrap_or_default();
            Some(Err(failed(format!("exited ({code})")).fix("see `sprat compose logs`")))
        }
        (_, "healthy") => Some(Ok(())),
        (_, "unhealthy") => {
            let log = state.pointer("/Health/Log").and_then(Value::as_array).and_then(|log| log.last());
            let said = log.map(|last| text(last, "/Output").trim().to_owned()).unwrap_or_default();
            Some(Err(failed("is unhealthy".into()).why(said).fix("see `sprat compose logs`")))
        }
        ("running", "" | "none") if !required => Some(Ok(())),
        ("running", "" | "none") => Some(Err(failed("has no healthcheck configured".into())
            .fix("give the service a healthcheck, or depend on it with service_started"))),
        _ => None,
    };
    watch(client, &container.id, judge).await?
}

/// Waits until a container ended with status 0.
async fn completed(client: &Client, container: &Container) -> Result<(), CliError> {
    let answer: Value = client.post(&format!("/containers/{}/wait", container.id), None).await?;
    match answer.get("StatusCode").and_then(Value::as_i64) {
        Some(0) => Ok(()),
        code => Err(CliError::new(format!(
            "service {:?} didn't complete successfully: exit {}",
            container.service,
            code.unwrap_or_default()
        ))
        .fix(format!("see `sprat compose logs {}`", container.service))),
    }
}
