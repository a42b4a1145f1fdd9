//! Guests for tests: the examples, and small ones in the text format.

use std::path::PathBuf;

/// The folder of an example.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(|root| root.join("examples").join(name)).unwrap_or_default()
}

/// A command in the text format of WASI 0.1 whose `_start` has this body. In scope: `$exit`, `$write`, `$read`, and a
/// memory with `ok\n` at 64 and an iovec for it at 0.
#[must_use]
pub fn wat(body: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\03\00\00\00")
  (data (i32.const 64) "ok\0a")
  (func $recurse (param i32) (result i32) (i32.add (i32.const 1) (call $recurse (local.get 0))))
  (func (export "_start") {body}))"#
    )
}
