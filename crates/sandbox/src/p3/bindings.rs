//! Bindings of the file interfaces of WASI 0.3.

wasmtime::component::bindgen!({
    path: "wit/p3",
    world: "sprat:sandbox/files",
    imports: {
        "wasi:filesystem/types.[method]descriptor.read-via-stream": store | trappable,
        "wasi:filesystem/types.[method]descriptor.write-via-stream": store | trappable,
        "wasi:filesystem/types.[method]descriptor.append-via-stream": store | trappable,
        "wasi:filesystem/types.[method]descriptor.read-directory": store | trappable,
        default: trappable,
    },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => super::files::FsError,
    },
    with: {
        "wasi:clocks/system-clock": wasmtime_wasi::p3::bindings::clocks::system_clock,
        "wasi:clocks/types": wasmtime_wasi::p3::bindings::clocks::types,
        "wasi:filesystem/types.descriptor": crate::component::Node,
    },
    require_store_data_send: true,
});
