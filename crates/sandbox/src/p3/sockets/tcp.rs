//! `tcp-socket`.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};

use super::bindings::wasi::sockets::types::{ErrorCode, HostTcpSocket, HostTcpSocketWithStore};
use super::streams::{Acceptor, Receiver, Sender};
use super::{IpAddressFamily, IpSocketAddress, SocketsError, SocketsResult};
use crate::component::{HasSockets, SocketsHost};
use crate::network::{Connection, SocketError, TcpSocket};
use crate::p3::streams::End;

/// The end of a stream.
type Ended = FutureReader<Result<(), ErrorCode>>;

/// One direction of a socket's connection.
fn take<U>(
    store: &mut Access<'_, U, HasSockets>,
    socket: &Resource<TcpSocket>,
    read: bool,
) -> wasmtime::Result<Result<Arc<Connection>, SocketError>> {
    Ok(store.get().table.get_mut(socket)?.take(read))
}

impl<U: Send> HostTcpSocketWithStore<U> for HasSockets {
    async fn connect(
        store: &Accessor<U, Self>,
        socket: Resource<TcpSocket>,
        address: IpSocketAddress,
    ) -> SocketsResult<()> {
        store.with(|mut store| Ok::<_, SocketsError>(store.get().tcp(&socket)?.start_connect(address.into())?))?;
        poll_fn(|cx| {
            store.with(|mut store| match store.get().tcp(&socket) {
                Ok(socket) => socket.poll_connected(cx).map_err(SocketsError::from),
                Err(error) => std::task::Poll::Ready(Err(error)),
            })
        })
        .await
    }

    fn listen(
        mut store: Access<'_, U, Self>,
        socket: Resource<TcpSocket>,
    ) -> SocketsResult<StreamReader<Resource<TcpSocket>>> {
        let get = store.getter();
        let listener = store.get().tcp(&socket)?.listen()?;
        let socket = Resource::new_borrow(socket.rep());
        StreamReader::new(&mut store, Acceptor { listener, socket, get }).map_err(SocketsError::trap)
    }

    fn send(
        mut store: Access<'_, U, Self>,
        socket: Resource<TcpSocket>,
        mut data: StreamReader<u8>,
    ) -> wasmtime::Result<Ended> {
        match take(&mut store, &socket, false)? {
            Ok(connection) => {
                let (end, ended) = End::new();
                data.pipe(&mut store, Sender { connection, end })?;
                FutureReader::new(&mut store, ended)
            }
            Err(error) => {
                // A reader that is only dropped leaves the guest waiting for someone to take what it writes.
                data.close(&mut store)?;
                FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(ErrorCode::from(error))) })
            }
        }
    }

    fn receive(
        mut store: Access<'_, U, Self>,
        socket: Resource<TcpSocket>,
    ) -> wasmtime::Result<(StreamReader<u8>, Ended)> {
        match take(&mut store, &socket, true)? {
            Ok(connection) => {
                let (end, ended) = End::new();
                let data = StreamReader::new(&mut store, Receiver { connection, end })?;
                Ok((data, FutureReader::new(&mut store, ended)?))
            }
            Err(error) => {
                let data = StreamReader::new(&mut store, std::iter::empty())?;
                let ended =
                    FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(ErrorCode::from(error))) })?;
                Ok((data, ended))
            }
        }
    }
}

impl HostTcpSocket for SocketsHost<'_> {
    fn create(&mut self, family: IpAddressFamily) -> SocketsResult<Resource<TcpSocket>> {
        let socket = TcpSocket::new(Arc::clone(self.network.stack()?), family.into(), self.place()?);
        self.table.push(socket).map_err(SocketsError::trap)
    }

    fn bind(&mut self, socket: Resource<TcpSocket>, address: IpSocketAddress) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.bind(address.into())?)
    }

    fn get_local_address(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.tcp(&socket)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.tcp(&socket)?.remote_address()?.into())
    }

    fn get_is_listening(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&socket)?.listener().is_some())
    }

    fn get_address_family(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family.into())
    }

    fn set_listen_backlog_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.set_backlog(value)?)
    }

    fn get_keep_alive_enabled(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<bool> {
        Ok(self.tcp(&socket)?.options.keep_alive)
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<TcpSocket>, value: bool) -> SocketsResult<()> {
        self.tcp(&socket)?.options.keep_alive = value;
        Ok(())
    }

    fn get_keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u64> {
        Ok(nanoseconds(self.tcp(&socket)?.options.keep_alive_idle()))
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_keep_alive_idle(Duration::from_nanos(value))?)
    }

    fn get_keep_alive_interval(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u64> {
        Ok(nanoseconds(self.tcp(&socket)?.options.keep_alive_interval()))
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<TcpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_keep_alive_interval(Duration::from_nanos(value))?)
    }

    fn get_keep_alive_count(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u32> {
        Ok(self.tcp(&socket)?.options.keep_alive_count())
    }

    fn set_keep_alive_count(&mut self, socket: Resource<TcpSocket>, value: u32) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_keep_alive_count(value)?)
    }

    fn get_hop_limit(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u8> {
        Ok(self.tcp(&socket)?.options.hop_limit())
    }

    fn set_hop_limit(&mut self, socket: Resource<TcpSocket>, value: u8) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_hop_limit(value)?)
    }

    fn get_receive_buffer_size(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u64> {
        Ok(self.tcp(&socket)?.options.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_receive_buffer(value)?)
    }

    fn get_send_buffer_size(&mut self, socket: Resource<TcpSocket>) -> SocketsResult<u64> {
        Ok(self.tcp(&socket)?.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp(&socket)?.options.set_send_buffer(value)?)
    }

    fn drop(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
