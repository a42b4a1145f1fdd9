use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::layer::{Attributes, LayerWriter};
use crate::{HistoryEntry, Image, ImageConfig};

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut layer = LayerWriter::new();
    for (path, bytes) in files {
        layer.bytes(path.as_bytes(), Attributes::FILE, bytes.to_vec()).expect("a name");
    }
    let mut tar = Vec::new();
    layer.write(&mut tar).expect("memory");
    tar
}

fn image(store: &Store, content: &str, tag: &str) -> Arc<Image> {
    let layer = store.add_layer(&mut tar_of(&[("f", content.as_bytes())]).as_slice()).expect("a layer");
    let history = [HistoryEntry { created: "2026-01-01T00:00:00Z".parse().ok(), ..HistoryEntry::default() }];
    store.create(&ImageConfig::default(), &[layer], &history, &[tag.parse().expect("a name")]).expect("an image")
}

fn saved(store: &Store, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut tar = Vec::new();
    save(store, &names, &mut tar).expect("saved");
    tar
}

#[test]
fn what_was_saved_loads_as_the_same_images() {
    let (_one, store) = open();
    let (first, second) = (image(&store, "1", "a:1"), image(&store, "2", "b"));
    let tar = saved(&store, &["a:1", "b"]);
    let zstd = zstd::encode_all(tar.as_slice(), 1).expect("memory");
    for bytes in [tar, zstd] {
        let (_two, other) = open();
        let loaded = load(&other, bytes.as_slice(), &silent()).expect("loaded");
        assert_eq!(loaded.len(), 2);
        for (name, image) in [("a:1", &first), ("b:latest", &second)] {
            let found = other.resolve(name).expect(name);
            assert_eq!((&found.id, &found.manifest), (&image.id, &image.manifest));
            assert!(other.tree(&found).is_ok());
            assert!(loaded.iter().any(|l| l.id == image.id && l.tags[0].familiar() == name));
        }
    }
}

#[test]
fn a_docker_archive_loads_by_its_manifest() {
    let layer = tar_of(&[("f", b"1")]);
    let diff_id = Digest::of(&layer);
    let config = json!({"architecture": "amd64", "os": "linux", "config": null,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}})
    .to_string();
    let manifest = json!([{"Config": "c.json", "RepoTags": ["x:1", "y"], "Layers": ["l/layer.tar"]}]).to_string();
    let tar = tar_of(&[("c.json", config.as_bytes()), ("l/layer.tar", &layer), ("manifest.json", manifest.as_bytes())]);
    let (_folder, store) = open();
    load(&store, tar.as_slice(), &silent()).expect("loaded");
    let image = store.resolve("y:latest").expect("there");
    assert_eq!(image.id, Digest::of(config.as_bytes()));
    assert_eq!(image.tags.len(), 2);
}

#[test]
fn signatures_beside_an_image_are_passed_over() {
    let layer = tar_of(&[("f", b"1")]);
    let config = json!({"rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}}).to_string();
    let blob = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()});
    let image = json!({
        "config": blob("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [blob("application/vnd.oci.image.layer.v1.tar", &layer)],
    });
    let signature = json!({
        "config": blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [blob("application/vnd.dev.cosign.simplesigning.v1+json", b"s")],
    });
    let (image, signature) = (image.to_string(), signature.to_string());
    let archive = |manifests: &[&str]| {
        let index =
            json!({"manifests": manifests.iter().map(|m| blob("", m.as_bytes())).collect::<Vec<_>>()}).to_string();
        let blobs = [image.as_bytes(), signature.as_bytes(), config.as_bytes(), &layer];
        let paths: Vec<_> = blobs.iter().map(|b| format!("blobs/sha256/{}", Digest::of(b).hex())).collect();
        let mut files: Vec<_> = paths.iter().map(String::as_str).zip(blobs).collect();
        files.push(("index.json", index.as_bytes()));
        tar_of(&files)
    };
    let (_folder, store) = open();
    let loaded = load(&store, archive(&[&signature, &image]).as_slice(), &silent()).expect("loaded");
    assert_eq!((loaded.len(), loaded[0].id.clone()), (1, Digest::of(config.as_bytes())));
    assert!(load(&store, archive(&[&signature]).as_slice(), &silent()).is_err());
}

#[test]
fn a_hostile_archive_is_refused_and_nothing_is_kept() {
    let (_one, source) = open();
    image(&source, "1", "a");
    let good = saved(&source, &["a"]);
    let config = json!({"rootfs": {"diff_ids": [Digest::of(b"x")]}}).to_string();
    let docker = |layers: serde_json::Value| json!([{"Config": "c", "RepoTags": ["x"], "Layers": layers}]).to_string();
    let cases = [
        tar_of(&[]),
        tar_of(&[("manifest.json", b"{")]),
        tar_of(&[("manifest.json", docker(json!(["l"])).as_bytes())]),
        tar_of(&[("manifest.json", docker(json!([])).as_bytes()), ("c", config.as_bytes())]),
        tar_of(&[("manifest.json", docker(json!(["../../l"])).as_bytes()), ("c", config.as_bytes())]),
        tar_of(&[("manifest.json", docker(json!(["l"])).as_bytes()), ("c", config.as_bytes()), ("l", b"not x")]),
        tar_of(&[("index.json", br#"{"manifests":[{"digest":"sha256:00","size":1}]}"#)]),
        good[..good.len() / 2].to_vec(),
    ];
    let (_two, store) = open();
    for (number, tar) in cases.iter().enumerate() {
        assert!(load(&store, tar.as_slice(), &silent()).is_err(), "case {number}");
    }
    assert!(store.images().expect("images").is_empty());
    assert_eq!(std::fs::read_dir(&store.paths.aside).expect("a folder").count(), 0);
}

#[test]
fn a_bad_image_takes_the_good_ones_of_its_archive_with_it() {
    let good = tar_of(&[("f", b"1")]);
    let config = |diff_id: Digest| json!({"rootfs": {"type": "layers", "diff_ids": [diff_id]}}).to_string();
    let (one, two) = (config(Digest::of(&good)), config(Digest::of(b"another")));
    let manifest = json!([
        {"Config": "1", "RepoTags": ["good"], "Layers": ["l"]},
        {"Config": "2", "RepoTags": ["bad"], "Layers": ["l"]},
    ]);
    let tar = tar_of(&[
        ("1", one.as_bytes()),
        ("2", two.as_bytes()),
        ("l", &good),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]);
    let (_folder, store) = open();
    assert!(matches!(load(&store, tar.as_slice(), &silent()), Err(StoreError::DigestMismatch { .. })));
    assert!(store.images().expect("images").is_empty());
}

#[test]
fn an_imported_root_gets_its_changes() {
    let (_folder, store) = open();
    let tar = tar_of(&[("bin/app.wasm", b"x")]);
    let changes = ["ENTRYPOINT [\"/bin/app.wasm\"]".to_owned(), "ENV A=1".to_owned()];
    let id = import(&store, tar.as_slice(), "x:1".parse().ok(), "from a tar", &changes).expect("imported");
    let image = store.resolve("x:1").expect("there");
    assert_eq!((image.id.clone(), image.history[0].comment.as_str()), (id, "from a tar"));
    assert_eq!(image.config.env, ["A=1"]);
    assert!(import(&store, tar.as_slice(), None, "", &["RUN x".to_owned()]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn arbitrary_bytes_are_no_archive(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let (_folder, store) = open();
        prop_assert!(load(&store, bytes.as_slice(), &silent()).is_err());
    }
}

#[test]
fn a_configuration_with_odd_bytes_is_refused_and_leaves_nothing() {
    let (_folder, store) = open();
    let layer = tar_of(&[("f", b"1")]);
    for config in [
        json!({"Env": ["A=\0"]}),
        json!({"Entrypoint": ["/a\0b"]}),
        json!({"User": "a\nb"}),
        json!({"StopSignal": "nonsense"}),
        json!({"Volumes": (0..3000).map(|n| (format!("/v{n}"), json!({}))).collect::<serde_json::Map<_, _>>()}),
    ] {
        let file =
            json!({"config": config, "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}}).to_string();
        let manifest = json!([{"Config": "c", "RepoTags": ["x"], "Layers": ["l"]}]).to_string();
        let tar = tar_of(&[("c", file.as_bytes()), ("l", &layer), ("manifest.json", manifest.as_bytes())]);
        let error = load(&store, tar.as_slice(), &silent()).expect_err("odd");
        assert_eq!(error.code(), "invalid_content");
        assert!(error.to_string().starts_with("invalid image configuration: "), "{error}");
        assert!(store.images().expect("images").is_empty());
    }
}

#[test]
fn the_limit_of_layers_is_told() {
    let (_folder, store) = open();
    let file = json!({"rootfs": {"type": "layers", "diff_ids": []}}).to_string();
    let manifest = json!([{"Config": "c", "RepoTags": ["x"], "Layers": vec!["l"; 1000]}]).to_string();
    let tar = tar_of(&[("c", file.as_bytes()), ("manifest.json", manifest.as_bytes())]);
    let error = load(&store, tar.as_slice(), &silent()).expect_err("too many").to_string();
    assert!(error.contains("1000 layers, and 127 is the limit"), "{error}");
}
