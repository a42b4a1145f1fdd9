//! Mounts of a create request: `Binds`, `Mounts`, `Tmpfs` and `Volumes`.

use std::collections::{BTreeMap, BTreeSet};

use sprat_docker_api::{Bind, BindSource, HostConfig, MountRequest, Tmpfs, parse_tmpfs};
use sprat_engine::{MountKind, MountSpec, TmpfsOwner};

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
        let tmpfs = parse_tmpfs(target, options).map_err(invalid)?;
        mounts.push(mount(target.clone(), memory(tmpfs), tmpfs.read_only));
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
        BindSource::Volume(name) => MountKind::Volume { name, no_copy: bind.no_copy, labels: BTreeMap::new() },
        BindSource::Anonymous => {
            MountKind::Volume { name: String::new(), no_copy: bind.no_copy, labels: BTreeMap::new() }
        }
    };
    mount(bind.target, kind, bind.read_only)
}

fn mount(target: String, kind: MountKind, read_only: bool) -> MountSpec {
    MountSpec { target, kind, read_only, inherited: false }
}

fn memory(tmpfs: Tmpfs) -> MountKind {
    let Tmpfs { size, mode, uid, gid, .. } = tmpfs;
    let mode = mode.unwrap_or(TmpfsOwner::default().mode);
    MountKind::Tmpfs { size: size.unwrap_or(DEFAULT_TMPFS_BYTES), owner: TmpfsOwner { mode, uid, gid } }
}

fn from_mount(request: &MountRequest) -> Result<MountSpec, ApiError> {
    let wrong = |why: &str| ApiError::invalid(format!("invalid mount config for type \"{}\": {why}", request.kind));
    if request.target.is_empty() {
        return Err(wrong("field Target must not be empty"));
    }
    request.check_target().map_err(|error| wrong(&error.to_string()))?;
    let volume = &request.volume_options;
    let mut read_only = request.read_only;
    let kind = match request.kind.as_str() {
        "bind" if request.source.is_empty() => return Err(wrong("field Source must not be empty")),
        "bind" if !request.source.starts_with('/') => return Err(wrong("the source path must be absolute")),
        "bind" => MountKind::Bind { source: (&request.source).into(), create: request.bind_options.create_mountpoint },
        "volume" if !volume.subpath.is_empty() => {
            return Err(wrong("Subpath is not offered, since links in a volume could lead out of it: mount all of it"));
        }
        "volume" if !matches!(volume.driver_config.name.as_str(), "" | "local") => {
            return Err(wrong("only the driver local is offered"));
        }
        "volume" if !volume.driver_config.options.is_empty() => {
            return Err(wrong("driver options are not offered: Sprat's volumes are plain folders"));
        }
        "volume" => {
            MountKind::Volume { name: request.source.clone(), no_copy: volume.no_copy, labels: volume.labels.clone() }
        }
        "tmpfs" if !request.source.is_empty() => return Err(wrong("field Source must not be specified")),
        "tmpfs" => {
            let tmpfs = request.tmpfs_options.read().map_err(|error| wrong(&error.to_string()))?;
            read_only |= tmpfs.read_only;
            memory(tmpfs)
        }
        "image" => return Err(wrong("mounts of images are not offered: COPY --from=IMAGE what is needed in a build")),
        "npipe" | "cluster" => return Err(wrong("it is not offered: use bind, volume or tmpfs")),
        _ => return Err(wrong("mount type unknown")),
    };
    Ok(mount(request.target.clone(), kind, read_only))
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
               {"Type":"volume","Source":"v","Target":"/v","VolumeOptions":{"NoCopy":true,"Labels":{"a":"b"}}},
               {"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":4096,"Mode":448}}],"Tmpfs":{"/run":"mode=755"}}"#,
            &["/anon", "/v/"],
        )
        .unwrap();
        assert_eq!(list.len(), 6, "{list:?}");
        assert_eq!(list[0].kind, MountKind::Bind { source: "/a".into(), create: true });
        assert_eq!(list[1].kind, MountKind::Bind { source: "/b".into(), create: false });
        assert!(list[1].read_only);
        let labels = [("a".to_owned(), "b".to_owned())].into();
        assert_eq!(list[2].kind, MountKind::Volume { name: "v".to_owned(), no_copy: true, labels });
        let owner = |mode| TmpfsOwner { mode, uid: 0, gid: 0 };
        assert_eq!(list[3].kind, MountKind::Tmpfs { size: 4096, owner: owner(0o700) });
        assert_eq!(list[4].kind, MountKind::Tmpfs { size: DEFAULT_TMPFS_BYTES, owner: owner(0o755) });
    }

    #[test]
    fn two_mounts_on_one_path_are_refused() {
        let error = mounts(r#"{"Binds":["/a:/x"],"Tmpfs":{"/x/":""}}"#, &[]).unwrap_err();
        assert!(error.starts_with("Duplicate mount point: /x"), "{error}");
    }

    #[test]
    fn what_is_not_offered_is_named() {
        for (text, words) in [
            (r#"{"Mounts":[{"Type":"npipe","Target":"/x"}]}"#, "not offered"),
            (r#"{"Mounts":[{"Type":"image","Source":"x","Target":"/x"}]}"#, "images are not offered"),
            (r#"{"Mounts":[{"Type":"odd","Target":"/x"}]}"#, "mount type unknown"),
            (r#"{"Mounts":[{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"Mode":65536}}]}"#, "invalid tmpfs option"),
            (
                r#"{"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"DriverConfig":{"Options":{"a":"b"}}}}]}"#,
                "driver options",
            ),
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
