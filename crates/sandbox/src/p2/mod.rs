//! WASI 0.2: the file interfaces on the file view, the rest from wasmtime-wasi.
//!
//! Sockets are linked and refuse everything, as outgoing HTTP does.

mod bindings;
mod files;
mod processes;
mod streams;

use wasmtime::Engine;
use wasmtime::component::Linker;

pub(crate) use processes::ProcessesHost;
pub(crate) use wasmtime_wasi::p2::bindings::{Command, CommandPre};

use self::bindings::wasi::filesystem;
use crate::component::{HasFiles, Host};

/// A linker with all of WASI 0.2, and `sprat:process`.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // Ours take the places of wasmtime-wasi's file interfaces, function by function.
    linker.allow_shadowing(true);
    filesystem::types::add_to_linker::<Host, HasFiles>(&mut linker, Host::files)?;
    filesystem::preopens::add_to_linker::<Host, HasFiles>(&mut linker, Host::files)?;
    linker.allow_shadowing(false);
    processes::add_to_linker(&mut linker)?;
    Ok(linker)
}
