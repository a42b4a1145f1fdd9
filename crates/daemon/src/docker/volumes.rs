//! Volumes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use sprat_docker_api::{Filters, Volume, VolumeCreate, VolumeList, VolumePrune, VolumeUsage, format_time};
use sprat_engine::{ContainerId, EngineError, Volume as EngineVolume, VolumeSpec, tree_size};

use super::params::{Params, Version};
use super::system::NO_CONTENT;
use super::{ApiError, Door, body};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/prune", post(prune))
        .route("/volumes/{name}", get(inspect).delete(remove))
}

async fn list(State(door): State<Arc<Door>>, params: Params) -> Result<Json<VolumeList>, ApiError> {
    let filters = params.filters()?.only(&["name", "label", "label!", "driver", "dangling"])?;
    let dangling = filters.get_bool("dangling")?;
    let wanted = |volume: &EngineVolume, users: &[ContainerId]| {
        matches(&filters, volume) && dangling.is_none_or(|dangling| dangling == users.is_empty())
    };
    let volumes = door.engine.volumes().into_iter().filter(|(volume, users)| wanted(volume, users));
    Ok(Json(VolumeList { volumes: volumes.map(|(volume, _)| render(volume)).collect(), warnings: None }))
}

fn matches(filters: &Filters, volume: &EngineVolume) -> bool {
    let any = |key, test: &dyn Fn(&String) -> bool| filters.get(key).is_empty() || filters.get(key).iter().any(test);
    any("name", &|name| volume.name.contains(name.as_str()))
        && any("driver", &|driver| driver == "local")
        && filters.matches_labels(&volume.labels)
}

async fn create(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Volume>), ApiError> {
    let request = body::json::<VolumeCreate>(&headers, body).await?.map(|(request, _)| request).unwrap_or_default();
    let spec =
        VolumeSpec { name: request.name, driver: request.driver, labels: request.labels, options: request.driver_opts };
    Ok((StatusCode::CREATED, Json(render(door.engine.create_volume(spec).await?))))
}

async fn inspect(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Result<Json<Volume>, ApiError> {
    let found = door.engine.volumes().into_iter().find(|(volume, _)| volume.name == name);
    let (volume, _) = found.ok_or(EngineError::NoSuchVolume(name))?;
    Ok(Json(render(volume)))
}

async fn remove(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    door.engine.remove_volume(&name, params.flag("force")).await?;
    Ok(NO_CONTENT)
}

/// Before 1.42 all unused volumes are removed; since then only anonymous ones, unless `all=true`.
async fn prune(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
) -> Result<Json<VolumePrune>, ApiError> {
    let filters = params.filters()?.only(&["all", "label", "label!"])?;
    let all = filters.get_bool("all")?.unwrap_or(!version.at_least(42));
    let pruned = door.engine.prune_volumes(all, filters.without("all")).await?;
    Ok(Json(VolumePrune { volumes_deleted: pruned.0, space_reclaimed: pruned.1 }))
}

fn render(volume: EngineVolume) -> Volume {
    Volume {
        created_at: format_time(Some(volume.created)),
        driver: "local".to_owned(),
        labels: volume.labels,
        mountpoint: volume.mountpoint.to_string_lossy().into_owned(),
        name: volume.name,
        options: volume.options,
        scope: "local".to_owned(),
        usage_data: None,
    }
}

/// Volumes with the bytes they take, for `system df`.
pub(super) async fn with_usage(volumes: Vec<(EngineVolume, Vec<ContainerId>)>) -> Vec<Volume> {
    let measure = move || {
        volumes.into_iter().map(|(volume, users)| {
            let size = i64::try_from(tree_size(&volume.mountpoint)).unwrap_or(i64::MAX);
            let usage = VolumeUsage { size, ref_count: i64::try_from(users.len()).unwrap_or(i64::MAX) };
            Volume { usage_data: Some(usage), ..render(volume) }
        })
    };
    tokio::task::spawn_blocking(|| measure().collect()).await.unwrap_or_default()
}
