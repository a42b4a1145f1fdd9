//! `healthcheck`.

use serde_json::{Map, Value, json};

use super::service::duration;
use crate::error::ComposeError;
use crate::path::Path;

/// Its canonical form.
pub(super) fn canonical(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let path = path.key("healthcheck");
    let Some(Value::Object(health)) = service.get_mut("healthcheck") else { return Ok(()) };
    for name in ["interval", "timeout", "start_period", "start_interval"] {
        duration(health, name, &path)?;
    }
    if health.get("disable") == Some(&Value::Bool(false)) {
        health.remove("disable");
    }
    if let Some(Value::String(text)) = health.get("retries") {
        let number: u64 = text
            .parse()
            .map_err(|_| super::value_error(format!("{text:?} is no whole number")).at(path.key("retries")))?;
        health.insert("retries".into(), number.into());
    }
    match health.get("test") {
        Some(Value::String(command)) => {
            let test = json!(["CMD-SHELL", command]);
            health.insert("test".into(), test);
        }
        Some(Value::Array(words)) => {
            let first = words.first().and_then(Value::as_str).unwrap_or("NONE");
            if !matches!(first, "NONE" | "CMD" | "CMD-SHELL") {
                return Err(super::value_error(
                    "healthcheck.test must start either by \"CMD\", \"CMD-SHELL\" or \"NONE\"",
                )
                .at(path.key("test"))
                .fix("write the command as text, or put \"CMD\" first"));
            }
        }
        _ => {}
    }
    Ok(())
}
