//! Networks and volumes of a project.

use serde_json::Value;
use sprat_compose::{Project, labels, request};

use super::output::step;
use crate::client::Client;
use crate::error::CliError;
use crate::query::{Query, segment};

/// Makes those that are missing.
pub(super) async fn ensure(client: &Client, project: &Project) -> Result<(), CliError> {
    for (key, network) in &project.networks {
        // A name is looked up among all: the daemon also finds by a part of an id.
        let there = find(client, &format!("/networks/{}", segment(&network.name))).await?;
        let there = there.filter(|n| n.get("Name").and_then(Value::as_str) == Some(&network.name));
        match (there, request::network(project, key)) {
            (Some(there), Some(body)) => same("network", "Network", &network.name, &there, &body, labels::NETWORK)?,
            (None, Some(body)) => {
                step("Network", &network.name, "Creating");
                client.post::<Value>("/networks/create", Some(&body)).await?;
                step("Network", &network.name, "Created");
            }
            (Some(_), None) => {}
            (None, None) => return Err(no_external("network", &network.name)),
        }
    }
    for (key, volume) in &project.volumes {
        let there = find(client, &format!("/volumes/{}", segment(&volume.name))).await?;
        match (there, request::volume(project, key)) {
            (Some(there), Some(body)) => same("volume", "Volume", &volume.name, &there, &body, labels::VOLUME)?,
            (None, Some(body)) => {
                step("Volume", &volume.name, "Creating");
                client.post::<Value>("/volumes/create", Some(&body)).await?;
                step("Volume", &volume.name, "Created");
            }
            (Some(_), None) => {}
            (None, None) => return Err(no_external("volume", &volume.name)),
        }
    }
    Ok(())
}

async fn find(client: &Client, path: &str) -> Result<Option<Value>, CliError> {
    match client.get(path).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.missing => Ok(None),
        Err(error) => Err(error),
    }
}

fn no_external(kind: &str, name: &str) -> CliError {
    CliError::new(format!("{kind} {name} declared as external, but could not be found"))
        .fix(format!("create it: sprat {kind} create {name}"))
}

/// One that is there has to be the project's own, and made from the same.
fn same(kind: &str, title: &str, name: &str, there: &Value, body: &Value, label: &str) -> Result<(), CliError> {
    let of = |value: &Value, label: &str| {
        value.pointer(&format!("/Labels/{label}")).and_then(Value::as_str).map(str::to_owned)
    };
    if of(there, label).is_none() {
        if kind == "volume" {
            errln!(
                "warning: volume {name:?} already exists but was not created by Compose. Use `external: true` to use an existing volume"
            );
            return Ok(());
        }
        return Err(CliError::new(format!("{kind} {name} was found but has incorrect label {label} set to \"\""))
            .fix("say `external: true` to use it, or give yours another name"));
    }
    let (theirs, ours) = (of(there, labels::CONFIG_HASH), of(body, labels::CONFIG_HASH));
    if theirs.is_some() && theirs != ours {
        return Err(CliError::new(format!("{title} {name:?} needs to be recreated - its configuration has changed"))
            .fix(if kind == "volume" { "remove it: sprat compose down -v" } else { "remove it: sprat compose down" }));
    }
    Ok(())
}

/// Removes a project's networks, and its volumes if they are to go.
pub(super) async fn remove(client: &Client, project: &str, volumes: bool) -> Result<(), CliError> {
    let filter = [format!("label={}={project}", labels::PROJECT)];
    let networks: Vec<Value> = client.get(&Query::new("/networks").filters(&filter)?.path()).await?;
    for network in networks.iter().filter(|network| is_of(network, project)) {
        delete(client, "Network", "/networks", network).await?;
    }
    if volumes {
        let list: Value = client.get(&Query::new("/volumes").filters(&filter)?.path()).await?;
        let list = list.get("Volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        for volume in list.iter().filter(|volume| is_of(volume, project)) {
            delete(client, "Volume", "/volumes", volume).await?;
        }
    }
    Ok(())
}

fn is_of(value: &Value, project: &str) -> bool {
    value.get("Labels").and_then(|l| l.get(labels::PROJECT)).and_then(Value::as_str) == Some(project)
}

async fn delete(client: &Client, kind: &str, path: &str, value: &Value) -> Result<(), CliError> {
    let name = value.get("Name").and_then(Value::as_str).unwrap_or_default();
    step(kind, name, "Removing");
    match client.delete::<Value>(&format!("{path}/{}", segment(name))).await {
        Ok(_) => step(kind, name, "Removed"),
        Err(error) if error.missing => step(kind, name, "Removed"),
        // Somebody else's container uses it.
        Err(error) if error.what.contains("in use") || error.what.contains("active endpoints") => {
            step(kind, name, "Resource is still in use");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
