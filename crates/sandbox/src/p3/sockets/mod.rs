//! `wasi:sockets@0.3` on the virtual network.

mod bindings;
mod lookup;
mod streams;
mod tcp;
mod udp;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::TrappableError;

use self::bindings::wasi::sockets::ip_name_lookup;
use self::bindings::wasi::sockets::types::{
    self, ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use crate::addresses::addresses;
use crate::component::{HasSockets, Host, SocketsHost};
use crate::network::{Family, SocketError, TcpSocket, UdpSocket};

/// An error code, or a trap.
pub(crate) type SocketsError = TrappableError<ErrorCode>;

type SocketsResult<T> = Result<T, SocketsError>;

addresses!();

impl From<SocketError> for ErrorCode {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::AccessDenied => Self::AccessDenied,
            SocketError::NotSupported => Self::NotSupported,
            SocketError::InvalidArgument => Self::InvalidArgument,
            SocketError::Timeout => Self::Timeout,
            SocketError::InvalidState => Self::InvalidState,
            SocketError::TooManySockets => Self::OutOfMemory,
            SocketError::AddressNotBindable => Self::AddressNotBindable,
            SocketError::AddressInUse => Self::AddressInUse,
            SocketError::RemoteUnreachable => Self::RemoteUnreachable,
            SocketError::ConnectionRefused => Self::ConnectionRefused,
            SocketError::ConnectionBroken => Self::ConnectionBroken,
            SocketError::ConnectionReset => Self::ConnectionReset,
            SocketError::ConnectionAborted => Self::ConnectionAborted,
            SocketError::DatagramTooLarge => Self::DatagramTooLarge,
            SocketError::NameUnresolvable
            | SocketError::TemporaryResolverFailure
            | SocketError::PermanentResolverFailure
            | SocketError::Other => Self::Other(Some(error.to_string())),
        }
    }
}

impl From<SocketError> for SocketsError {
    fn from(error: SocketError) -> Self {
        ErrorCode::from(error).into()
    }
}

impl SocketsHost<'_> {
    fn tcp(&mut self, socket: &Resource<TcpSocket>) -> SocketsResult<&mut TcpSocket> {
        self.table.get_mut(socket).map_err(SocketsError::trap)
    }

    fn udp(&mut self, socket: &Resource<UdpSocket>) -> SocketsResult<&mut UdpSocket> {
        self.table.get_mut(socket).map_err(SocketsError::trap)
    }
}

impl types::Host for SocketsHost<'_> {
    fn convert_error_code(&mut self, error: SocketsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

/// Puts these interfaces in the places of wasmtime-wasi's; shadowing must be allowed.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    fn get(host: &mut Host) -> <HasSockets as HasData>::Data<'_> {
        host.sockets()
    }
    types::add_to_linker::<Host, HasSockets>(linker, get)?;
    ip_name_lookup::add_to_linker::<Host, HasSockets>(linker, get)
}
