//! The built-in image: which names mean it, how it is made, and how it is known again.
//!
//! It is known by the digest of its layer, never by a name or a label: whatever has that layer has that program.

use std::sync::LazyLock;

use jiff::Timestamp;
use sprat_image::layer::{Attributes, LayerError, LayerWriter};
use sprat_image::{Digest, HistoryEntry, ImageConfig, Reference, Store, StoreError};

use crate::facts::ImageData;
use crate::{ContainerSpec, settle};

/// The program, a WASI 0.1 module; empty where the compiler had no such target.
static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/reaper.wasm"));
/// Where it is in the image.
const PATH: &str = "/bin/reaper";
/// The repository that clients name, in whatever registry.
const REPOSITORY: &str = "testcontainers/ryuk";
/// The port that clients expose.
const PORT: &str = "8080/tcp";

/// The digest of the image's only layer.
static LAYER: LazyLock<Option<Digest>> = LazyLock::new(|| {
    let mut tar = Vec::new();
    layer().and_then(|layer| layer.write(&mut tar)).ok()?;
    Some(Digest::of(&tar))
});

fn layer() -> Result<LayerWriter, LayerError> {
    let mut layer = LayerWriter::new();
    layer.bytes(PATH.as_bytes(), Attributes::PROGRAM, PROGRAM.to_vec())?;
    Ok(layer)
}

/// Whether a name means the built-in image. With a digest it means the real one.
pub(crate) fn is_meant(name: &Reference) -> bool {
    let prefix = name.repository().strip_suffix(REPOSITORY);
    let named = prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('/'));
    named && name.digest().is_none() && !PROGRAM.is_empty()
}

/// Makes the image under a name, if it is not there.
///
/// # Errors
/// The host's file system fails.
pub(crate) fn make(store: &Store, name: &Reference) -> Result<Digest, StoreError> {
    let _held = store.hold_new_layers();
    let layer =
        layer().map_err(|error| StoreError::Invalid { what: REPOSITORY.to_owned(), reason: error.to_string() })?;
    let layer = store.write_layer(&layer)?;
    let history = HistoryEntry {
        // Without a time of its own each would be another image.
        created: Some(Timestamp::UNIX_EPOCH),
        created_by: "built into Sprat".to_owned(),
        comment: "Sprat's own reaper for Testcontainers, in place of the image of this name".to_owned(),
        ..HistoryEntry::default()
    };
    let image = store.create(&config(), &[layer], &[history], &[name.clone().or_latest()])?;
    Ok(image.id.clone())
}

fn config() -> ImageConfig {
    let labels = [
        // As the real one has it: clients find a reaper that runs by it.
        ("org.testcontainers.ryuk", "true"),
        ("dev.sprat.built-in", "reaper"),
        ("org.opencontainers.image.title", "Sprat's reaper for Testcontainers"),
    ];
    ImageConfig {
        cmd: Some(vec![PATH.to_owned()]),
        exposed_ports: [PORT.to_owned()].into(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ImageConfig::default()
    }
}

/// Whether layers are those of the built-in image.
pub(crate) fn is_image<'a>(mut layers: impl Iterator<Item = &'a Digest>) -> bool {
    !PROGRAM.is_empty() && layers.next().is_some_and(|first| LAYER.as_ref() == Some(first)) && layers.next().is_none()
}

/// Whether a container of these runs the built-in program.
pub(crate) fn is_reaper(data: &ImageData, spec: &ContainerSpec) -> bool {
    is_image(data.diff_ids.iter()) && settle::argv(spec, &data.config).is_ok_and(|argv| argv == [PATH])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_means_it_in_every_registry_and_with_every_tag() {
        let is = |name: &str| is_meant(&name.parse().unwrap());
        for name in [
            "testcontainers/ryuk:0.8.1",
            "testcontainers/ryuk",
            "quay.io/testcontainers/ryuk:1",
            "r.local:5000/hub/testcontainers/ryuk:x",
        ] {
            assert!(is(name), "{name}");
        }
        let digest = format!("testcontainers/ryuk@sha256:{}", "a".repeat(64));
        for name in ["ryuk", "nottestcontainers/ryuk", "testcontainers/ryuk/x", "testcontainers/sshd:1", &digest] {
            assert!(!is(name), "{name}");
        }
    }

    #[test]
    fn it_is_known_by_its_content_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let id = make(&store, &"testcontainers/ryuk:1".parse().unwrap()).unwrap();
        assert_eq!(make(&store, &"other.registry/testcontainers/ryuk:2".parse().unwrap()).unwrap(), id);
        let image = store.resolve("testcontainers/ryuk:1").unwrap();
        let data = ImageData::of(&image);
        assert!(is_reaper(&data, &ContainerSpec::default()));
        let other = ContainerSpec { cmd: Some(vec!["/bin/sh".to_owned()]), ..ContainerSpec::default() };
        assert!(!is_reaper(&data, &other));
        // The same name, labels and command over another program.
        let mut forged = LayerWriter::new();
        forged.bytes(PATH.as_bytes(), Attributes::PROGRAM, b"\0asm\x01\0\0\0".to_vec()).unwrap();
        let layer = store.write_layer(&forged).unwrap();
        let forged = store.create(&image.config, &[layer], &[], &["testcontainers/ryuk:3".parse().unwrap()]).unwrap();
        assert!(!is_reaper(&ImageData::of(&forged), &ContainerSpec::default()));
        // And with more above the program.
        let both: Vec<_> = image.layers.iter().chain(&forged.layers).map(|layer| layer.diff_id.clone()).collect();
        assert!(!is_image(both.iter()) && is_image(both[..1].iter()) && !is_image([].iter()));
    }
}
