//! Base images: from the store, or else from a registry.

use std::sync::Arc;

use super::Builder;
use super::error::StepError;
use crate::{Image, Lease, ProgressSink, Reference, StoreError};

/// The platform that images have which are not for wasm.
const NATIVE_PLATFORM: &str = if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" };

/// Finds an image that FROM names. With `always` the registry is asked even if the store has it.
pub(super) async fn image(
    builder: &Builder,
    name: &str,
    platform: Option<&str>,
    always: bool,
    progress: &ProgressSink,
) -> Result<(Arc<Image>, Lease), StepError> {
    if !always {
        match builder.store.lease(name) {
            Err(StoreError::NotFound(_)) => {}
            found => return Ok(found?),
        }
    }
    let reference = name.parse::<Reference>().map_err(StoreError::from)?.or_latest();
    let credentials = builder.credentials.get(reference.registry()).cloned().unwrap_or_default();
    let id = builder.registry.pull(&builder.store, &reference, platform, &credentials, progress).await?;
    Ok(builder.store.lease(&id.to_string())?)
}

/// Finds an image whose files are copied: as they are not run, those of another platform than wasm will do.
pub(super) async fn files(
    builder: &Builder,
    name: &str,
    always: bool,
    progress: &ProgressSink,
) -> Result<(Arc<Image>, Lease), StepError> {
    match image(builder, name, None, always, progress).await {
        Err(StepError::Store(StoreError::NoWasmPlatform { .. })) => {
            image(builder, name, Some(NATIVE_PLATFORM), true, progress).await
        }
        found => found,
    }
}
