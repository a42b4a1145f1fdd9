//! What bytes are when they are not wasm, in words for the error.

/// A wasm binary begins so, core module or component.
pub(crate) const WASM_MAGIC: &[u8] = b"\0asm";
/// Bytes shown of something unknown.
const SHOWN: usize = 8;
/// Bytes looked at to tell text from binary.
const TEXT_SAMPLE: usize = 512;
/// `EI_OSABI` of wasmtime's compiled code, and where it is.
const WASMTIME_ABI: (usize, u8) = (7, 200);
const TAR_MAGIC_AT: usize = 257;

/// Beginnings that say what a file is.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF executable or library (native code)"),
    (b"#!", "a script (#!)"),
    (b"MZ", "a Windows executable"),
    (b"\xcf\xfa\xed\xfe", "a macOS executable"),
    (b"\xce\xfa\xed\xfe", "a macOS executable"),
    (b"\xca\xfe\xba\xbe", "a macOS executable or a Java class"),
    (b"\x1f\x8b", "gzip data: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd data: unpack it first"),
    (b"\xfd7zXZ\0", "xz data: unpack it first"),
    (b"BZh", "bzip2 data: unpack it first"),
    (b"PK\x03\x04", "a zip or jar archive"),
    (b"!<arch>\n", "an object archive (.a)"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"<!DOCTYPE", "an HTML document"),
    (b"<html", "an HTML document"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file it stands for"),
];

/// Whether these bytes are machine code that a wasmtime compiled.
pub(crate) fn is_precompiled(bytes: &[u8]) -> bool {
    let (at, abi) = WASMTIME_ABI;
    bytes.starts_with(b"\x7fELF")
        && (bytes.get(at) == Some(&abi) || wasmtime::Engine::detect_precompiled(bytes).is_some())
}

/// What the bytes begin with.
pub(crate) fn name(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing: it is empty".to_owned();
    }
    if let Some((_, name)) = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)) {
        return (*name).to_owned();
    }
    if bytes.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        return "a tar archive".to_owned();
    }
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    if is_text(bytes) {
        return format!("text ({:?})", String::from_utf8_lossy(shown));
    }
    let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}

fn is_text(bytes: &[u8]) -> bool {
    let sample = bytes.get(..TEXT_SAMPLE).unwrap_or(bytes);
    let valid = match std::str::from_utf8(sample) {
        Ok(_) => true,
        // A character may be cut at the end of the sample.
        Err(error) => error.error_len().is_none() && sample.len() < bytes.len(),
    };
    valid && !sample.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}
