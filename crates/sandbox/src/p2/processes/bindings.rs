//! Bindings of `sprat:process`.

wasmtime::component::bindgen!({
    path: ["wit/p2", "wit/process"],
    world: "sprat:process/imports",
    imports: {
        "sprat:process/processes.spawn": async | trappable,
        "sprat:process/processes.kill": async | trappable,
        "sprat:process/processes.[method]child.wait": async | trappable,
        "sprat:process/processes.[method]child.kill": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
        "sprat:process/processes.child": super::child::Child,
        "sprat:process/processes.pipe-reader": crate::process::pipe::Reader,
        "sprat:process/processes.pipe-writer": crate::process::pipe::Writer,
    },
    require_store_data_send: true,
});
