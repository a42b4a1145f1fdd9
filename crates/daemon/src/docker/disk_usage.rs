//! `/system/df`: what takes space. Layers that images share count once in the sum.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use sprat_engine::{Digest, Image, ListFilter};

use super::params::{Params, Version};
use super::{ApiError, Door, containers, images, volumes};

/// What `type=` can name (Docker Engine API 1.42).
const TYPES: [&str; 4] = ["container", "image", "volume", "build-cache"];

pub(super) async fn disk_usage(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let asked: Vec<&str> = params.all("type").collect();
    if let Some(unknown) = asked.iter().find(|kind| !TYPES.contains(kind)) {
        return Err(ApiError::invalid(format!("unknown object type: {unknown}: use {}", TYPES.join(", "))));
    }
    let wanted = |kind: &str| asked.is_empty() || asked.contains(&kind);
    let mut answer = serde_json::Map::new();
    if wanted("image") {
        let list = door.engine.images()?;
        let layers = Layers::of(list.iter().map(|(image, _)| &**image));
        let render = |(image, users): &(Arc<Image>, usize)| {
            let mut summary = images::summary(image, Some(*users), version);
            summary.shared_size = i64::try_from(layers.shared(image)).unwrap_or(i64::MAX);
            summary
        };
        answer.insert("LayersSize".to_owned(), json!(layers.bytes()));
        answer.insert("Images".to_owned(), json!(list.iter().map(render).collect::<Vec<_>>()));
    }
    if wanted("container") {
        let list = door.engine.list(&ListFilter { all: true, ..ListFilter::default() })?;
        answer.insert("Containers".to_owned(), json!(containers::measured(Arc::clone(&door), list, version).await?));
    }
    if wanted("volume") {
        answer.insert("Volumes".to_owned(), json!(volumes::with_usage(door.engine.volumes()).await));
    }
    if wanted("build-cache") {
        // The cache of builds refers to layers of images; it holds no content of its own.
        answer.insert("BuildCache".to_owned(), json!([]));
        if !version.at_least(42) {
            answer.insert("BuilderSize".to_owned(), json!(0));
        }
    }
    Ok(Json(Value::Object(answer)))
}

/// Layers with their bytes and the number of images that have them.
pub(super) struct Layers(HashMap<Digest, (u64, usize)>);

impl Layers {
    /// The layers of all these images.
    pub(super) fn of<'a>(images: impl Iterator<Item = &'a Image>) -> Self {
        let mut layers: HashMap<Digest, (u64, usize)> = HashMap::new();
        for image in images {
            let mut own: Vec<_> = image.layers.iter().map(|layer| (&layer.diff_id, layer.size)).collect();
            own.sort();
            own.dedup();
            for (id, bytes) in own {
                layers.entry(id.clone()).or_insert((bytes, 0)).1 += 1;
            }
        }
        Self(layers)
    }

    fn bytes(&self) -> u64 {
        self.0.values().map(|(bytes, _)| bytes).sum()
    }

    /// Bytes of an image that another one has too.
    pub(super) fn shared(&self, image: &Image) -> u64 {
        let shared = image.layers.iter().filter_map(|layer| self.0.get(&layer.diff_id)).filter(|(_, users)| *users > 1);
        shared.map(|(bytes, _)| bytes).sum()
    }
}
