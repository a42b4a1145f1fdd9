//! `post_start` and `pre_stop`: commands that run in a container at these points of its life.

use serde_json::{Value, json};
use sprat_compose::{Hook, Project, Service};

use super::containers::Container;
use super::output::{Prefix, short};
use crate::client::Client;
use crate::error::CliError;

/// Runs `post_start` in a container that was just started.
pub(super) async fn after_start(
    client: &Client,
    project: &Project,
    service: &Service,
    container: &Container,
) -> Result<(), CliError> {
    for hook in &service.post_start {
        run(client, project, container, hook, "post_start").await?;
    }
    Ok(())
}

/// Runs `pre_stop` in a container that is about to be stopped; what fails there is told and holds nothing up.
pub(super) async fn before_stop(client: &Client, project: &Project, container: &Container) {
    let service = project.services.get(&container.service);
    for hook in service.map(|s| s.pre_stop.as_slice()).unwrap_or_default() {
        if let Err(error) = run(client, project, container, hook, "pre_stop").await {
            error.print();
        }
    }
}

async fn run(
    client: &Client,
    project: &Project,
    container: &Container,
    hook: &Hook,
    kind: &str,
) -> Result<(), CliError> {
    let env: Vec<_> = hook.environment.iter().filter_map(|(k, v)| Some(format!("{k}={}", v.as_ref()?))).collect();
    let body = json!({
        "Cmd": hook.command, "Env": env, "User": hook.user.as_deref().unwrap_or_default(),
        "WorkingDir": hook.working_dir.as_deref().unwrap_or_default(), "Privileged": hook.privileged,
        "AttachStdout": true, "AttachStderr": true,
    });
    let created: Value = client.post(&format!("/containers/{}/exec", container.id), Some(&body)).await?;
    let id = created.get("Id").and_then(Value::as_str).unwrap_or_default();
    let (output, _input) = client.exec(id, false).await?.split();
    let mut prefix = Prefix::new(&format!("{} ->", short(&container.name, &project.name)), 0, 0, true, false);
    output.each(|to, data| prefix.write(to, data)).await?;
    prefix.finish();
    let ended: Value = client.get(&format!("/exec/{id}/json")).await?;
    match ended.get("ExitCode").and_then(Value::as_i64) {
        Some(0) | None => Ok(()),
        Some(code) => Err(CliError::new(format!("{kind} of {} exited with status {code}", container.name))
            .fix(format!("correct services.{}.{kind}", container.service))),
    }
}
