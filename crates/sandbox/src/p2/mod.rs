//! WASI 0.2: the file interfaces on the file view, the rest from wasmtime-wasi.
