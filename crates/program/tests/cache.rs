//! The sealed cache: compiled once, shared, never run when anything about it was changed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too, fail by panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sprat_program::{
    Artifact, Cache, Code, CompilerCommand, EngineOptions, Kind, ProgramError, Variant, Wasi, engine, load, to_binary,
};
use tempfile::TempDir;

const ANSWER: &str = r#"(module (func (export "answer") (result i32) i32.const 42))"#;

fn compiler(verb: &str) -> CompilerCommand {
    CompilerCommand { program: env!("CARGO_BIN_EXE_sprat-program-test-compiler").into(), args: vec![verb.to_owned()] }
}

fn open(root: &Path) -> Cache {
    Cache::open(root, compiler("compile")).unwrap()
}

fn wat(text: &str) -> Vec<u8> {
    to_binary(text.as_bytes()).unwrap()
}

fn key(cache: &Cache) -> Vec<u8> {
    std::fs::read(cache.key_path()).unwrap()
}

fn load_here(cache: &Cache, artifact: &Artifact) -> Result<Code, ProgramError> {
    let engine = engine(artifact.variant, EngineOptions { slots: 2, max_memory: 1 << 20 }).unwrap();
    load(&engine, artifact.variant, &artifact.path, &key(cache))
}

/// Loads and runs the module `ANSWER`.
fn answer(cache: &Cache, artifact: &Artifact) -> i32 {
    let Code::Module(module) = load_here(cache, artifact).unwrap() else { panic!("it is a module") };
    let mut store = wasmtime::Store::new(module.engine(), ());
    store.set_epoch_deadline(1);
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
    instance.get_typed_func::<(), i32>(&mut store, "answer").unwrap().call(&mut store, ()).unwrap()
}

fn seal_of(artifact: &Artifact) -> PathBuf {
    artifact.path.with_extension("seal")
}

/// Writes into a sealed file as somebody else might.
fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn refused_seal(result: Result<Code, ProgramError>) -> String {
    match result {
        Err(ProgramError::Seal { reason, .. }) => reason,
        other => panic!("it must not be loaded: {other:?}"),
    }
}

#[tokio::test]
async fn a_prepared_program_is_loaded_and_runs_in_every_variant() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    for shared in [true, false] {
        let artifact = cache.prepare(wat(ANSWER), shared).await.unwrap();
        assert_eq!(artifact.variant, Variant::new(Wasi::None, shared));
        assert_eq!(artifact.description.kind, Kind::Functions);
        assert_eq!(answer(&cache, &artifact), 42);
    }
}

#[tokio::test]
async fn components_are_prepared_for_both_kinds_of_engine() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let body = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))"#;
    for (function, concurrent) in [("", false), ("async", true)] {
        let text = format!(r#"(component {body} (func (export "f") {function} (canon lift (core func $i "f"))))"#);
        let artifact = cache.prepare(text.into_bytes(), true).await.unwrap();
        assert_eq!(artifact.variant.concurrent, concurrent);
        assert!(matches!(load_here(&cache, &artifact), Ok(Code::Component(_))));
    }
}

#[tokio::test]
async fn a_program_is_compiled_once_and_found_by_its_digest() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let wasm = wat(ANSWER);
    let artifact = cache.prepare(wasm.clone(), true).await.unwrap();
    let sha256 = artifact.description.sha256.clone();
    let made = std::fs::metadata(&artifact.path).unwrap().modified().unwrap();
    assert_eq!(cache.lookup(&sha256, true), Some(artifact.clone()));
    assert_eq!(cache.lookup(&sha256, false), None, "the other variant was not compiled");
    assert_eq!(cache.described(&sha256), Some(Arc::clone(&artifact.description)));

    // A later process finds it on disk, and needs no compiler.
    drop(cache);
    let cache = Cache::open(root.path(), compiler("crash")).unwrap();
    assert_eq!(cache.lookup(&sha256, true), Some(artifact.clone()));
    assert_eq!(cache.prepare(wasm, true).await.unwrap(), artifact);
    assert_eq!(std::fs::metadata(&artifact.path).unwrap().modified().unwrap(), made);
    assert_eq!(answer(&cache, &artifact), 42);
}

#[tokio::test]
async fn looking_up_reads_no_file_the_second_time() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    std::fs::remove_file(seal_of(&artifact)).unwrap();
    assert_eq!(cache.lookup(&artifact.description.sha256, true), Some(artifact));
}

#[tokio::test]
async fn text_is_found_by_its_own_digest_too() {
    use sha2::Digest;
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(ANSWER.as_bytes().to_vec(), true).await.unwrap();
    let of_text = hex::encode(sha2::Sha256::digest(ANSWER));
    assert_ne!(artifact.description.sha256, of_text);
    assert_eq!(cache.lookup(&of_text, true), Some(artifact));
}

#[tokio::test]
async fn strange_digests_find_nothing() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    for sha256 in ["", "../../etc/passwd", &"0".repeat(64), &"A".repeat(64), &"/".repeat(64)] {
        assert_eq!(cache.lookup(sha256, true), None);
        assert_eq!(cache.described(sha256), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_share_one_compilation() {
    let root = TempDir::new().unwrap();
    let cache = Arc::new(open(root.path()));
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { cache.prepare(wat(ANSWER), true).await.unwrap() })
        })
        .collect();
    let mut artifacts = Vec::new();
    for call in calls {
        artifacts.push(call.await.unwrap());
    }
    artifacts.dedup();
    assert_eq!(artifacts.len(), 1);
    assert!(cache.compilations().is_empty());
    let files = std::fs::read_dir(root.path().join("code")).unwrap().count();
    assert_eq!(files, 3, "the key, the code and its seal, and nothing temporary");
}

#[tokio::test]
async fn no_changed_byte_of_code_or_seal_is_accepted() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    let engine = engine(artifact.variant, EngineOptions::COMPILER).unwrap();
    let key = key(&cache);
    for path in [artifact.path.clone(), seal_of(&artifact)] {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by((good.len() / 300).max(1)) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            overwrite(&path, &bad);
            refused_seal(load(&engine, artifact.variant, &artifact.path, &key));
        }
        for length in [0, 1, good.len() / 2, good.len() - 1] {
            overwrite(&path, &good[..length]);
            refused_seal(load(&engine, artifact.variant, &artifact.path, &key));
        }
        overwrite(&path, &[good.as_slice(), b"\n"].concat());
        refused_seal(load(&engine, artifact.variant, &artifact.path, &key));
        overwrite(&path, &good);
        assert!(load(&engine, artifact.variant, &artifact.path, &key).is_ok());
    }
}

#[tokio::test]
async fn preparing_again_repairs_what_was_changed_or_lost() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    let mut code = std::fs::read(&artifact.path).unwrap();
    let last = code.len() - 1;
    code[last] ^= 1;
    overwrite(&artifact.path, &code);
    assert_eq!(refused_seal(load_here(&cache, &artifact)), "its bytes were changed");
    assert_eq!(answer(&cache, &cache.prepare(wat(ANSWER), true).await.unwrap()), 42);

    std::fs::remove_file(seal_of(&artifact)).unwrap();
    assert_eq!(refused_seal(load_here(&cache, &artifact)), "it has no seal");
    assert_eq!(answer(&cache, &cache.prepare(wat(ANSWER), true).await.unwrap()), 42);

    std::fs::remove_file(&artifact.path).unwrap();
    assert_eq!(refused_seal(load_here(&cache, &artifact)), "it is not there");
    assert_eq!(answer(&cache, &cache.prepare(wat(ANSWER), true).await.unwrap()), 42);
}

#[tokio::test]
async fn code_sealed_with_another_key_is_not_loaded_and_is_compiled_again() {
    let (ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let foreign = open(theirs.path()).prepare(wat(ANSWER), true).await.unwrap();
    let cache = open(ours.path());
    let engine = engine(foreign.variant, EngineOptions::COMPILER).unwrap();
    let reason = refused_seal(load(&engine, foreign.variant, &foreign.path, &key(&cache)));
    assert!(reason.contains("another key"), "{reason}");
    refused_seal(load(&engine, foreign.variant, &foreign.path, b"short"));

    let planted = ours.path().join("code").join(foreign.path.file_name().unwrap());
    std::fs::copy(&foreign.path, &planted).unwrap();
    std::fs::copy(seal_of(&foreign), planted.with_extension("seal")).unwrap();
    assert_eq!(cache.lookup(&foreign.description.sha256, true), None);
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    assert_eq!(artifact.path, planted);
    assert_eq!(answer(&cache, &artifact), 42);
}

#[tokio::test]
async fn code_of_another_program_or_variant_is_not_loaded() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let one = cache.prepare(wat(ANSWER), true).await.unwrap();
    let other = cache.prepare(wat("(module)"), true).await.unwrap();
    let plain = cache.prepare(wat(ANSWER), false).await.unwrap();
    let key = key(&cache);

    let shared_engine = engine(one.variant, EngineOptions::COMPILER).unwrap();
    let reason = refused_seal(load(&shared_engine, one.variant, &plain.path, &key));
    assert_eq!(reason, "it was compiled for another variant");
    let reason = refused_seal(load(&shared_engine, plain.variant, &plain.path, &key));
    assert_eq!(reason, "it was compiled with other engine settings");

    // A whole entry, well sealed, under the name of another program.
    std::fs::rename(&other.path, &one.path).unwrap();
    std::fs::rename(seal_of(&other), seal_of(&one)).unwrap();
    let reason = refused_seal(load(&shared_engine, one.variant, &one.path, &key));
    assert_eq!(reason, "it was made from another wasm binary");
}

#[tokio::test]
async fn a_link_in_place_of_code_is_not_followed() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    let moved = root.path().join("moved");
    std::fs::rename(&artifact.path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &artifact.path).unwrap();
    assert!(load_here(&cache, &artifact).is_err());
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let root = TempDir::new().unwrap();
    let path = open(root.path()).key_path();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::metadata(root.path().join("code")).unwrap().permissions().mode() & 0o7777, 0o700);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    match Cache::open(root.path(), compiler("compile")) {
        Err(ProgramError::Key { reason, .. }) => assert!(reason.contains("0640") && reason.contains("remove it")),
        other => panic!("{other:?}"),
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, b"too short").unwrap();
    assert!(matches!(Cache::open(root.path(), compiler("compile")), Err(ProgramError::Key { .. })));
}

#[test]
fn the_key_stays_the_same_and_is_never_shown() {
    let root = TempDir::new().unwrap();
    let first = key(&open(root.path()));
    let cache = open(root.path());
    assert_eq!(key(&cache), first);
    assert_eq!(first.len(), 32);
    let shown = format!("{cache:?}");
    assert!(shown.contains("Key(hidden)"));
}

#[tokio::test]
async fn bad_programs_are_refused_before_any_compiler_starts() {
    let root = TempDir::new().unwrap();
    let cache = Cache::open(root.path(), compiler("crash")).unwrap();
    for (bytes, code) in [
        (b"\x7fELF".to_vec(), "wasm_not_wasm"),
        (b"(module (func call 9))".to_vec(), "wasm_invalid"),
        (b"(module (func call $x))".to_vec(), "wat_invalid"),
        (wat(r#"(module (import "env" "foo" (func)))"#), "wasm_missing_imports"),
        (wat("(module (memory 1 1 shared))"), "wasm_unsupported"),
    ] {
        assert_eq!(cache.prepare(bytes, true).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_compiler_that_fails_is_an_error_with_its_reason_and_leaves_nothing() {
    let root = TempDir::new().unwrap();
    for (verb, reason) in [("idle", "without having written"), ("crash", "signal"), ("glutton", "more than 4 GiB")] {
        let cache = Cache::open(root.path(), compiler(verb)).unwrap();
        match cache.prepare(wat(ANSWER), true).await {
            Err(ProgramError::Compile(message)) => assert!(message.contains(reason), "{message}"),
            other => panic!("{other:?}"),
        }
        assert!(cache.compilations().is_empty());
    }
    let missing = CompilerCommand { program: "/nonexistent/sprat".into(), args: Vec::new() };
    let cache = Cache::open(root.path(), missing).unwrap();
    assert_eq!(cache.prepare(wat(ANSWER), true).await.unwrap_err().code(), "io");
    assert_eq!(std::fs::read_dir(root.path().join("code")).unwrap().count(), 1, "only the key");

    // What failed once is tried again.
    let cache = open(root.path());
    assert_eq!(answer(&cache, &cache.prepare(wat(ANSWER), true).await.unwrap()), 42);
}

#[tokio::test]
async fn the_work_goes_on_when_the_caller_is_gone() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let sha256 = {
        let call = cache.prepare(wat(ANSWER), true);
        tokio::pin!(call);
        // Polled until the compilation has begun, then dropped.
        loop {
            tokio::select! {
                biased;
                done = &mut call => break done.unwrap().description.sha256.clone(),
                () = tokio::task::yield_now() => {
                    if let Some(progress) = cache.compilations().first() {
                        assert!(progress.size > 8);
                        break progress.sha256.clone();
                    }
                }
            }
        }
    };
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    assert_eq!(artifact.description.sha256, sha256);
}

#[tokio::test]
async fn pruning_removes_what_was_not_used_and_what_was_left_unfinished() {
    let root = TempDir::new().unwrap();
    let cache = open(root.path());
    let artifact = cache.prepare(wat(ANSWER), true).await.unwrap();
    let size = std::fs::metadata(&artifact.path).unwrap().len() + std::fs::metadata(seal_of(&artifact)).unwrap().len();
    let old = SystemTime::now() - Duration::from_secs(40 * 24 * 60 * 60);
    let age = |path: &Path| std::fs::File::open(path).unwrap().set_modified(old).unwrap();

    age(&seal_of(&artifact));
    assert_eq!(cache.prune(30).unwrap(), 0, "this process used it just now");

    let unfinished = root.path().join("code/.tmp-abc");
    std::fs::write(&unfinished, b"12345").unwrap();
    age(&unfinished);
    let cache = open(root.path());
    assert!(!unfinished.exists(), "opening clears what a killed process left");

    assert_eq!(cache.prune(50).unwrap(), 0);
    assert_eq!(cache.prune(30).unwrap(), size);
    assert!(!artifact.path.exists());
    assert_eq!(cache.lookup(&artifact.description.sha256, true), None);
    assert_eq!(answer(&cache, &cache.prepare(wat(ANSWER), true).await.unwrap()), 42);
}
