//! WASI 0.1 (`wasi_snapshot_preview1`) on the file view.
//!
//! Every pointer of the guest is checked, nothing a guest passes can make a call fail but with an error number. Calls
//! wait only on standard streams, pipes and sockets, in `poll_oneoff`, and for processes. Signals only end.

mod clocks;
mod descriptors;
mod environment;
mod errno;
mod fd;
mod link;
mod memory;
mod path;
mod poll;
mod processes;
pub(crate) mod sockets;
mod streams;
mod types;

use std::sync::Arc;

use wasmtime::{Caller, Extern, ModuleExport};

use self::descriptors::Descriptors;
use self::errno::Errno;
use self::memory::GuestMemory;
use crate::control::Control;
use crate::files::{Descriptor, FileView};
use crate::limiter::Limiter;
use crate::start::Given;

pub(crate) use self::link::linker;

/// `proc_exit` was called; travels to the guest's task as an error.
#[derive(Debug, thiserror::Error)]
#[error("exit with status {0}")]
pub(crate) struct ProcExit(pub(crate) u32);

/// The host's side of one core module.
pub(crate) struct Process {
    pub(crate) control: Arc<Control>,
    pub(crate) limiter: Limiter,
    files: Arc<FileView>,
    env: Vec<(String, String)>,
    descriptors: Descriptors,
    memory: Option<ModuleExport>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("args", &self.control.args())
            .field("descriptors", &self.descriptors)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// The process of a module that exports its memory as `memory`.
    pub(crate) fn new(given: Given, memory: Option<ModuleExport>) -> Self {
        let listening = given.control.is_first().then_some(given.network);
        Self {
            descriptors: Descriptors::new(Arc::clone(&given.files), given.streams, listening, given.working),
            control: given.control,
            limiter: given.limiter,
            files: given.files,
            env: given.env,
            memory,
        }
    }

    /// The folder and path that a path in the guest's memory means.
    fn locate<'a>(
        &'a self,
        memory: &GuestMemory<'_>,
        (fd, path, len): path::At,
    ) -> Result<(&'a Descriptor, String), Errno> {
        let path = memory.path(path, len)?;
        Ok(self.descriptors.folder(fd)?.folder.locate(&self.files, path))
    }
}

/// Runs `call` with the guest's memory.
fn with_memory<R>(
    caller: &mut Caller<'_, Process>,
    call: impl FnOnce(&mut GuestMemory<'_>, &mut Process) -> R,
) -> wasmtime::Result<R> {
    let export = match caller.data().memory {
        Some(export) => caller.get_module_export(&export),
        None => caller.get_export("memory"),
    };
    let Some(Extern::Memory(memory)) = export else {
        return Err(wasmtime::Error::msg("a WASI function was called by a module that exports no `memory`"));
    };
    let (bytes, process) = memory.data_and_store_mut(&mut *caller);
    Ok(call(&mut GuestMemory::new(bytes), process))
}
