//! State that was damaged is made again where it can be, else refused, and never guessed.

use std::path::{Path, PathBuf};

use sprat_tests::Installation;

use crate::{OK, image};

/// An installation with an image that has run and a container, its daemon stopped.
fn stopped() -> Installation {
    let mut sprat = Installation::start();
    image(&sprat, "ok", OK);
    sprat.sprat(&["run", "--name", "ran", "ok"]).ok();
    sprat.stop_daemon();
    sprat
}

/// Files below a folder with this in their name.
fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("readable").path());
    let found: Vec<_> = entries.filter(|path| path.to_string_lossy().contains(part) && path.is_file()).collect();
    assert!(!found.is_empty(), "no {part} in {}", folder.display());
    found
}

/// Flips bits in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).expect("ours");
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x55;
    }
    std::fs::write(path, bytes).expect("ours");
}

#[test]
fn a_damaged_state_store_is_refused_and_left_as_it_is() {
    let mut sprat = stopped();
    let path = sprat.root().join("state.db");
    let whole = std::fs::read(&path).expect("ours");
    let mut damaged = whole.clone();
    damaged[..4096].fill(0xa5);
    for bytes in [damaged, b"not a database".to_vec(), whole[..whole.len() / 2].to_vec()] {
        std::fs::write(&path, &bytes).expect("ours");
        let refused = sprat.refused_daemon();
        assert_eq!(refused.status, 125, "{refused:?}");
        assert!(refused.stderr.contains("state.db cannot be used"), "{refused:?}");
        assert_eq!(std::fs::read(&path).expect("ours"), bytes, "nothing was changed");
    }
    std::fs::write(&path, whole).expect("ours");
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "ran");
}

#[test]
fn a_damaged_key_is_refused_and_a_missing_one_is_made_again() {
    let mut sprat = stopped();
    let key = sprat.root().join("code/key");
    std::fs::write(&key, "short").expect("ours");
    let refused = sprat.refused_daemon();
    assert!(refused.stderr.contains("does not have 32 bytes: remove it"), "{refused:?}");
    std::fs::remove_file(&key).expect("ours");
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
}

#[test]
fn another_key_or_a_damaged_seal_makes_the_code_again() {
    let mut sprat = stopped();
    let code = sprat.root().join("code");
    let key = code.join("key");
    damage(&key);
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
    sprat.stop_daemon();
    files(&code, ".seal").iter().for_each(|seal| damage(seal));
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
    sprat.stop_daemon();
    files(&code, ".seal").iter().for_each(|seal| std::fs::write(seal, "").expect("ours"));
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
}

#[test]
fn a_damaged_name_is_lost_and_its_image_is_not() {
    let mut sprat = stopped();
    let id = {
        sprat.start_daemon();
        let id = sprat.sprat(&["images", "-q", "--no-trunc"]).ok().to_owned();
        sprat.stop_daemon();
        id
    };
    for name in files(&sprat.root().join("images/names"), ".json") {
        std::fs::write(name, "{\"half\":").expect("ours");
    }
    sprat.start_daemon();
    let unknown = sprat.sprat(&["run", "--rm", "--pull", "never", "ok"]);
    assert_eq!(unknown.status, 125, "{unknown:?}");
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
    sprat.sprat(&["tag", &id, "ok"]).ok();
    assert_eq!(sprat.sprat(&["run", "--rm", "ok"]).ok(), "ok");
}

/// All files below a folder.
fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { all(&path) } else { vec![path] }).collect()
}

#[test]
fn a_damaged_layer_is_unpacked_again_and_one_whose_blob_is_damaged_too_never_runs() {
    let mut sprat = stopped();
    let images = sprat.root().join("images");
    let damage_layers = || {
        let layers = all(&images.join("layers"));
        assert!(!layers.is_empty());
        layers.iter().for_each(|path| damage(path));
    };
    let forget_code = |sprat: &Installation| {
        files(&sprat.root().join("code"), "wasm").iter().for_each(|path| std::fs::remove_file(path).expect("ours"));
    };
    damage_layers();
    forget_code(&sprat);
    sprat.start_daemon();
    assert_eq!(sprat.sprat(&["start", "-a", "ran"]).ok(), "ok");
    sprat.stop_daemon();
    damage_layers();
    all(&images.join("blobs")).iter().for_each(|path| damage(path));
    forget_code(&sprat);
    sprat.start_daemon();
    let output = sprat.sprat(&["start", "-a", "ran"]);
    assert!(output.status != 0 && output.stdout.is_empty() && output.stderr.contains("error: "), "{output:?}");
    assert_eq!(sprat.sprat(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "ran");
}
