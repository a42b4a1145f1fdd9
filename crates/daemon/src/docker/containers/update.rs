//! `POST /containers/NAME/update`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Map, Value};
use sprat_docker_api::{HostConfig, UpdateResponse};
use sprat_engine::Update;

use super::{limits, refusals, spec};
use crate::docker::{ApiError, Door, body};

/// The body has the fields of a create request's `HostConfig` that may change.
pub(super) async fn update(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<UpdateResponse>, ApiError> {
    let empty = || ApiError::invalid("the request has no body");
    let (asked, text) = body::json::<HostConfig>(&headers, body).await?.ok_or_else(empty)?;
    let container = door.engine.inspect(&name)?;
    let wanted = limits::read(&asked)?;
    let policy = &asked.restart_policy;
    let restart = (!policy.name.is_empty()).then(|| spec::restart_policy(policy, container.spec.auto_remove));
    let fields: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
    let update = Update {
        restart: restart.transpose()?,
        memory_bytes: wanted.memory_bytes,
        cpu_millis: wanted.cpu_millis,
        door_data: patched(&container.spec.door_data, fields),
    };
    door.engine.update(&name, update).await?;
    Ok(Json(UpdateResponse { warnings: refusals::without_effect(&asked) }))
}

/// The create request as it is kept, with what was asked for now. `None` if none is kept.
fn patched(kept: &str, asked: Map<String, Value>) -> Option<String> {
    let Ok(Value::Object(mut request)) = serde_json::from_str(kept) else { return None };
    let host = request.entry("HostConfig").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(host) = host else { return None };
    for (key, value) in asked {
        let nothing = match &value {
            Value::Null => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.get("Name").and_then(Value::as_str).is_none_or(str::is_empty),
            Value::Bool(set) => !set,
        };
        if !nothing {
            host.insert(key, value);
        }
    }
    Some(Value::Object(request).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_asked_for_is_shown_and_the_rest_stays() {
        let kept = r#"{"Image":"x","HostConfig":{"Memory":5,"Binds":["/a:/a"]}}"#;
        let asked = json!({ "Memory": 9, "CpuShares": 0, "RestartPolicy": { "Name": "always" }, "Devices": null });
        let Value::Object(asked) = asked else { unreachable!() };
        let patched: Value = serde_json::from_str(&patched(kept, asked).unwrap()).unwrap();
        assert_eq!(
            patched,
            json!({ "Image": "x",
                "HostConfig": { "Memory": 9, "Binds": ["/a:/a"], "RestartPolicy": { "Name": "always" } } })
        );
    }
}
