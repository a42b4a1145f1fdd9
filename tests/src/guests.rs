//! Guests for tests: the examples, and small ones in the text format.

use std::path::PathBuf;

/// The folder of an example.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(|root| root.join("examples").join(name)).unwrap_or_default()
}

/// A command in the text format of WASI 0.1 whose `_start` has this body. In scope: `$exit`, `$write`, `$read`, `$open`,
/// `$close`, and a memory with `ok\n` at 64 and an iovec for it at 0.
#[must_use]
pub fn wat(body: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\03\00\00\00")
  (data (i32.const 64) "ok\0a")
  (func $recurse (param i32) (result i32) (i32.add (i32.const 1) (call $recurse (local.get 0))))
  (func (export "_start") {body}))"#
    )
}

/// The expression that opens a path of the root folder, whose text must lie at 1024, for reading, and gives an errno. The
/// descriptor lies at 40 then.
#[must_use]
pub fn open(path: &str) -> String {
    // Descriptor 3 is the root folder; links are followed; the right is that of reading (1 << 1).
    format!(
        "(call $open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {}) (i32.const 0) \
         (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 40))",
        path.len()
    )
}

/// The statements that write a path's text to 1024.
#[must_use]
pub fn path_at_1024(path: &str) -> String {
    let byte = |(index, byte): (usize, u8)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", 1024 + index);
    path.bytes().enumerate().map(byte).collect::<Vec<_>>().join(" ")
}

/// The guest of `tests/guests/NAME.rs`, compiled once for WASI 0.2 by the pinned toolchain.
///
/// # Panics
/// It does not compile.
#[must_use]
pub fn rust_guest(name: &str) -> PathBuf {
    rust_guest_of(name, "wasm32-wasip2")
}

/// The same for a WASI target.
///
/// # Panics
/// It does not compile.
#[must_use]
pub fn rust_guest_of(name: &str, target: &str) -> PathBuf {
    let binary = if target == "wasm32-wasip2" { format!("{name}.wasm") } else { format!("{name}-{target}.wasm") };
    compiled(name, &binary, &["--target", target]).unwrap_or_else(|| panic!("guests/{name}.rs does not compile"))
}

/// The same as a static program of this machine, for real containers; `None` where such can't be linked.
#[must_use]
pub fn native_guest(name: &str) -> Option<PathBuf> {
    compiled(name, name, &["-C", "target-feature=+crt-static"])
}

/// `tests/guests/NAME.rs` compiled to a file that is kept until the source changes.
fn compiled(name: &str, binary: &str, flags: &[&str]) -> Option<PathBuf> {
    use std::process::Command;

    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let source = here.join("guests").join(format!("{name}.rs"));
    let folder = here.parent().map(|root| root.join("target/tests-guests")).unwrap_or_default();
    let binary = folder.join(binary);
    let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if modified(&binary).is_some_and(|built| Some(built) > modified(&source)) {
        return Some(binary);
    }
    std::fs::create_dir_all(&folder).expect("the folder is ours");
    // Tests run side by side: each compiles to a file of its own, and the last one stays.
    let own = binary.with_extension(format!("{}.new", std::process::id()));
    let compiled = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "strip=symbols"])
        .args(flags)
        .arg("-o")
        .args([&own, &source])
        .current_dir(&here)
        .status()
        .expect("rustc");
    if !compiled.success() {
        return None;
    }
    std::fs::rename(&own, &binary).expect("the folder is ours");
    Some(binary)
}
