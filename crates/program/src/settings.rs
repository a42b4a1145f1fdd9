//! [`Settings`]: fingerprints of what compiled code depends on beside the wasm.

use std::hash::{Hash, Hasher};

use wasmtime::Engine;

/// Fingerprints of engine and machine. Code made under other ones is never loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Of wasmtime's version, its compiler flags and tunables, and Sprat's version: hexadecimal.
    pub(crate) engine: String,
    /// Of the architecture and the CPU features of this machine: hexadecimal.
    pub(crate) cpu: String,
}

impl Settings {
    /// The fingerprints of this engine on this machine.
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut hasher = Blake3Hasher(blake3::Hasher::new());
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { engine: short(hasher.0.finalize()), cpu: cpu() }
    }
}

/// 128 bits are enough against accidents, and against hands there is the key.
fn short(hash: blake3::Hash) -> String {
    hash.to_hex().chars().take(32).collect()
}

fn cpu() -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(std::env::consts::ARCH.as_bytes());
    for (name, present) in features() {
        if present {
            hasher.update(b" ");
            hasher.update(name.as_bytes());
        }
    }
    short(hasher.finalize())
}

/// The features that Cranelift asks for on x86-64.
#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = (&'static str, bool)> {
    use std::arch::is_x86_feature_detected as has;
    [
        ("sse3", has!("sse3")),
        ("ssse3", has!("ssse3")),
        ("sse4.1", has!("sse4.1")),
        ("sse4.2", has!("sse4.2")),
        ("cmpxchg16b", has!("cmpxchg16b")),
        ("popcnt", has!("popcnt")),
        ("avx", has!("avx")),
        ("avx2", has!("avx2")),
        ("fma", has!("fma")),
        ("bmi1", has!("bmi1")),
        ("bmi2", has!("bmi2")),
        ("lzcnt", has!("lzcnt")),
        ("avx512bitalg", has!("avx512bitalg")),
        ("avx512dq", has!("avx512dq")),
        ("avx512f", has!("avx512f")),
        ("avx512vl", has!("avx512vl")),
        ("avx512vbmi", has!("avx512vbmi")),
    ]
    .into_iter()
}

/// Elsewhere the engine's own fingerprint, which holds the compiler's flags, says enough.
#[cfg(not(target_arch = "x86_64"))]
fn features() -> impl Iterator<Item = (&'static str, bool)> {
    std::iter::empty()
}

/// [`Hash`] into a hash that is stable between processes and strong.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        hash.as_bytes().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}
