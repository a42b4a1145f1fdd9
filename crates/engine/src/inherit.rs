//! `--volumes-from`: the bind mounts and volumes of other containers.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::Core;
use crate::locate::clean;
use crate::{ContainerSpec, EngineError, MountKind, MountPoint, MountSpec};

impl Core {
    /// Adds what other containers have mounted, as docker does: of several the last wins, and what the request mounts
    /// itself goes before all. Memory is not shared.
    ///
    /// # Errors
    /// There is no such container, or a mode is unknown.
    pub(crate) fn inherit(&self, spec: &mut ContainerSpec) -> Result<(), EngineError> {
        let own: BTreeSet<String> = spec.mounts.iter().map(|mount| clean(&mount.target)).collect();
        let mut inherited = BTreeMap::new();
        for text in &spec.volumes_from {
            let (name, read_only) = parse(text)?;
            // Never "not found": docker's clients would take it for the image, and pull.
            let missing = |error: EngineError| EngineError::Invalid(error.to_string());
            let record = self.containers.find(name).map_err(missing)?;
            record.refuse_if_removed().map_err(missing)?;
            let points = record.settled.mounts.iter().filter(|point| !own.contains(&point.target));
            inherited.extend(points.filter_map(|point| Some((point.target.clone(), mount(point, read_only)?))));
        }
        spec.mounts.extend(inherited.into_values());
        Ok(())
    }
}

/// `NAME` or `NAME:MODE`.
fn parse(text: &str) -> Result<(&str, bool), EngineError> {
    let (name, mode) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() {
        return Err(EngineError::Invalid(format!("invalid volumes-from {text:?}: write CONTAINER or CONTAINER:ro")));
    }
    match mode {
        "" | "rw" | "z" | "Z" => Ok((name, false)),
        "ro" => Ok((name, true)),
        _ => Err(EngineError::Invalid(format!("invalid mode for volumes-from: {mode}: write ro or rw"))),
    }
}

fn mount(point: &MountPoint, read_only: bool) -> Option<MountSpec> {
    let kind = match point.kind.as_str() {
        "bind" => MountKind::Bind { source: point.source.clone(), create: false },
        "volume" => MountKind::Volume { name: point.name.clone(), no_copy: true, labels: BTreeMap::new() },
        _ => return None,
    };
    let read_only = read_only || !point.writable;
    Some(MountSpec { target: point.target.clone(), kind, read_only, inherited: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_may_be_named_with_a_mode() {
        assert_eq!(parse("bass").unwrap(), ("bass", false));
        assert_eq!(parse("bass:ro").unwrap(), ("bass", true));
        assert_eq!(parse("bass:rw").unwrap(), ("bass", false));
        for wrong in ["", ":ro", "bass:rx", "bass:ro:x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
