//! Bindings of the file interfaces of WASI 0.2.

wasmtime::component::bindgen!({
    path: "wit/p2",
    world: "sprat:sandbox/files",
    imports: { default: trappable },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => super::files::FsError,
    },
    with: {
        "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
        "wasi:clocks/wall-clock": wasmtime_wasi::p2::bindings::clocks::wall_clock,
        "wasi:filesystem/types.descriptor": crate::component::Node,
        "wasi:filesystem/types.directory-entry-stream": super::files::Listing,
    },
    require_store_data_send: true,
});
