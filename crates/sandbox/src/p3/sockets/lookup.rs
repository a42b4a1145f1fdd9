//! `wasi:sockets/ip-name-lookup`.

use wasmtime::component::Accessor;

use super::bindings::wasi::sockets::ip_name_lookup::{ErrorCode, Host, HostWithStore};
use super::bindings::wasi::sockets::types::IpAddress;
use crate::component::{HasSockets, SocketsHost};
use crate::network::{Lookup, SocketError};

impl From<SocketError> for ErrorCode {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::AccessDenied => Self::AccessDenied,
            SocketError::InvalidArgument => Self::InvalidArgument,
            SocketError::NameUnresolvable => Self::NameUnresolvable,
            SocketError::TemporaryResolverFailure => Self::TemporaryResolverFailure,
            SocketError::PermanentResolverFailure => Self::PermanentResolverFailure,
            error => Self::Other(Some(error.to_string())),
        }
    }
}

impl Host for SocketsHost<'_> {}

impl<T> HostWithStore<T> for HasSockets {
    async fn resolve_addresses(
        store: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Vec<IpAddress>, ErrorCode>> {
        let lookup = store.with(|mut store| store.get().network.stack().map(|stack| stack.look_up(&name)));
        let found = match lookup {
            Ok(Lookup::Done(found)) => found,
            Ok(Lookup::Pending(asked)) => asked.await,
            Err(error) => Err(error),
        };
        Ok(found.map(|found| found.into_iter().map(IpAddress::from).collect()).map_err(ErrorCode::from))
    }
}
