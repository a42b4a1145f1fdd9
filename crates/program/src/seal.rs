//! [`Seal`]: what binds compiled code to this installation, this version, one wasm binary, one variant and this CPU.
//!
//! A seal file has three lines: the [`Claims`] as JSON, the MAC of that line, and the MAC of that line and the code. The
//! first MAC lets the description be trusted without reading the code; only the second lets code be loaded. Both are keyed
//! BLAKE3, compared in constant time.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::settings::Settings;
use crate::{Description, ProgramError, Variant};

/// The layout of seals. A new layout gets a new number.
const FORMAT: u32 = 1;
/// Bytes of a seal file that are read.
const MAX_SEAL: u64 = 64 << 20;
const CLAIMS_DOMAIN: &[u8] = b"sprat compiled code, claims\0";
const CODE_DOMAIN: &[u8] = b"sprat compiled code, claims and code\0";

/// What a seal says about code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    format: u32,
    /// Sprat's version.
    version: String,
    variant: Variant,
    engine: String,
    cpu: String,
    /// Bytes of the code.
    length: u64,
    /// What the wasm is, its SHA-256 included.
    pub(crate) description: Description,
}

impl Claims {
    pub(crate) fn new(description: Description, variant: Variant, settings: &Settings, length: u64) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            variant,
            engine: settings.engine.clone(),
            cpu: settings.cpu.clone(),
            length,
            description,
        }
    }

    /// Why code with these claims may not be used here, if so.
    fn mismatch(&self, sha256: &str, variant: Variant, settings: &Settings) -> Option<&'static str> {
        if self.format != FORMAT || self.version != env!("CARGO_PKG_VERSION") {
            Some("it was made by another version")
        } else if self.description.sha256 != sha256 {
            Some("it was made from another wasm binary")
        } else if self.variant != variant {
            Some("it was compiled for another variant")
        } else if self.cpu != settings.cpu {
            Some("it was compiled for another CPU")
        } else if self.engine != settings.engine {
            Some("it was compiled with other engine settings")
        } else {
            None
        }
    }
}

/// The seal file of a code file.
pub(crate) fn seal_path(code: &Path) -> PathBuf {
    code.with_extension("seal")
}

/// Seals code: the bytes of its seal file.
pub(crate) fn seal(key: &Key, claims: &Claims, code: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(claims)?;
    let claims_mac = claims_mac(key, &bytes).to_hex();
    let (code_mac, length) = code_mac(key, &bytes, code)?;
    if length != claims.length {
        return Err(std::io::Error::other("the code changed while it was sealed"));
    }
    for mac in [claims_mac, code_mac.to_hex()] {
        bytes.push(b'\n');
        bytes.extend_from_slice(mac.as_bytes());
    }
    bytes.push(b'\n');
    Ok(bytes)
}

/// A seal whose claims were made by this installation. Of the code nothing is known before [`Seal::check_code`].
#[derive(Debug)]
pub(crate) struct Seal {
    line: Vec<u8>,
    code_mac: blake3::Hash,
    pub(crate) claims: Claims,
}

impl Seal {
    /// Reads the seal of `code` and checks that its claims are this installation's and fit.
    pub(crate) fn read(code: &Path, key: &Key, variant: Variant, settings: &Settings) -> Result<Self, ProgramError> {
        let broken = |reason: &str| ProgramError::Seal { path: code.to_owned(), reason: reason.to_owned() };
        let sha256 = code
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.split('-').next())
            .ok_or_else(|| broken("its name is not one of this cache"))?;
        let bytes = read_limited(&seal_path(code)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => broken("it has no seal"),
            _ => ProgramError::io(format!("read the seal of {}", code.display()), error),
        })?;
        let (line, claims_mac, code_mac) = split(&bytes).ok_or_else(|| broken("its seal is malformed"))?;
        if self::claims_mac(key, line) != claims_mac {
            return Err(broken("its seal was made with another key, or was changed"));
        }
        let claims: Claims = serde_json::from_slice(line).map_err(|_| broken("it was made by another version"))?;
        if let Some(reason) = claims.mismatch(sha256, variant, settings) {
            return Err(broken(reason));
        }
        Ok(Self { line: line.to_vec(), code_mac, claims })
    }

    /// Whether the code file is there with its right length. Says nothing of its bytes.
    pub(crate) fn fits_length_of(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == self.claims.length)
    }

    /// Checks that these bytes are the ones that were sealed.
    pub(crate) fn check_code(&self, path: &Path, key: &Key, code: impl Read) -> Result<(), ProgramError> {
        let (mac, length) = code_mac(key, &self.line, code)
            .map_err(|source| ProgramError::io(format!("read {}", path.display()), source))?;
        // Equality of BLAKE3 hashes takes constant time.
        if length == self.claims.length && mac == self.code_mac {
            Ok(())
        } else {
            Err(ProgramError::Seal { path: path.to_owned(), reason: "its bytes were changed".to_owned() })
        }
    }
}

fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SEAL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The line of claims, its MAC, and the MAC with the code; nothing else may be in the file.
fn split(bytes: &[u8]) -> Option<(&[u8], blake3::Hash, blake3::Hash)> {
    let mut lines = bytes.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    let parts = (lines.next()?, mac_of(lines.next()?)?, mac_of(lines.next()?)?);
    lines.next().is_none().then_some(parts)
}

/// A MAC in lower-case hexadecimal, the only spelling that is accepted.
fn mac_of(line: &[u8]) -> Option<blake3::Hash> {
    let mac = blake3::Hash::from_hex(line).ok()?;
    (mac.to_hex().as_bytes() == line).then_some(mac)
}

fn claims_mac(key: &Key, line: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    hasher.update(CLAIMS_DOMAIN).update(line);
    hasher.finalize()
}

fn code_mac(key: &Key, line: &[u8], mut code: impl Read) -> std::io::Result<(blake3::Hash, u64)> {
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    hasher.update(CODE_DOMAIN).update(&(line.len() as u64).to_le_bytes()).update(line);
    let before = hasher.count();
    hasher.update_reader(&mut code)?;
    Ok((hasher.finalize(), hasher.count() - before))
}
