//! Programs that can't be run, and hostile ones.

use std::sync::Arc;

use sprat_program::{Kind, ProgramError, Wasi};
use sprat_sandbox::{Exit, SandboxError, Stdio};

use crate::rig::{Collected, Rig};

fn stdio() -> Stdio {
    Stdio { input: None, output: Arc::new(Collected::default()) }
}

#[tokio::test]
async fn what_is_no_command_and_no_service_is_refused_with_what_it_is() {
    let rig = Rig::new();
    for (kind, says) in [(Kind::HttpService, "no HTTP service"), (Kind::Functions, "only functions")] {
        let mut spec = rig.spec(Wasi::P2, &[]).await;
        spec.program.kind = kind;
        let error = rig.sandbox.start(spec, stdio()).await.expect_err("refused");
        assert!(matches!(&error, SandboxError::NotACommand(text) if text.contains(says)), "{error}");
    }
}

#[tokio::test]
async fn imports_that_nobody_offers_are_named() {
    let rig = Rig::new();
    let wat = r#"(module (import "env" "magic" (func)) (import "wasi_snapshot_preview1" "fd_magic" (func))
        (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (func (export "_start")))"#;
    let error = rig.program("missing", &wat::parse_str(wat).unwrap(), Wasi::P1).await.expect_err("refused");
    let SandboxError::Program(ProgramError::MissingImports(names)) = error else { panic!("{error}") };
    assert_eq!(names, ["env.magic", "wasi_snapshot_preview1.fd_magic"]);

    let wat = r#"(component (import "acme:magic/wand@1.0.0" (instance (export "wave" (func)))))"#;
    let error = rig.program("missing", &wat::parse_str(wat).unwrap(), Wasi::P2).await.expect_err("refused");
    let SandboxError::Program(ProgramError::MissingImports(names)) = error else { panic!("{error}") };
    assert_eq!(names, ["acme:magic/wand@1.0.0"]);
}

#[tokio::test]
async fn code_of_another_isolation_class_is_refused() {
    let (shared, own) = (Rig::new(), Rig::with(2, false));
    let spec = shared.spec(Wasi::P1, &[]).await;
    let error = own.sandbox.start(spec, stdio()).await.expect_err("refused");
    assert!(error.to_string().contains("compiled for a worker"), "{error}");
}

#[tokio::test]
async fn a_start_function_that_traps_is_a_trap() {
    let rig = Rig::new();
    let wat = r#"(module (func $boom unreachable) (start $boom) (func (export "_start")))"#;
    let program = rig.program("boom", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let ran = rig.run_spec(rig.spec_of(program, &[])).await;
    assert!(matches!(&ran.exit, Exit::Trap(text) if text.contains("boom")), "{:?}", ran.exit);
}

#[tokio::test]
async fn a_program_without_a_memory_that_calls_wasi_traps() {
    let rig = Rig::new();
    let wat = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (func (export "_start") (drop (call $close (i32.const 3)))))"#;
    let program = rig.program("bare", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let ran = rig.run_spec(rig.spec_of(program, &[])).await;
    assert!(matches!(&ran.exit, Exit::Trap(text) if text.contains("exports no `memory`")), "{:?}", ran.exit);
}

#[tokio::test]
async fn standard_streams_can_be_closed_and_numbers_reused() {
    let rig = Rig::new();
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "hi")
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 2))
            (drop (call $close (i32.const 0)))
            (if (call $renumber (i32.const 2) (i32.const 1)) (then unreachable))
            (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
            (call $exit (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let program = rig.program("closing", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let ran = rig.run_spec(rig.spec_of(program, &[])).await;
    // 8 is `badf`; what went to 1 was standard error by then.
    assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (Exit::Code(8), "", "hi"));
}

/// Every function of WASI 0.1 with nonsense in every argument: errors, never a crash of the host.
#[tokio::test]
async fn nonsense_arguments_are_errors() {
    let rig = Rig::new();
    let functions = [
        ("args_get", "i32 i32"),
        ("args_sizes_get", "i32 i32"),
        ("environ_get", "i32 i32"),
        ("environ_sizes_get", "i32 i32"),
        ("clock_res_get", "i32 i32"),
        ("clock_time_get", "i32 i64 i32"),
        ("fd_advise", "i32 i64 i64 i32"),
        ("fd_allocate", "i32 i64 i64"),
        ("fd_datasync", "i32"),
        ("fd_fdstat_get", "i32 i32"),
        ("fd_fdstat_set_flags", "i32 i32"),
        ("fd_fdstat_set_rights", "i32 i64 i64"),
        ("fd_filestat_get", "i32 i32"),
        ("fd_filestat_set_size", "i32 i64"),
        ("fd_filestat_set_times", "i32 i64 i64 i32"),
        ("fd_pread", "i32 i32 i32 i64 i32"),
        ("fd_prestat_get", "i32 i32"),
        ("fd_prestat_dir_name", "i32 i32 i32"),
        ("fd_pwrite", "i32 i32 i32 i64 i32"),
        ("fd_read", "i32 i32 i32 i32"),
        ("fd_readdir", "i32 i32 i32 i64 i32"),
        ("fd_renumber", "i32 i32"),
        ("fd_seek", "i32 i64 i32 i32"),
        ("fd_sync", "i32"),
        ("fd_tell", "i32 i32"),
        ("fd_write", "i32 i32 i32 i32"),
        ("path_create_directory", "i32 i32 i32"),
        ("path_filestat_get", "i32 i32 i32 i32 i32"),
        ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32"),
        ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
        ("path_readlink", "i32 i32 i32 i32 i32 i32"),
        ("path_remove_directory", "i32 i32 i32"),
        ("path_rename", "i32 i32 i32 i32 i32 i32"),
        ("path_symlink", "i32 i32 i32 i32 i32"),
        ("path_unlink_file", "i32 i32 i32"),
        ("poll_oneoff", "i32 i32 i32 i32"),
        ("proc_raise", "i32"),
        ("random_get", "i32 i32"),
        ("sock_accept", "i32 i32 i32"),
        ("sock_recv", "i32 i32 i32 i32 i32 i32"),
        ("sock_send", "i32 i32 i32 i32 i32"),
        ("sock_shutdown", "i32 i32"),
        ("fd_close", "i32"),
    ];
    let mut imports = String::new();
    let mut calls = String::new();
    for (name, parameters) in functions {
        imports +=
            &format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {parameters}) (result i32)))"#);
        for fd in [0_i64, 1, 3, 4, -1] {
            for value in [0_i64, 1, 65_530, 0x7fff_ffff, -1] {
                if name == "poll_oneoff" && value == 1 {
                    // A single subscription whose clock is whatever lies there may well be waited for.
                    continue;
                }
                let mut arguments = String::new();
                for (index, kind) in parameters.split(' ').enumerate() {
                    let value = if index == 0 { fd } else { value };
                    arguments += &format!("({kind}.const {value})");
                }
                calls += &format!("(drop (call ${name} {arguments}))");
            }
        }
    }
    let wat = format!(r#"(module {imports} (memory (export "memory") 1) (func (export "_start") {calls}))"#);
    let program = rig.program("nonsense", &wat::parse_str(wat).unwrap(), Wasi::P1).await.unwrap();
    let ran = rig.run_spec(rig.spec_of(program, &[])).await;
    assert_eq!(ran.exit, Exit::Code(0), "{}", ran.err);
}
