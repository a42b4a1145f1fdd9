use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::layer::Attributes;
use crate::{HistoryEntry, ImageConfig};

fn reference(text: &str) -> Reference {
    text.parse().expect(text)
}

fn layer_of(store: &Store, path: &str, content: &str) -> Digest {
    let mut layer = LayerWriter::new();
    layer.bytes(path.as_bytes(), Attributes::FILE, content.into()).expect("a name");
    store.write_layer(&layer).expect("a layer")
}

fn image_of(store: &Store, content: &str, tags: &[&str]) -> Arc<Image> {
    let layer = layer_of(store, "app.wasm", content);
    let history = HistoryEntry { created: "2026-01-01T00:00:00Z".parse().ok(), ..HistoryEntry::default() };
    let tags: Vec<_> = tags.iter().map(|tag| reference(tag)).collect();
    store.create(&ImageConfig::default(), &[layer], &[history], &tags).expect("an image")
}

fn nobody(_: &Digest) -> Vec<ImageUse> {
    Vec::new()
}

fn user(running: bool) -> impl Fn(&Digest) -> Vec<ImageUse> {
    move |_| vec![ImageUse { container: "abc".into(), running }]
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    (folder, store)
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn an_image_is_found_by_name_id_and_short_id_also_after_reopening() {
    let (folder, store) = open();
    let image = image_of(&store, "1", &["hello", "hello:2"]);
    let check = |store: &Store| {
        for name in ["hello", "hello:latest", "docker.io/library/hello:2", &image.id.to_string(), &image.id.short()] {
            let found = store.resolve(name).expect(name);
            assert_eq!(found.id, image.id);
            assert_eq!(found.tags, [reference("hello:2"), reference("hello:latest")]);
            assert!(found.tagged.is_some() && found.tagged == image.tagged);
        }
        let tree = store.tree(&image).expect("a tree");
        let file = tree.lookup("/app.wasm").expect("the file");
        assert_eq!(tree.read(file, 10).expect("readable"), b"1");
    };
    check(&store);
    drop(store);
    check(&Store::open(folder.path()).expect("the store"));
}

#[test]
fn what_is_not_there_has_docker_s_message() {
    let (_folder, store) = open();
    let message = |name: &str| store.resolve(name).expect_err(name).to_string();
    assert_eq!(message("x"), "No such image: x:latest");
    assert_eq!(message("docker.io/library/x:1"), "No such image: x:1");
    assert_eq!(message("X"), "invalid reference format: repository name (library/X) must be lowercase");
}

#[test]
fn a_short_id_of_two_images_is_ambiguous_and_a_name_comes_before_it() {
    let (_folder, store) = open();
    let images: Vec<_> = (0..17).map(|number| image_of(&store, &number.to_string(), &[])).collect();
    let first = |image: &Image| image.id.hex().chars().take(1).collect::<String>();
    let shared = images
        .iter()
        .map(|image| first(image))
        .find(|digit| images.iter().filter(|image| first(image) == *digit).count() > 1)
        .expect("17 ids share a digit");
    assert!(matches!(store.resolve(&shared), Err(StoreError::Ambiguous(_))));
    store.tag(&images[0].id.to_string(), &reference(&shared)).expect("tagged");
    assert_eq!(store.resolve(&shared).expect("the name").id, images[0].id);
}

#[test]
fn the_same_input_makes_the_same_image() {
    let (_one, store) = open();
    let (_two, other) = open();
    let (image, again) = (image_of(&store, "1", &[]), image_of(&other, "1", &[]));
    assert_eq!((&image.id, &image.manifest), (&again.id, &again.manifest));
}

#[test]
fn removing_the_last_name_removes_the_image_and_its_content() {
    let (_folder, store) = open();
    let image = image_of(&store, "1", &["a", "b"]);
    let first = store.remove("a", false, &nobody).expect("untagged");
    assert_eq!((first.untagged, first.deleted), (vec!["a:latest".to_owned()], vec![]));
    let last = store.remove("b", false, &nobody).expect("removed");
    assert_eq!(last.deleted, [image.id.clone(), image.layers[0].diff_id.clone()]);
    assert_eq!((files_in(&store.paths.blobs), files_in(&store.paths.layers)), (0, 0));
}

#[test]
fn by_its_id_an_image_of_several_repositories_needs_force() {
    let (_folder, store) = open();
    let id = image_of(&store, "1", &["a", "b"]).id.short();
    let error = store.remove(&id, false, &nobody).expect_err("two names").to_string();
    assert_eq!(
        error,
        format!("conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories")
    );
    assert_eq!(store.remove(&id, true, &nobody).expect("forced").untagged, ["a:latest", "b:latest"]);
}

#[test]
fn an_image_in_use_is_removed_by_docker_s_rules() {
    let (_folder, store) = open();
    let image = image_of(&store, "1", &["a"]);
    let id = image.id.short();
    let message = |name: &str, force, running| store.remove(name, force, &user(running)).expect_err(name).to_string();
    assert_eq!(
        message("a", false, false),
        format!(
            "conflict: unable to remove repository reference \"a\" (must force) - container abc is using its \
             referenced image {id}"
        )
    );
    assert_eq!(
        message(&id, false, false),
        format!("conflict: unable to delete {id} (must be forced) - image is being used by stopped container abc")
    );
    assert_eq!(
        message(&id, true, true),
        format!("conflict: unable to delete {id} (cannot be forced) - image is being used by running container abc")
    );
    let forced = store.remove("a", true, &user(true)).expect("only the name");
    assert_eq!((forced.untagged.len(), forced.deleted.len()), (1, 0));
    assert!(store.resolve(&id).is_ok());
    assert!(store.remove(&id, true, &user(false)).is_ok());
    assert!(store.tree(&store.resolve(&id).expect("kept for its container")).is_ok());
    assert!(store.prune(false, &|_| true, &|_| true).expect("pruned").removed.deleted.is_empty());
    assert_eq!(store.remove(&id, false, &nobody).expect("unused").deleted[0], image.id);
}

#[test]
fn prune_takes_dangling_images_or_all_unused_ones() {
    let (_folder, store) = open();
    let named = image_of(&store, "1", &["a"]);
    let dangling = image_of(&store, "2", &["a"]);
    assert!(store.resolve(&named.id.to_string()).expect("still there").tags.is_empty(), "the tag moved");
    let report = store.prune(false, &|_| true, &|_| false).expect("pruned");
    assert_eq!(report.removed.deleted[0], named.id);
    assert!(report.reclaimed > 0);
    assert!(store.prune(true, &|_| true, &|id| *id == dangling.id).expect("pruned").removed.deleted.is_empty());
    assert_eq!(store.prune(true, &|_| true, &|_| false).expect("pruned").removed.untagged, ["a:latest"]);
    assert_eq!(files_in(&store.paths.layers), 0);
}

#[test]
fn a_lease_keeps_content_of_a_removed_image() {
    let (_folder, store) = open();
    image_of(&store, "1", &["a"]);
    let (image, lease) = store.lease("a").expect("leased");
    store.remove("a", true, &nobody).expect("removed");
    assert!(store.resolve("a").is_err());
    assert!(Tree::open(&[image.layers[0].path.clone()]).is_ok());
    drop(lease);
    store.prune(false, &|_| true, &|_| false).expect("pruned");
    assert!(Tree::open(&[image.layers[0].path.clone()]).is_err());
}

#[test]
fn a_new_layer_survives_collection_until_an_image_used_it() {
    let (_folder, store) = open();
    let layer = layer_of(&store, "a", "1");
    store.prune(true, &|_| true, &|_| false).expect("pruned");
    assert!(store.layer_path(&layer).is_ok());
    let image = store.create(&ImageConfig::default(), std::slice::from_ref(&layer), &[], &[]).expect("an image");
    store.remove(&image.id.to_string(), false, &nobody).expect("removed");
    assert!(store.layer_path(&layer).is_err());
}

#[test]
fn collecting_while_images_come_and_go_loses_nothing() {
    let (_folder, store) = open();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.prune(false, &|_| true, &|_| false).expect("pruned");
            }
        });
        let makers: Vec<_> = (0..3)
            .map(|maker| {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..8 {
                        let name = format!("m{maker}");
                        // Makers share half of their layers.
                        let image = image_of(store, &(round / 2 * (maker % 2)).to_string(), &[&name]);
                        let (leased, _lease) = store.lease(&name).expect("just made");
                        assert_eq!(leased.id, image.id);
                        store.remove(&name, true, &nobody).expect("removed");
                        assert!(store.tree(&leased).is_ok(), "leased content is there");
                        image_of(store, &format!("{maker} {round}"), &[&name]);
                    }
                })
            })
            .collect();
        for maker in makers {
            maker.join().expect("a maker");
        }
        done.store(true, Ordering::Relaxed);
    });
    let images = store.images().expect("images");
    assert_eq!(images.iter().filter(|image| !image.tags.is_empty()).count(), 3);
    for image in &images {
        assert!(store.tree(image).is_ok());
    }
}

#[test]
fn a_damaged_or_missing_layer_is_made_again_from_its_blob() {
    let (folder, store) = open();
    let image = image_of(&store, "content", &["a"]);
    let path = &image.layers[0].path;
    std::fs::write(path.join("index"), b"rubbish").expect("damaged");
    assert!(store.tree(&image).is_ok());
    std::fs::remove_dir_all(path).expect("removed");
    drop(store);
    let store = Store::open(folder.path()).expect("a store");
    assert!(Tree::open(std::slice::from_ref(path)).is_ok(), "opening the store restores it");
    // Other bytes of the same length, while no store is open.
    let whole = std::fs::read(path.join("data")).expect("data");
    drop(store);
    std::fs::write(path.join("data"), whole.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).expect("damaged");
    let store = Store::open(folder.path()).expect("a store");
    store.tree(&image).expect("made again from the blob");
    assert_eq!(std::fs::read(path.join("data")).expect("data"), whole);

    std::fs::write(path.join("data"), b"x").expect("damaged");
    std::fs::write(store.paths.blob(&image.layers[0].blob), b"other bytes").expect("damaged");
    let error = store.tree(&image).expect_err("the blob is damaged too");
    assert!(matches!(error, StoreError::DigestMismatch { .. }), "{error}");
}

#[test]
fn half_done_work_is_swept_and_a_newer_format_refused() {
    let (folder, store) = open();
    image_of(&store, "1", &["a"]);
    std::fs::write(store.paths.aside.join("x"), b"half").expect("written");
    std::fs::write(store.paths.blob(&Digest::of(b"y")), b"y").expect("written");
    let blobs = files_in(&store.paths.blobs);
    drop(store);
    let store = Store::open(folder.path()).expect("a store");
    assert_eq!((files_in(&store.paths.aside), files_in(&store.paths.blobs)), (0, blobs - 1));
    std::fs::write(folder.path().join("version"), b"2").expect("written");
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Invalid { .. })));
}

#[test]
fn a_damaged_record_costs_only_its_image_and_nothing_is_collected() {
    let (folder, store) = open();
    let (one, two) = (image_of(&store, "1", &["a"]), image_of(&store, "2", &["b"]));
    std::fs::write(store.paths.image(&one.id), b"{").expect("damaged");
    drop(store);
    let store = Store::open(folder.path()).expect("a store");
    assert!(store.resolve("a").is_err());
    assert_eq!(store.resolve("b").expect("the other").id, two.id);
    assert!(store.paths.layer(&one.layers[0].diff_id).exists());
}

#[test]
fn an_upper_folder_becomes_a_layer_of_the_store() {
    let (folder, store) = open();
    let image = image_of(&store, "1", &["a"]);
    let upper = folder.path().join("upper");
    std::fs::create_dir(&upper).expect("a folder");
    std::fs::write(upper.join("new"), b"2").expect("written");
    std::fs::write(upper.join(".wh.app.wasm"), b"").expect("written");
    let tree = store.tree(&image).expect("a tree");
    let layer = store.add_upper(&upper, &tree, crate::layer::Owner::default()).expect("a layer");
    let layers = [image.layers[0].diff_id.clone(), layer];
    let changed = store.create(&image.config, &layers, &[], &[]).expect("an image");
    let tree = store.tree(&changed).expect("a tree");
    assert!(tree.lookup("app.wasm").is_none() && tree.lookup("new").is_some());
}

#[test]
fn a_blob_that_only_claims_to_be_a_layer_that_is_there_is_refused() {
    let (_folder, store) = open();
    let image = image_of(&store, "1", &["a"]);
    let diff_id = image.layers[0].diff_id.clone();
    let ensure = |blob: Digest| {
        store.ensure_layer(layers::LayerSource::Tar { blob, diff_id: Some(diff_id.clone()) }).map(|origin| origin.blob)
    };
    let other = layer_of(&store, "app.wasm", "2");
    let lie = store.origin(&other).expect("there").blob;
    assert!(matches!(ensure(lie), Err(StoreError::DigestMismatch { .. })));
    let mut tar = Vec::new();
    crate::layer::export(&image.layers[0].path, &mut tar).expect("a tar");
    let plain = blobs::put(&store.paths, &tar).expect("a blob");
    assert_eq!(ensure(plain.clone()).expect("the same layer, packed otherwise"), plain);
    let own = image.layers[0].blob.clone();
    assert_eq!(ensure(own.clone()).expect("its own"), own);
}
