use proptest::prelude::*;
use serde_json::json;

use super::*;

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

fn index(platforms: &[(&str, &str)]) -> Vec<Descriptor> {
    let entries: Vec<_> = platforms
        .iter()
        .map(|(os, arch)| json!({"digest": digest(os), "size": 1, "platform": {"os": os, "architecture": arch}}))
        .collect();
    let bytes = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    match Document::parse(bytes.as_bytes()).expect("valid") {
        Document::Index(entries) => entries,
        Document::Image(_) => panic!("an index"),
    }
}

#[test]
fn the_best_wasm_platform_of_an_index_is_chosen() {
    let chosen = |platforms: &[(&str, &str)]| {
        let entries = index(platforms);
        choose(&entries, "x", None).expect("wasm").platform.clone().expect("platform").os
    };
    assert_eq!(chosen(&[("linux", "amd64"), ("wasip1", "wasm"), ("wasi", "wasm")]), "wasi");
    assert_eq!(chosen(&[("linux", "amd64"), ("wasip1", "wasm"), ("wasip2", "wasm")]), "wasip2");
    assert_eq!(chosen(&[("linux", "wasm32"), ("linux", "amd64")]), "linux");
}

#[test]
fn an_index_without_wasm_names_what_it_has() {
    let entries = index(&[("linux", "amd64"), ("linux", "arm64"), ("unknown", "unknown")]);
    let error = choose(&entries, "debian", None).expect_err("no wasm").to_string();
    assert_eq!(error, "debian is built for linux/amd64, linux/arm64, not for wasm");
    assert!(choose(&entries, "debian", Some("linux/arm64")).is_ok());
    assert!(choose(&entries, "debian", Some("linux/s390x")).is_err());
}

#[test]
fn a_manifest_with_too_many_layers_is_refused() {
    let manifest = |layers: usize| {
        let layer = json!({"mediaType": "x", "digest": digest("l"), "size": 1});
        json!({"schemaVersion": 2, "config": layer, "layers": vec![layer.clone(); layers]}).to_string()
    };
    assert_eq!(check(manifest(MAX_LAYERS).as_bytes()).expect("at the limit"), MAX_LAYERS);
    let error = check(manifest(MAX_LAYERS + 1).as_bytes()).expect_err("past the limit").to_string();
    assert!(error.contains("more than 127 layers"), "{error}");
    let million = format!("{{\"config\":{{}},\"layers\":[{}]}}", "{},".repeat(1_000_000));
    assert!(check(million.as_bytes()).is_err());
    let large = vec![b' '; MAX_MANIFEST_BYTES as usize + 1];
    assert!(matches!(check(&large), Err(StoreError::TooLarge { .. })));
}

#[test]
fn a_manifest_that_is_two_things_or_none_is_refused() {
    let layer = json!({"digest": digest("l"), "size": 1});
    for value in [
        json!({"config": layer, "layers": [], "manifests": []}),
        json!({"config": layer}),
        json!({"schemaVersion": 1, "manifests": []}),
        json!({"config": {"digest": "md5:00", "size": 1}, "layers": []}),
        json!({"config": {"digest": digest("l"), "size": -1}, "layers": []}),
        json!([]),
    ] {
        assert!(check(value.to_string().as_bytes()).is_err(), "{value}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = check(&bytes);
        let _ = ConfigFile::parse(&bytes);
    }
}
