//! Removing images.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use sprat_docker_api::{ImageDelete, ImagePrune};
use sprat_engine::RemoveReport;

use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Vec<ImageDelete>>, ApiError> {
    Ok(Json(render(door.engine.remove_image(&name, params.flag("force")).await?)))
}

fn render(report: RemoveReport) -> Vec<ImageDelete> {
    let untagged = report.untagged.into_iter().map(ImageDelete::Untagged);
    untagged.chain(report.deleted.into_iter().map(|digest| ImageDelete::Deleted(digest.to_string()))).collect()
}

/// `dangling=false` is all unused images.
pub(super) async fn prune(State(door): State<Arc<Door>>, params: Params) -> Result<Json<ImagePrune>, ApiError> {
    let filters = params.filters()?.only(&["dangling", "until", "label", "label!"])?;
    let all = filters.get_bool("dangling")? == Some(false);
    let report = door.engine.prune_images(all, &filters.without("dangling")).await?;
    let removed = render(report.removed);
    let images_deleted = Some(removed).filter(|removed| !removed.is_empty());
    Ok(Json(ImagePrune { images_deleted, space_reclaimed: report.reclaimed }))
}
