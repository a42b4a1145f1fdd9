//! Interpolation over a tree, and the types of what came out of it: `${DEBUG:-false}` is text until it stands where a
//! boolean is wanted.

use serde_json::Value;

use crate::error::{Code, ComposeError};
use crate::path::Path;
use crate::variables::Variables;

const BOOLEANS: &[&str] = &[
    "services.*.attach",
    "services.*.build.no_cache",
    "services.*.build.privileged",
    "services.*.build.pull",
    "services.*.depends_on.*.required",
    "services.*.depends_on.*.restart",
    "services.*.env_file.[].required",
    "services.*.healthcheck.disable",
    "services.*.init",
    "services.*.oom_kill_disable",
    "services.*.privileged",
    "services.*.read_only",
    "services.*.stdin_open",
    "services.*.tty",
    "services.*.use_api_socket",
    "services.*.volumes.[].bind.create_host_path",
    "services.*.volumes.[].read_only",
    "services.*.volumes.[].volume.nocopy",
    "networks.*.attachable",
    "networks.*.enable_ipv4",
    "networks.*.enable_ipv6",
    "networks.*.external",
    "networks.*.internal",
    "volumes.*.external",
    "secrets.*.external",
    "configs.*.external",
];

const WHOLE: &[&str] = &[
    "services.*.blkio_config.weight",
    "services.*.configs.[].mode",
    "services.*.cpu_count",
    "services.*.cpu_period",
    "services.*.cpu_quota",
    "services.*.cpu_rt_period",
    "services.*.cpu_rt_runtime",
    "services.*.cpu_shares",
    "services.*.deploy.placement.max_replicas_per_node",
    "services.*.deploy.replicas",
    "services.*.deploy.resources.limits.pids",
    "services.*.deploy.restart_policy.max_attempts",
    "services.*.deploy.rollback_config.parallelism",
    "services.*.deploy.update_config.parallelism",
    "services.*.healthcheck.retries",
    "services.*.oom_score_adj",
    "services.*.pids_limit",
    "services.*.ports.[].target",
    "services.*.scale",
    "services.*.secrets.[].mode",
    "services.*.ulimits.*",
    "services.*.ulimits.*.hard",
    "services.*.ulimits.*.soft",
    "services.*.volumes.[].tmpfs.mode",
];

const REAL: &[&str] = &[
    "services.*.cpu_percent",
    "services.*.cpus",
    "services.*.deploy.resources.limits.cpus",
    "services.*.deploy.resources.reservations.cpus",
    "services.*.deploy.rollback_config.max_failure_ratio",
    "services.*.deploy.update_config.max_failure_ratio",
];

/// Puts variables into all texts of a tree, and turns those that stand where something else is wanted.
pub(crate) fn interpolate(value: &mut Value, path: &Path, variables: &Variables<'_>) -> Result<(), ComposeError> {
    match value {
        Value::String(text) => {
            let text = variables.substitute(text).map_err(|e| e.at(path))?;
            *value = cast(text, path)?;
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                interpolate(item, &path.index(i), variables)?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                interpolate(item, &path.key(key), variables)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn cast(text: String, path: &Path) -> Result<Value, ComposeError> {
    let wrong = |what: &str| {
        ComposeError::new(Code::Interpolation, format!("failed to cast to expected type: {text:?} is no {what}"))
            .at(path)
    };
    if path.is_any(BOOLEANS) {
        return match text.to_ascii_lowercase().as_str() {
            "true" | "y" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
            "false" | "n" | "no" | "off" | "0" => Ok(Value::Bool(false)),
            _ => Err(wrong("boolean")),
        };
    }
    if path.is_any(WHOLE) {
        let octal = path.parts().last().is_some_and(|last| last == "mode") && text.starts_with('0');
        let digits = text.trim_start_matches("0o");
        let number = if octal { i64::from_str_radix(digits, 8).ok() } else { text.parse().ok() };
        return number.map(Value::from).ok_or_else(|| wrong("whole number"));
    }
    if path.is_any(REAL) {
        let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
        return number.map(Value::Number).ok_or_else(|| wrong("number"));
    }
    Ok(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn text_becomes_what_its_place_wants() {
        let variables = BTreeMap::from([("N".to_owned(), "3".to_owned())]);
        let mut value = json!({"services": {"a": {"init": "yes", "scale": "$N", "cpus": "0.5", "image": "1"}}});
        interpolate(&mut value, &Path::default(), &Variables::new(&variables)).unwrap();
        assert_eq!(value["services"]["a"], json!({"init": true, "scale": 3, "cpus": 0.5, "image": "1"}));
        let mut value = json!({"services": {"a": {"init": "maybe"}}});
        let error = interpolate(&mut value, &Path::default(), &Variables::new(&variables)).unwrap_err();
        assert_eq!((error.path.as_str(), error.code), ("services.a.init", Code::Interpolation));
    }
}
