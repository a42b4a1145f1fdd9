//! One image in full, and its history.

use axum::Json;
use jiff::Timestamp;
use serde_json::{Value, json};
use sprat_docker_api::{ApiVersion, HistoryItem, ImageInspect, RootFs, format_time};
use sprat_engine::{HistoryEntry, Image, ImageConfig};

use super::list::familiar;
use crate::docker::{ApiError, Door};

pub(super) fn inspect(door: &Door, name: &str, version: ApiVersion) -> Result<Json<ImageInspect>, ApiError> {
    Ok(Json(render(&*door.engine.image(name)?, version)))
}

fn render(image: &Image, version: ApiVersion) -> ImageInspect {
    // Docker dropped it with version 1.45; Compose 1 always speaks the newest version, and can't recreate without it.
    let container_config =
        if version.at_least(45) { config(&image.config, version) } else { config(&ImageConfig::default(), version) };
    ImageInspect {
        id: image.id.to_string(),
        repo_tags: familiar(&image.tags),
        repo_digests: familiar(&image.repo_digests),
        parent: String::new(),
        comment: image.history.last().map(|step| step.comment.clone()).unwrap_or_default(),
        created: format_time(image.created),
        container_config,
        docker_version: String::new(),
        author: image.author.clone(),
        config: config(&image.config, version),
        container: (!version.at_least(45)).then(String::new),
        architecture: image.architecture.clone(),
        os: image.os.clone(),
        size: image.size,
        virtual_size: (!version.at_least(44)).then_some(image.size),
        graph_driver: json!({ "Name": "sprat", "Data": null }),
        root_fs: RootFs {
            kind: "layers".to_owned(),
            layers: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
        },
        metadata: json!({ "LastTagTime": format_time(image.tagged) }),
    }
}

/// An image's configuration with all fields that clients expect to find. Those of containers went with version 1.50.
fn config(config: &ImageConfig, version: ApiVersion) -> Value {
    let mut value = json!({
        "User": "", "Env": null, "Entrypoint": null, "Cmd": null, "WorkingDir": "", "Labels": null, "Volumes": null,
        "OnBuild": null,
    });
    let of_containers = json!({
        "Hostname": "", "Domainname": "", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
        "Tty": false, "OpenStdin": false, "StdinOnce": false, "Image": "",
    });
    if let (false, Value::Object(all), Value::Object(more)) = (version.at_least(50), &mut value, of_containers) {
        all.extend(more);
    }
    if let (Value::Object(all), Ok(Value::Object(set))) = (&mut value, serde_json::to_value(config)) {
        all.extend(set);
    }
    value
}

pub(super) fn history(door: &Door, name: &str) -> Result<Json<Vec<HistoryItem>>, ApiError> {
    Ok(Json(steps(&*door.engine.image(name)?)))
}

/// Steps newest first. An image without a history shows its layers.
fn steps(image: &Image) -> Vec<HistoryItem> {
    let mut layers = image.layers.iter();
    let bare = vec![HistoryEntry::default(); if image.history.is_empty() { image.layers.len() } else { 0 }];
    let mut items: Vec<_> = image
        .history
        .iter()
        .chain(&bare)
        .map(|step| HistoryItem {
            id: "<missing>".to_owned(),
            created: step.created.map_or(0, Timestamp::as_second),
            created_by: step.created_by.clone(),
            tags: None,
            size: if step.empty_layer { 0 } else { layers.next().map_or(0, |layer| layer.size) },
            comment: step.comment.clone(),
        })
        .collect();
    items.reverse();
    if let Some(newest) = items.first_mut() {
        newest.id = image.id.to_string();
        newest.tags = Some(familiar(&image.tags)).filter(|tags| !tags.is_empty());
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_every_field_clients_expect() {
        let image = ImageConfig { cmd: Some(vec!["/x".into()]), ..ImageConfig::default() };
        let value = config(&image, ApiVersion::new(1, 50));
        assert_eq!(value.get("Tty"), None);
        assert_eq!(config(&image, ApiVersion::new(1, 49))["Tty"], false);
        assert_eq!(value["Cmd"], json!(["/x"]));
        assert_eq!(value["Entrypoint"], Value::Null);
        assert_eq!(value["WorkingDir"], "");
    }
}
