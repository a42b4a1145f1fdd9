//! Bindings of the socket interfaces of WASI 0.2.

wasmtime::component::bindgen!({
    path: "wit/p2",
    world: "sprat:sandbox/sockets",
    imports: { default: trappable },
    trappable_error_type: {
        "wasi:sockets/network.error-code" => super::SocketsError,
    },
    with: {
        "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
        "wasi:clocks/monotonic-clock": wasmtime_wasi::p2::bindings::clocks::monotonic_clock,
        "wasi:sockets/network.network": super::Right,
        "wasi:sockets/tcp.tcp-socket": super::tcp::Socket,
        "wasi:sockets/udp.udp-socket": super::udp::Socket,
        "wasi:sockets/udp.incoming-datagram-stream": super::udp::Incoming,
        "wasi:sockets/udp.outgoing-datagram-stream": super::udp::Outgoing,
        "wasi:sockets/ip-name-lookup.resolve-address-stream": super::lookup::Addresses,
    },
    require_store_data_send: true,
});
