//! `volumes` of a service: `[SOURCE:]TARGET[:OPTIONS]`, and the long form.

use serde_json::{Map, Value, json};

use super::{drop_empty, text};
use crate::error::ComposeError;
use crate::path::Path;
use crate::tree::set;

/// The long forms of all.
pub(super) fn canonical(service: &mut Map<String, Value>, path: &Path) -> Result<(), ComposeError> {
    let Some(Value::Array(items)) = service.remove("volumes") else { return Ok(()) };
    let mut mounts = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let path = path.key("volumes").index(i);
        mounts.push(match item {
            Value::Object(mount) => long(mount, &path)?,
            short => short_form(&text(&short)).map_err(|e| e.at(&path))?,
        });
    }
    if !mounts.is_empty() {
        service.insert("volumes".into(), mounts.into());
    }
    Ok(())
}

fn long(mut mount: Map<String, Value>, path: &Path) -> Result<Value, ComposeError> {
    let kind = mount.get("type").map(text).unwrap_or_default();
    if !matches!(kind.as_str(), "bind" | "volume" | "tmpfs" | "cluster" | "npipe" | "image") {
        let what = format!("type {kind:?} is none of bind, volume, tmpfs, image");
        return Err(super::value_error(what).at(path).fix("write type: bind, volume or tmpfs"));
    }
    match mount.get("target").and_then(Value::as_str) {
        None | Some("") => {
            return Err(super::value_error("a mount needs a target")
                .at(path)
                .fix("write target: /path/in/the/container"));
        }
        Some(target) => {
            let target = clean(target);
            mount.insert("target".into(), target.into());
        }
    }
    if kind == "bind" && !mount.contains_key("source") {
        return Err(
            super::value_error("invalid mount config for type \"bind\": field Source must not be empty").at(path)
        );
    }
    if mount.get("read_only") == Some(&Value::Bool(false)) {
        mount.remove("read_only");
    }
    for (section, falsy) in [("bind", "create_host_path"), ("volume", "nocopy")] {
        if let Some(Value::Object(options)) = mount.get_mut(section) {
            super::pairs::labels(options, "labels");
            if options.get(falsy) == Some(&Value::Bool(false)) {
                options.remove(falsy);
            }
        }
    }
    if let Some(Value::Object(tmpfs)) = mount.get_mut("tmpfs") {
        super::service::size(tmpfs, "size", &path.key("tmpfs"))?;
    }
    drop_empty(&mut mount, &["source"]);
    Ok(mount.into())
}

fn short_form(written: &str) -> Result<Value, ComposeError> {
    let wrong = || {
        super::value_error(format!("invalid volume specification: {written:?}"))
            .fix("write [SOURCE:]TARGET[:ro], such as \"data:/data\" or \"./pages:/pages:ro\"")
    };
    let mut parts = written.splitn(3, ':');
    let first = parts.next().filter(|part| !part.is_empty()).ok_or_else(wrong)?;
    let Some(target) = parts.next() else {
        return Ok(json!({"type": "volume", "target": clean(first), "volume": {}}));
    };
    if target.is_empty() {
        return Err(wrong());
    }
    let bind = first.starts_with(['.', '/', '~']);
    let mut mount = json!({"type": if bind { "bind" } else { "volume" }, "source": first, "target": clean(target)});
    let mut options = if bind { json!({"create_host_path": true}) } else { json!({}) };
    for option in parts.next().unwrap_or_default().split(',') {
        match option {
            "ro" => set(&mut mount, "read_only", true),
            "z" | "Z" if bind => set(&mut options, "selinux", option),
            "nocopy" if !bind => set(&mut options, "nocopy", true),
            "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" if bind => {
                set(&mut options, "propagation", option);
            }
            // What is unknown does nothing, as in Compose.
            _ => {}
        }
    }
    set(&mut mount, if bind { "bind" } else { "volume" }, options);
    Ok(mount)
}

/// Without a slash at its end.
fn clean(target: &str) -> &str {
    let short = target.trim_end_matches('/');
    if short.is_empty() { target.get(..1).unwrap_or_default() } else { short }
}
