//! `build`: a folder, or what to build how.

use serde_json::{Map, Value, json};

use super::pairs;
use crate::error::ComposeError;
use crate::path::Path;

/// Its canonical form.
pub(super) fn canonical(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let Some(value) = service.get_mut("build") else { return Ok(()) };
    if let Value::String(context) = value {
        *value = json!({ "context": context });
    }
    let Value::Object(build) = value else { return Ok(()) };
    let path = path.key("build");
    build.entry("context").or_insert_with(|| ".".into());
    pairs::environment(build, "args");
    for name in ["labels", "additional_contexts"] {
        pairs::labels(build, name);
    }
    pairs::hosts(build, "extra_hosts");
    for name in ["cache_from", "cache_to", "tags", "platforms", "entitlements"] {
        pairs::list(build, name);
    }
    super::service::size(build, "shm_size", &path)?;
    super::service::grants(build, "secrets");
    Ok(())
}
