//! What binaries are, and which are refused.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, too, fail by panic")]

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use proptest::prelude::*;
use sprat_program::{
    Encoding, EngineOptions, Kind, MAX_SIZE, ProgramError, Variant, Wasi, describe, engine, is_text, survey, to_binary,
};

fn wat(text: &str) -> Vec<u8> {
    to_binary(text.as_bytes()).expect("the test's text is valid")
}

fn refusal(text: &str) -> ProgramError {
    describe(&wat(text)).expect_err("it must be refused")
}

/// A real program, built by the pinned toolchain.
fn rust_hello(target: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("hello.rs");
    std::fs::write(&source, "fn main() { println!(\"hello from {:?}\", std::env::args().next()) }").unwrap();
    let output = folder.path().join("hello.wasm");
    let built = Command::new("rustc")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(["--edition=2024", "-Copt-level=s", "-Cstrip=debuginfo", "--target", target, "-o"])
        .arg(&output)
        .arg(&source)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::read(output).unwrap()
}

fn hello_p1() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| rust_hello("wasm32-wasip1"))
}

fn hello_p2() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| rust_hello("wasm32-wasip2"))
}

const RUN: &str = r#"
    (core module $m (memory (export "memory") 2) (func (export "run") (result i32) i32.const 0))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $entry (export "run" (func $run)))
"#;

#[test]
fn a_program_with_missing_imports_can_be_looked_at_and_not_run() {
    let bytes = wat(r#"(module
        (import "env" "launch" (func))
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (func (export "_start")))"#);
    let found = survey(&bytes).unwrap();
    let marks: Vec<_> = found.imports.iter().map(|import| (import.name.as_str(), import.offered)).collect();
    assert_eq!(marks, [("launch", false), ("proc_exit", true)]);
    assert_eq!((found.kind, found.wasi), (Kind::Command, Wasi::P1));
    assert!(matches!(describe(&bytes), Err(ProgramError::MissingImports(names)) if names == ["env.launch"]));
    // What an earlier version wrote has no mark.
    let mut old = serde_json::to_value(&found.imports[1]).unwrap();
    old.as_object_mut().unwrap().remove("offered");
    assert!(serde_json::from_value::<sprat_program::Import>(old).unwrap().offered);
}

#[test]
fn a_module_that_starts_is_a_command_of_wasi_0_1() {
    let bytes = wat(r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (memory (export "memory") 3)
        (data (i32.const 0) "hello")
        (func (export "_start")))"#);
    let description = describe(&bytes).unwrap();
    assert_eq!((description.encoding, description.kind, description.wasi), (Encoding::Core, Kind::Command, Wasi::P1));
    assert_eq!(description.initial_memory, 3 << 16);
    assert_eq!(description.functions, 1);
    assert_eq!(description.size, bytes.len() as u64);
    assert_eq!(description.sha256.len(), 64);
    assert!(description.code_size > 0 && description.data_size > 5);
    assert_eq!(description.exports, ["memory", "_start"]);
    let [import] = description.imports.as_slice() else { panic!("one import") };
    assert_eq!(
        (import.module.as_str(), import.name.as_str(), import.kind.as_str()),
        ("wasi_snapshot_preview1", "proc_exit", "func")
    );
}

#[test]
fn a_module_that_starts_and_imports_nothing_speaks_no_wasi() {
    let description = describe(&wat(r#"(module (func (export "_start")))"#)).unwrap();
    assert_eq!((description.kind, description.wasi), (Kind::Command, Wasi::None));
}

#[test]
fn a_module_without_entry_point_has_functions() {
    let description =
        describe(&wat(r#"(module (func (export "add")) (global (export "_start") i32 i32.const 1))"#)).unwrap();
    assert_eq!((description.kind, description.wasi), (Kind::Functions, Wasi::None));
    assert_eq!(describe(&wat("(module)")).unwrap().kind, Kind::Functions);
}

#[test]
fn components_are_told_apart_by_what_they_export() {
    for (export, kind, wasi) in [
        ("wasi:cli/run@0.2.3", Kind::Command, Wasi::P2),
        ("wasi:cli/run@0.3.0", Kind::Command, Wasi::P3),
        ("wasi:http/incoming-handler@0.2.0", Kind::HttpService, Wasi::P2),
        ("wasi:http/handler@0.3.0", Kind::HttpService, Wasi::P3),
        ("my:calc/ops@1.0.0", Kind::Functions, Wasi::None),
    ] {
        let description =
            describe(&wat(&format!(r#"(component {RUN} (export "{export}" (instance $entry)))"#))).unwrap();
        assert_eq!((description.kind, description.wasi), (kind, wasi), "{export}");
        assert_eq!(description.encoding, Encoding::Component);
        assert_eq!(description.exports, [export]);
        assert_eq!((description.functions, description.initial_memory), (1, 2 << 16));
    }
}

#[test]
fn asynchronous_functions_need_the_engine_of_wasi_0_3() {
    let description = describe(&wat(r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "f") async (canon lift (core func $i "f"))))"#))
    .unwrap();
    assert_eq!(description.wasi, Wasi::P3);
}

#[test]
fn rust_programs_are_commands_with_their_producers() {
    for (bytes, encoding, wasi) in [(hello_p1(), Encoding::Core, Wasi::P1), (hello_p2(), Encoding::Component, Wasi::P2)]
    {
        let description = describe(bytes).unwrap();
        assert_eq!((description.encoding, description.kind, description.wasi), (encoding, Kind::Command, wasi));
        assert!(description.producers.iter().any(|it| it.field == "language" && it.name == "Rust"), "{description:?}");
        assert!(description.producers.iter().any(|it| it.name == "rustc" && !it.version.is_empty()));
        assert!(description.functions > 50 && description.code_size > 10_000);
        let json = serde_json::to_string(&description).unwrap();
        assert_eq!(serde_json::from_str::<sprat_program::Description>(&json).unwrap(), description);
    }
}

#[test]
fn what_is_not_wasm_is_named() {
    for (bytes, name) in [
        (&b""[..], "empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "ELF"),
        (b"#!/bin/sh\n", "script"),
        (b"PK\x03\x04...", "zip"),
        (b"MZ\x90\0", "Windows"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"hello world", "text"),
        (b"\0as", "00 61 73"),
        (b"\xff\xfe\x00\x01\x02\x03\x04\x05\x06", "ff fe 00 01 02 03 04 05"),
    ] {
        match describe(bytes) {
            Err(ProgramError::NotWasm { found }) => assert!(found.contains(name), "{found} for {name}"),
            other => panic!("{other:?} for {name}"),
        }
    }
}

#[test]
fn compiled_code_is_refused_as_such() {
    let engine = engine(Variant::new(Wasi::None, true), EngineOptions::COMPILER).unwrap();
    let module = engine.precompile_module(&wat("(module)")).unwrap();
    let component = engine.precompile_component(&wat("(component)")).unwrap();
    for code in [module, component] {
        assert!(matches!(describe(&code), Err(ProgramError::Precompiled)));
        assert!(matches!(describe(&code[..100]), Err(ProgramError::Precompiled)), "truncated code, too");
    }
}

#[test]
fn malformed_binaries_are_refused_with_the_byte() {
    let mut bytes = wat(r#"(module (func (export "f") (result i32) i32.const 1))"#);
    let at = bytes.len() - 3;
    bytes[at] = 0xff;
    match describe(&bytes) {
        Err(ProgramError::Invalid { offset, reason }) => assert!(offset > 8 && !reason.is_empty(), "{offset} {reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(describe(b"\0asm\x09\0\0\0"), Err(ProgramError::Invalid { offset: 4, .. })));
}

#[test]
fn a_body_of_the_wrong_type_is_refused() {
    // The parser of the text format does not check types.
    match refusal("(module (func (result i32) i64.const 1))") {
        ProgramError::Invalid { reason, .. } => assert!(reason.contains("type mismatch"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn binaries_past_the_limit_are_refused() {
    let mut bytes = wat("(module)");
    bytes.resize(usize::try_from(MAX_SIZE).unwrap() + 1, 0);
    assert!(matches!(describe(&bytes), Err(ProgramError::TooLarge { limit: MAX_SIZE, .. })));
}

#[test]
fn binaries_with_too_many_names_are_refused() {
    let mut text = String::from("(module (func $f)");
    for number in 0..=100_000 {
        text.push_str(&format!("(export \"{number}\" (func $f))"));
    }
    text.push(')');
    assert!(matches!(refusal(&text), ProgramError::Unsupported(what) if what.contains("100000")));
}

#[test]
fn features_that_are_not_offered_are_named() {
    for (text, feature) in [
        ("(module (memory 1 1 shared))", "threads"),
        (r#"(module (import "env" "memory" (memory 1 1 shared)))"#, "threads"),
        ("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))", "threads"),
        ("(module (memory 1 (pagesize 1)))", "custom page sizes"),
        ("(module (func (result i64 i64) i64.const 1 i64.const 1 i64.mul_wide_u))", "wide arithmetic"),
        ("(module (type $f (func)) (type $c (cont $f)))", "stack switching"),
        ("(component (type (map u32 string)))", "maps of components"),
    ] {
        match refusal(text) {
            ProgramError::Unsupported(what) => assert!(what.contains(feature), "{what} for {text}"),
            other => panic!("{other:?} for {text}"),
        }
    }
}

#[test]
fn wasm_3_is_offered() {
    for text in [
        "(module (memory i64 1))",
        "(module (memory 1) (memory 1))",
        "(module (func (result v128) v128.const i64x2 1 2))",
        "(module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd))",
        "(module (func $f return_call $f))",
        "(module (tag $e) (func throw $e))",
        "(module (type (struct (field i32))))",
    ] {
        describe(&wat(text)).unwrap_or_else(|error| panic!("{error} for {text}"));
    }
}

#[test]
fn every_engine_runs_what_is_offered_and_no_more() {
    for variant in Variant::ALL {
        let engine = engine(variant, EngineOptions::COMPILER).unwrap();
        assert!(engine.precompile_module(&wat("(module (memory 1 1 shared))")).is_err());
        assert!(engine.precompile_module(&wat("(module (memory i64 1) (tag $e) (func throw $e))")).is_ok());
    }
}

#[test]
fn missing_imports_of_modules_are_all_named() {
    match refusal(
        r#"(module (import "env" "foo" (func)) (import "wasi_snapshot_preview1" "fd_shine" (func))
                   (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
                   (import "env" "memory" (memory 1)))"#,
    ) {
        ProgramError::MissingImports(names) => {
            assert_eq!(names, ["env.foo", "wasi_snapshot_preview1.fd_shine", "env.memory (memory)"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn very_many_missing_imports_are_counted() {
    let imports: String = (0..60).map(|number| format!(r#"(import "env" "f{number}" (func))"#)).collect();
    match refusal(&format!("(module {imports})")) {
        ProgramError::MissingImports(names) => assert_eq!(names.last().map(String::as_str), Some("and 10 more")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_imports_of_components_are_named() {
    for import in [
        "wasi:config/store@0.2.0",
        "wasi:keyvalue/store@0.2.0",
        "wasi:cli/stdout@0.2.0-rc-2023-11-10",
        "wasi:cli/stdout@0.3.0-rc-2025-09-16",
        "wasi:cli/nonsense@0.2.0",
        "wasi:clocks/wall-clock@0.3.0",
        "my:own/thing@1.0.0",
        "my:own/thing",
    ] {
        match refusal(&format!(r#"(component (import "{import}" (instance (export "f" (func)))))"#)) {
            ProgramError::MissingImports(names) => assert_eq!(names, [import]),
            other => panic!("{other:?} for {import}"),
        }
    }
    assert!(matches!(refusal(r#"(component (import "f" (func)))"#),
        ProgramError::MissingImports(names) if names == ["f (func)"]));
}

#[test]
fn imports_of_wasi_are_offered_and_imports_of_types_need_no_one() {
    for (import, wasi) in [
        ("wasi:cli/stdout@0.2.0", Wasi::P2),
        ("wasi:io/streams@0.2.12", Wasi::P2),
        ("wasi:http/outgoing-handler@0.2.4", Wasi::P2),
        ("wasi:http/client@0.3.0", Wasi::P3),
        ("wasi:clocks/system-clock@0.3.0", Wasi::P3),
    ] {
        let text = format!(r#"(component (import "{import}" (instance (export "f" (func)))))"#);
        assert_eq!(describe(&wat(&text)).unwrap().wasi, wasi, "{import}");
    }
    let types = r#"(component (import "my:own/types" (instance (type $r (record (field "a" u32))) (export "r" (type (eq $r))))))"#;
    assert_eq!(describe(&wat(types)).unwrap().wasi, Wasi::None);
    let resource = r#"(component (import "my:own/types" (instance (export "r" (type (sub resource))))))"#;
    assert!(matches!(refusal(resource), ProgramError::MissingImports(_)));
}

#[test]
fn drafts_of_wasi_are_refused() {
    assert!(matches!(
        refusal(r#"(module (import "wasi_unstable" "proc_exit" (func (param i32))))"#),
        ProgramError::Unsupported(what) if what.contains("wasi_unstable") && what.contains("too old")
    ));
    let draft = format!(r#"(component {RUN} (export "wasi:cli/run@0.3.0-rc-2025-09-16" (instance $entry)))"#);
    assert!(matches!(refusal(&draft), ProgramError::Unsupported(what) if what.contains("0.3.0-rc-2025-09-16")));
}

#[test]
fn text_is_told_from_binaries() {
    assert!(is_text(b"\n  (module)"));
    assert!(is_text(b";; comment\n(module)"));
    assert!(!is_text(&wat("(module)")));
    assert!(!is_text(b"hello") && !is_text(b"") && !is_text(b"(\xff"));
}

#[test]
fn errors_of_the_text_format_name_line_and_column() {
    match to_binary(b"(module\n  (func call $nobody))") {
        Err(ProgramError::InvalidText(message)) => {
            assert!(message.starts_with("line 2, column 14: unknown func"), "{message}");
            assert!(message.contains("call $nobody"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(to_binary(b"(\xff"), Err(ProgramError::InvalidText(message)) if message.contains("byte 1")));
    assert!(to_binary("(".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn no_truncation_panics_and_most_are_refused() {
    let bytes = wat(&format!(r#"(component {RUN} (export "wasi:cli/run@0.2.3" (instance $entry)))"#));
    for length in 0..bytes.len() {
        // Cut between two sections it may be a smaller component.
        if let Err(ProgramError::Invalid { offset, .. }) = describe(&bytes[..length]) {
            assert!(offset <= length as u64);
        }
    }
    let cut = describe(&bytes[..bytes.len() - 1]);
    assert!(matches!(cut, Err(ProgramError::Invalid { reason, .. }) if reason.contains("truncated")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = describe(&bytes);
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend_from_slice(&bytes);
        let _ = describe(&module);
        module[4..8].copy_from_slice(b"\x0d\0\x01\0");
        let _ = describe(&module);
    }

    #[test]
    fn no_change_to_a_real_program_panics(
        component: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = if component { hello_p2() } else { hello_p1() }.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = describe(&bytes);
    }
}

#[test]
fn what_starts_processes_is_offered_and_shown() {
    let text = r#"(module (import "sprat_process" "spawn" (func)) (import "sprat_process" "fork" (func)))"#;
    let description = survey(&wat(text)).unwrap();
    let offered: Vec<_> = description.imports.iter().map(|it| (it.name.as_str(), it.offered)).collect();
    assert_eq!(offered, [("spawn", true), ("fork", false)]);
    let text = r#"(component (import "sprat:process/processes@0.1.0" (instance (export "id" (func (result u32))))))"#;
    assert!(describe(&wat(text)).is_ok());
    assert!(matches!(refusal(&text.replace("0.1.0", "0.9.0")), ProgramError::MissingImports(_)));
}
