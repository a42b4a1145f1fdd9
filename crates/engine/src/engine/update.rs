//! Changes of containers that exist.

use std::sync::Arc;

use super::Engine;
use crate::core::to_the_end;
use crate::{EngineError, Update};

impl Engine {
    /// Changes a container's restart policy or limits.
    ///
    /// # Errors
    /// No such container, or its state does not allow it.
    pub async fn update(&self, name: &str, update: Update) -> Result<(), EngineError> {
        let record = self.core.containers.find(name)?;
        to_the_end(Arc::clone(&self.core).update(record, update)).await
    }
}
