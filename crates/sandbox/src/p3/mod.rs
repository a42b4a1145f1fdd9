//! WASI 0.3: the file interfaces on the file view, the socket interfaces on the virtual network, the rest from
//! wasmtime-wasi.
//!
//! It comes on top of WASI 0.2, which parts of such programs still use.

mod bindings;
mod files;
mod sockets;
mod streams;

pub(crate) use wasmtime_wasi::p3::bindings::{Command, CommandPre};

use wasmtime::Engine;
use wasmtime::component::Linker;

use self::bindings::wasi::filesystem;
use crate::component::{HasFiles, Host};
use crate::p2;

/// A linker with all of WASI 0.3 and 0.2.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = p2::linker(engine)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    // Ours take the places of wasmtime-wasi's file interfaces, function by function.
    linker.allow_shadowing(true);
    filesystem::types::add_to_linker::<Host, HasFiles>(&mut linker, Host::files)?;
    filesystem::preopens::add_to_linker::<Host, HasFiles>(&mut linker, Host::files)?;
    sockets::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}
