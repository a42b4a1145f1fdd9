//! Bindings of the socket interfaces of WASI 0.3.

wasmtime::component::bindgen!({
    path: "wit/p3",
    world: "sprat:sandbox/sockets",
    imports: {
        "wasi:sockets/types.[method]tcp-socket.listen": store | trappable,
        "wasi:sockets/types.[method]tcp-socket.send": store | trappable,
        "wasi:sockets/types.[method]tcp-socket.receive": store | trappable,
        default: trappable,
    },
    trappable_error_type: {
        "wasi:sockets/types.error-code" => super::SocketsError,
    },
    with: {
        "wasi:clocks/types": wasmtime_wasi::p3::bindings::clocks::types,
        "wasi:sockets/types.tcp-socket": crate::network::TcpSocket,
        "wasi:sockets/types.udp-socket": crate::network::UdpSocket,
    },
    require_store_data_send: true,
});
