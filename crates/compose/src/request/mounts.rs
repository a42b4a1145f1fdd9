//! Mounts: volumes, folders, memory, configs and secrets.

use serde_json::{Map, Value, json};

use super::Surroundings;
use crate::error::{Code, ComposeError};
use crate::project::{Grant, Mount, Project, Service, Source};
use crate::quantity;
use crate::tree::set;

/// Adds `Binds`, `Mounts` and `Tmpfs`.
pub(super) fn add(
    project: &Project,
    service: &Service,
    around: &Surroundings,
    host: &mut Map<String, Value>,
) -> Result<(), ComposeError> {
    let mut binds = Vec::new();
    let mut mounts = Vec::new();
    for mount in &service.volumes {
        match as_bind(project, mount) {
            Some(bind) => binds.push(bind),
            None => mounts.push(as_mount(project, mount, around)?),
        }
    }
    let declared = |target: &str| service.volumes.iter().any(|m| m.target == target);
    let inherited = around.inherited.iter().filter(|(target, _)| !declared(target));
    binds.extend(inherited.map(|(target, name)| format!("{name}:{target}:rw")));
    mounts.extend(files(&project.configs, &service.configs, "configs", "", around));
    mounts.extend(files(&project.secrets, &service.secrets, "secrets", "/run/secrets", around));
    host.insert("Binds".into(), json!(binds));
    host.insert("Mounts".into(), json!(mounts));
    if !service.tmpfs.is_empty() {
        let tmpfs: Map<String, Value> = service
            .tmpfs
            .iter()
            .map(|t| t.split_once(':').unwrap_or((t, "")))
            .map(|(target, options)| (target.to_owned(), options.into()))
            .collect();
        host.insert("Tmpfs".into(), tmpfs.into());
    }
    Ok(())
}

/// `SOURCE:TARGET:MODE` for what can be said so: it also makes a folder of the host that is missing.
fn as_bind(project: &Project, mount: &Mount) -> Option<String> {
    let source = mount.source.as_ref()?;
    let mut mode = vec![if mount.read_only { "ro" } else { "rw" }];
    let source = match mount.kind.as_str() {
        "bind" if mount.bind.create_host_path => {
            mode.extend(mount.bind.selinux.as_deref());
            mode.extend(mount.bind.propagation.as_deref());
            source.clone()
        }
        "volume" if mount.volume.subpath.is_none() && mount.volume.labels.is_empty() => {
            mode.extend(mount.volume.nocopy.then_some("nocopy"));
            project.volumes.get(source)?.name.clone()
        }
        _ => return None,
    };
    Some(format!("{source}:{}:{}", mount.target, mode.join(",")))
}

fn as_mount(project: &Project, mount: &Mount, around: &Surroundings) -> Result<Value, ComposeError> {
    let mut body = json!({"Type": mount.kind, "Target": mount.target, "ReadOnly": mount.read_only});
    match (mount.kind.as_str(), &mount.source) {
        ("volume", Some(source)) => {
            let name = project.volumes.get(source).map_or(source, |volume| &volume.name);
            set(&mut body, "Source", json!(name));
        }
        // A volume without a name is the one that the container before had.
        ("volume", None) => {
            if let Some((_, name)) = around.inherited.iter().find(|(target, _)| *target == mount.target) {
                set(&mut body, "Source", json!(name));
            }
        }
        (_, Some(source)) => set(&mut body, "Source", json!(source)),
        (_, None) => {}
    }
    match mount.kind.as_str() {
        "bind" => {
            if let Some(propagation) = &mount.bind.propagation {
                set(&mut body, "BindOptions", json!({ "Propagation": propagation }));
            }
        }
        "volume" => {
            let options = &mount.volume;
            let mut written = json!({"NoCopy": options.nocopy, "Labels": options.labels});
            if let Some(subpath) = &options.subpath {
                set(&mut written, "Subpath", json!(subpath));
            }
            set(&mut body, "VolumeOptions", written);
        }
        "tmpfs" => {
            let size = mount.tmpfs.size.as_deref().map(quantity::bytes).transpose()?.unwrap_or_default();
            let mode = match &mount.tmpfs.mode {
                Some(Value::Number(mode)) => mode.as_u64().unwrap_or_default(),
                Some(Value::String(mode)) => u64::from_str_radix(mode, 8).unwrap_or_default(),
                _ => 0,
            };
            set(&mut body, "TmpfsOptions", json!({"SizeBytes": size, "Mode": mode}));
        }
        "image" => {}
        other => {
            return Err(ComposeError::new(Code::Value, format!("mounts of type {other} are not available"))
                .fix("use a bind, volume or tmpfs mount"));
        }
    }
    Ok(body)
}

/// Configs and secrets, mounted so that they can't be written: files of the user's, or those that the caller wrote for
/// what is no file ([`crate::plan::written_files`]).
fn files<'a>(
    sources: &'a std::collections::BTreeMap<String, Source>,
    grants: &'a [Grant],
    kind: &'static str,
    folder: &'static str,
    around: &'a Surroundings,
) -> impl Iterator<Item = Value> + 'a {
    grants.iter().filter_map(move |grant| {
        let own = sources.get(&grant.source)?.file.as_ref();
        let file = own.or_else(|| around.files.get(&format!("{kind}/{}", grant.source)))?;
        Some(json!({"Type": "bind", "Source": file, "Target": target(grant, folder), "ReadOnly": true}))
    })
}

/// Where a config or secret is found: an absolute path, or a name in its kind's folder.
fn target(grant: &Grant, folder: &str) -> String {
    match grant.target.as_deref() {
        Some(target) if target.starts_with('/') => target.to_owned(),
        Some(target) => format!("{folder}/{target}"),
        None => format!("{folder}/{}", grant.source),
    }
}
