//! The layer cache, and builds that can be repeated.

use super::*;

const TEXT: &str = "FROM scratch\nCOPY a /a\nRUN [\"x\"]\nCOPY b /b\nENV E=1\n";

#[test]
fn the_same_build_is_all_from_the_cache_and_the_same_image() {
    let house = House::new();
    let first = house.build(TEXT, &[("a", "1"), ("b", "2")]);
    let second = house.build(TEXT, &[("a", "1"), ("b", "2")]);
    assert_eq!((first.cached(), second.cached()), (0, 4));
    assert_eq!(first.id(), second.id());
    assert_eq!(house.runner.steps.lock().len(), 1);
}

#[test]
fn changed_content_runs_the_steps_from_there_on() {
    let house = House::new();
    house.build(TEXT, &[("a", "1"), ("b", "2")]).id();
    assert_eq!(house.build(TEXT, &[("a", "1"), ("b", "3")]).cached(), 2);
    assert_eq!(house.build(TEXT, &[("a", "2"), ("b", "2")]).cached(), 0);
    assert_eq!(house.build(TEXT, &[("a", "1"), ("b", "3")]).cached(), 4);
}

#[test]
fn times_do_not_count_but_modes_do() {
    let house = House::new();
    let build = |mode, time| {
        let mut tar = TarFile::new();
        tar.file("Dockerfile", b"FROM scratch\nCOPY x /\n").entry("x", EntryType::Regular, mode, "", b"1", time);
        house.build_tar(tar.bytes(), BuildOptions::default()).cached()
    };
    assert_eq!((build(0o644, 1), build(0o644, 2), build(0o755, 2)), (0, 1, 0));
}

#[test]
fn no_cache_runs_everything_again() {
    let house = House::new();
    house.build(TEXT, &[("a", "1"), ("b", "2")]).id();
    let options = BuildOptions { no_cache: true, ..BuildOptions::default() };
    assert_eq!(house.build_with(TEXT, &[("a", "1"), ("b", "2")], options).cached(), 0);
    assert_eq!(house.runner.steps.lock().len(), 2);
}

#[test]
fn a_build_argument_counts_for_what_runs_behind_it() {
    let house = House::new();
    let text = "FROM scratch\nCOPY a /a\nARG V\nRUN [\"x\"]\n";
    let build = |list: &[(&str, &str)]| house.build_with(text, &[("a", "1")], args(list)).cached();
    assert_eq!(build(&[("V", "1")]), 0);
    assert_eq!(build(&[("V", "2")]), 1);
    assert_eq!(build(&[("V", "1"), ("HTTP_PROXY", "p")]), 3);
}

#[test]
fn a_damaged_record_or_a_missing_layer_is_a_miss() {
    let house = House::new();
    let built = house.build(TEXT, &[("a", "1"), ("b", "2")]);
    for entry in std::fs::read_dir(house.root.path().join("build-cache")).unwrap() {
        std::fs::write(entry.unwrap().path(), "{").unwrap();
    }
    assert_eq!(house.build(TEXT, &[("a", "1"), ("b", "2")]).cached(), 0);
    let layer = built.image().layers[0].clone();
    std::fs::remove_dir_all(&layer.path).unwrap();
    std::fs::remove_file(house.root.path().join("blobs/sha256").join(layer.blob.hex())).unwrap();
    // The step makes the very same layer again, so what follows is known.
    assert_eq!(house.build(TEXT, &[("a", "1"), ("b", "2")]).cached(), 3);
}

#[test]
fn a_cleared_cache_knows_nothing() {
    let house = House::new();
    assert_eq!(clear_cache(&house.store).unwrap(), 0);
    house.build(TEXT, &[("a", "1"), ("b", "2")]).id();
    assert_eq!(clear_cache(&house.store).unwrap(), 4);
    assert_eq!(house.build(TEXT, &[("a", "1"), ("b", "2")]).cached(), 0);
}

#[test]
fn a_failed_build_leaves_no_image_and_its_finished_steps_in_the_cache() {
    let house = House::running(|_| 3);
    let text = "FROM scratch\nCOPY a /a\nRUN [\"x\"]\n";
    assert!(house.build(text, &[("a", "1")]).result.is_err());
    assert!(house.store.images().unwrap().is_empty());
    assert_eq!(house.build(text, &[("a", "1")]).cached(), 1);
}

#[test]
fn with_a_fixed_time_two_stores_make_the_same_image() {
    let text = "FROM scratch\nWORKDIR /w\nCOPY --chown=1 a b /new/\nENV E=1\n";
    let build =
        |_| House::new().build_with(text, &[("a", "1"), ("b", "2")], args(&[("SOURCE_DATE_EPOCH", "1000000000")]));
    let images = [0, 1].map(build);
    assert_eq!(images[0].id(), images[1].id());
    assert_eq!(images[0].image().created.unwrap().as_second(), 1_000_000_000);
}

#[test]
fn files_keep_the_times_of_the_context() {
    let built = House::new().build("FROM scratch\nCOPY x /dir/x\n", &[("x", "1")]);
    let tree = built.tree();
    let time = |path: &str| tree.node(tree.lookup(path).unwrap()).mtime_ns / 1_000_000_000;
    assert_eq!((time("/dir/x"), time("/dir")), (1_700_000_000, 0));
}
