//! `wasi:sockets@0.2` on the virtual network.

mod bindings;
mod lookup;
mod streams;
mod tcp;
mod udp;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::TrappableError;

use self::bindings::wasi::sockets::network::{
    self, ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use self::bindings::wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};
use crate::addresses::addresses;
use crate::component::{HasSockets, Host, SocketsHost};
use crate::network::{Family, SocketError};

/// An error code, or a trap.
pub(crate) type SocketsError = TrappableError<ErrorCode>;

type SocketsResult<T> = Result<T, SocketsError>;

/// The right to use the network. What may be done with it is the network's own affair, so it is a token only.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Right;

addresses!();

impl From<SocketError> for ErrorCode {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::AccessDenied => Self::AccessDenied,
            SocketError::NotSupported => Self::NotSupported,
            SocketError::InvalidArgument => Self::InvalidArgument,
            SocketError::Timeout => Self::Timeout,
            SocketError::InvalidState => Self::InvalidState,
            SocketError::TooManySockets => Self::NewSocketLimit,
            SocketError::AddressNotBindable => Self::AddressNotBindable,
            SocketError::AddressInUse => Self::AddressInUse,
            SocketError::RemoteUnreachable => Self::RemoteUnreachable,
            SocketError::ConnectionRefused => Self::ConnectionRefused,
            SocketError::ConnectionReset | SocketError::ConnectionBroken => Self::ConnectionReset,
            SocketError::ConnectionAborted => Self::ConnectionAborted,
            SocketError::DatagramTooLarge => Self::DatagramTooLarge,
            SocketError::NameUnresolvable => Self::NameUnresolvable,
            SocketError::TemporaryResolverFailure => Self::TemporaryResolverFailure,
            SocketError::PermanentResolverFailure => Self::PermanentResolverFailure,
            SocketError::Other => Self::Unknown,
        }
    }
}

impl From<SocketError> for SocketsError {
    fn from(error: SocketError) -> Self {
        ErrorCode::from(error).into()
    }
}

impl network::Host for SocketsHost<'_> {
    fn convert_error_code(&mut self, error: SocketsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl network::HostNetwork for SocketsHost<'_> {
    fn drop(&mut self, right: Resource<Right>) -> wasmtime::Result<()> {
        self.table.delete(right)?;
        Ok(())
    }
}

impl instance_network::Host for SocketsHost<'_> {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<Right>> {
        Ok(self.table.push(Right)?)
    }
}

/// Puts these interfaces in the places of wasmtime-wasi's; shadowing must be allowed.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    fn get(host: &mut Host) -> <HasSockets as HasData>::Data<'_> {
        host.sockets()
    }
    network::add_to_linker::<Host, HasSockets>(linker, get)?;
    instance_network::add_to_linker::<Host, HasSockets>(linker, get)?;
    bindings::wasi::sockets::tcp::add_to_linker::<Host, HasSockets>(linker, get)?;
    tcp_create_socket::add_to_linker::<Host, HasSockets>(linker, get)?;
    bindings::wasi::sockets::udp::add_to_linker::<Host, HasSockets>(linker, get)?;
    udp_create_socket::add_to_linker::<Host, HasSockets>(linker, get)?;
    ip_name_lookup::add_to_linker::<Host, HasSockets>(linker, get)
}
