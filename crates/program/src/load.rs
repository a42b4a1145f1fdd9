//! Loading sealed code, with mmap.
//!
//! The one place that turns bytes into machine code that runs. The seal is checked over the bytes of the very file that
//! is then mapped, each time. It compiles nothing and falls back to nothing: what does not fit is an error.

use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::key::{Key, no_follow};
use crate::seal::Seal;
use crate::settings::Settings;
use crate::{Encoding, ProgramError, Variant};

/// Compiled code, ready to be linked.
#[derive(Clone)]
pub enum Code {
    /// A core module.
    Module(Module),
    /// A component.
    Component(Component),
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Module(_) => "Module",
            Self::Component(_) => "Component",
        })
    }
}

/// Checks the seal of an artifact with the installation's key (`key` is the key file's bytes) and maps its code.
///
/// # Errors
/// The seal does not match this installation, version, variant or CPU; or the host fails. It is never run then.
pub fn load(engine: &Engine, variant: Variant, artifact: &Path, key: &[u8]) -> Result<Code, ProgramError> {
    let broken = |reason: String| ProgramError::Seal { path: artifact.to_owned(), reason };
    let key = Key::from_bytes(key).ok_or_else(|| broken("the key does not have 32 bytes".to_owned()))?;
    let file = open(artifact)?;
    let seal = Seal::read(artifact, &key, variant, &Settings::of(engine))?;
    seal.check_code(artifact, &key, &file)?;
    map(engine, seal.claims.description.encoding, file).map_err(|error| match error.downcast::<std::io::Error>() {
        Ok(error) => ProgramError::io(format!("map {}", artifact.display()), error),
        // It is what this installation compiled, so it needs more than the pools have.
        Err(error) => ProgramError::Unsupported(format!("{error:#}")),
    })
}

/// Opens a code file. A file that is gone is a broken entry, which the caller has compiled again.
pub(crate) fn open(artifact: &Path) -> Result<std::fs::File, ProgramError> {
    std::fs::OpenOptions::new().read(true).custom_flags(no_follow()).open(artifact).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                ProgramError::Seal { path: artifact.to_owned(), reason: "it is not there".to_owned() }
            }
            _ => ProgramError::io(format!("open {}", artifact.display()), error),
        }
    })
}

#[expect(unsafe_code, reason = "mapping compiled code is this room's job")]
fn map(engine: &Engine, encoding: Encoding, file: std::fs::File) -> wasmtime::Result<Code> {
    match encoding {
        // SAFETY: the bytes of this open file carry the MAC of this installation's key, which only its daemon has and
        // gives only to what its own compiler wrote for these engine settings and this CPU. They stay as they are: the
        // file is read-only, in a folder only its owner can enter, and the cache replaces files, it never writes into them.
        Encoding::Core => unsafe { Module::deserialize_open_file(engine, file) }.map(Code::Module),
        // SAFETY: as above. This link of the kernel opens the same inode, whatever has its name by now.
        Encoding::Component => unsafe {
            let same_file = format!("/proc/self/fd/{}", file.as_raw_fd());
            Component::deserialize_file(engine, same_file)
        }
        .map(Code::Component),
    }
}
