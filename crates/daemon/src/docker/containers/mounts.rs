//! Mounts of a create request: `Binds`, `Mounts`, `Tmpfs` and `Volumes`.

use std::collections::BTreeSet;

use sprat_docker_api::{Bind, BindSource, HostConfig, MountRequest, parse_tmpfs};
use sprat_engine::{MountKind, MountSpec};

use crate::docker::ApiError;

/// Bytes of a tmpfs without a size.
const DEFAULT_TMPFS_BYTES: u64 = 64 * 1024 * 1024;

/// All mounts. A path of `Volumes` that something else is mounted on is left out, as docker does.
pub(super) fn read(host: &HostConfig, volumes: impl Iterator<Item = String>) -> Result<Vec<MountSpec>, ApiError> {
    let mut mounts = Vec::new();
    for text in &host.binds {
        mounts.push(from_bind(Bind::parse(text).map_err(invalid)?));
    }
    for mount in &host.mounts {
        mounts.push(from_mount(mount)?);
    }
    for (target, options) in &host.tmpfs {
        let (size, read_only) = parse_tmpfs(target, options).map_err(invalid)?;
        let kind = MountKind::Tmpfs { size: size.filter(|size| *size > 0).unwrap_or(DEFAULT_TMPFS_BYTES) };
        mounts.push(MountSpec { target: target.clone(), kind, read_only });
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = mounts.iter().find(|mount| !seen.insert(normal(&mount.target))) {
        return Err(ApiError::invalid(format!("Duplicate mount point: {}", twice.target)));
    }
    for volume in volumes {
        let bind = Bind::parse(&volume).map_err(invalid)?;
        if seen.insert(normal(&bind.target)) {
            mounts.push(from_bind(bind));
        }
    }
    Ok(mounts)
}

fn invalid(error: impl std::fmt::Display) -> ApiError {
    ApiError::invalid(error.to_string())
}

/// A path without what makes equal paths look different.
fn normal(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

fn from_bind(bind: Bind) -> MountSpec {
    let kind = match bind.source {
        BindSource::Path(path) => MountKind::Bind { source: path.into(), create: true },
        BindSource::Volume(name) => MountKind::Volume { name, no_copy: bind.no_copy },
        BindSource::Anonymous => MountKind::Volume { name: String::new(), no_copy: bind.no_copy },
    };
    MountSpec { target: bind.target, kind, read_only: bind.read_only }
}

fn from_mount(mount: &MountRequest) -> Result<MountSpec, ApiError> {
    let wrong = |why: &str| ApiError::invalid(format!("invalid mount config for type \"{}\": {why}", mount.kind));
    mount.check_target().map_err(|error| wrong(&error.to_string()))?;
    let kind = match mount.kind.as_str() {
        "bind" if !mount.source.starts_with('/') => return Err(wrong("the source path must be absolute")),
        "bind" => MountKind::Bind { source: (&mount.source).into(), create: mount.bind_options.create_mountpoint },
        "volume" if !mount.volume_options.subpath.is_empty() => return Err(wrong("Subpath is not offered")),
        "volume" if !matches!(mount.volume_options.driver_config.name.as_str(), "" | "local") => {
            return Err(wrong("only the driver local is offered"));
        }
        "volume" => MountKind::Volume { name: mount.source.clone(), no_copy: mount.volume_options.no_copy },
        "tmpfs" if !mount.source.is_empty() => return Err(wrong("field Source must not be specified")),
        "tmpfs" => {
            let size = mount.tmpfs_options.size_bytes;
            MountKind::Tmpfs { size: if size == 0 { DEFAULT_TMPFS_BYTES } else { size } }
        }
        _ => return Err(ApiError::invalid(format!("mount type unknown: \"{}\"", mount.kind))),
    };
    Ok(MountSpec { target: mount.target.clone(), kind, read_only: mount.read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(text: &str, volumes: &[&str]) -> Result<Vec<MountSpec>, String> {
        let host: HostConfig = serde_json::from_str(text).unwrap();
        read(&host, volumes.iter().map(|path| (*path).to_owned())).map_err(|error| error.body.message)
    }

    #[test]
    fn every_way_to_mount_is_read() {
        let list = mounts(
            r#"{"Binds":["/a:/a"],"Mounts":[{"Type":"bind","Source":"/b","Target":"/b","ReadOnly":true},
               {"Type":"volume","Source":"v","Target":"/v","VolumeOptions":{"NoCopy":true}},
               {"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":4096}}],"Tmpfs":{"/run":""}}"#,
            &["/anon", "/v/"],
        )
        .unwrap();
        assert_eq!(list.len(), 6, "{list:?}");
        assert_eq!(list[0].kind, MountKind::Bind { source: "/a".into(), create: true });
        assert_eq!(list[1].kind, MountKind::Bind { source: "/b".into(), create: false });
        assert!(list[1].read_only);
        assert_eq!(list[3].kind, MountKind::Tmpfs { size: 4096 });
        assert_eq!(list[4].kind, MountKind::Tmpfs { size: DEFAULT_TMPFS_BYTES });
    }

    #[test]
    fn two_mounts_on_one_path_are_refused() {
        let error = mounts(r#"{"Binds":["/a:/x"],"Tmpfs":{"/x/":""}}"#, &[]).unwrap_err();
        assert!(error.starts_with("Duplicate mount point: /x"), "{error}");
    }

    #[test]
    fn what_is_not_offered_is_named() {
        for (text, words) in [
            (r#"{"Mounts":[{"Type":"npipe","Target":"/x"}]}"#, "mount type unknown"),
            (r#"{"Mounts":[{"Type":"bind","Source":"x","Target":"/x"}]}"#, "must be absolute"),
            (r#"{"Mounts":[{"Type":"bind","Source":"/x","Target":"x"}]}"#, "mount path must be absolute"),
            (r#"{"Mounts":[{"Type":"volume","Target":"/"}]}"#, "destination can't be '/'"),
            (r#"{"Mounts":[{"Type":"tmpfs","Source":"x","Target":"/x"}]}"#, "field Source"),
            (r#"{"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"Subpath":"y"}}]}"#, "Subpath"),
            (
                r#"{"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"nfs"}}}]}"#,
                "local",
            ),
        ] {
            let error = mounts(text, &[]).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
