//! `wasi:sockets/ip-name-lookup`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable};

use super::bindings::wasi::sockets::ip_name_lookup;
use super::{ErrorCode, IpAddress, Right, SocketsError, SocketsResult};
use crate::component::SocketsHost;
use crate::network::{Lookup, SocketError};

/// The addresses of a name, when they are found.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Addresses(State);

enum State {
    Asked(Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, SocketError>> + Send>>),
    Found(std::vec::IntoIter<IpAddr>),
    Failed(SocketError),
}

impl From<Result<Vec<IpAddr>, SocketError>> for State {
    fn from(found: Result<Vec<IpAddr>, SocketError>) -> Self {
        found.map_or_else(Self::Failed, |found| Self::Found(found.into_iter()))
    }
}

impl Addresses {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Asked(asked) = &mut self.0 {
            self.0 = std::task::ready!(asked.as_mut().poll(cx)).into();
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

impl ip_name_lookup::Host for SocketsHost<'_> {
    fn resolve_addresses(&mut self, right: Resource<Right>, name: String) -> SocketsResult<Resource<Addresses>> {
        self.table.get(&right).map_err(SocketsError::trap)?;
        let state = match self.network.stack()?.look_up(&name) {
            Lookup::Done(Err(error)) => return Err(error.into()),
            Lookup::Done(Ok(found)) => State::Found(found.into_iter()),
            Lookup::Pending(asked) => State::Asked(asked),
        };
        self.table.push(Addresses(state)).map_err(SocketsError::trap)
    }
}

impl ip_name_lookup::HostResolveAddressStream for SocketsHost<'_> {
    fn resolve_next_address(&mut self, stream: Resource<Addresses>) -> SocketsResult<Option<IpAddress>> {
        let stream = self.table.get_mut(&stream).map_err(SocketsError::trap)?;
        if stream.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Err(ErrorCode::WouldBlock.into());
        }
        match &mut stream.0 {
            State::Found(found) => Ok(found.next().map(IpAddress::from)),
            State::Failed(error) => Err((*error).into()),
            State::Asked(_) => Err(ErrorCode::WouldBlock.into()),
        }
    }

    fn subscribe(&mut self, stream: Resource<Addresses>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi_io::poll::subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<Addresses>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
