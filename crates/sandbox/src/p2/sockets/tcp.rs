//! `wasi:sockets/tcp`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Pollable};

use super::bindings::wasi::sockets::tcp::{self, ShutdownType};
use super::bindings::wasi::sockets::tcp_create_socket;
use super::streams::{Reader, Writer};
use super::{ErrorCode, IpAddressFamily, IpSocketAddress, Right, SocketsError, SocketsResult};
use crate::component::SocketsHost;
use crate::network::{Connection, SocketError, TcpSocket};

/// A socket, and which operation was begun on it and not finished.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Socket {
    inner: TcpSocket,
    pending: Option<Operation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Bind,
    Connect,
    Listen,
}

type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl Socket {
    fn begin(&self) -> Result<(), ErrorCode> {
        if self.pending.is_some() { Err(ErrorCode::ConcurrencyConflict) } else { Ok(()) }
    }

    fn finish(&mut self, operation: Operation) -> Result<(), ErrorCode> {
        if self.pending != Some(operation) {
            return Err(ErrorCode::NotInProgress);
        }
        self.pending = None;
        Ok(())
    }
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {
        match (self.pending, self.inner.listener().cloned()) {
            (Some(Operation::Connect), _) => poll_fn(|cx| self.inner.poll_connectable(cx)).await,
            (None, Some(listener)) => poll_fn(|cx| listener.poll_acceptable(cx)).await,
            _ => {}
        }
    }
}

impl SocketsHost<'_> {
    fn tcp_socket(&mut self, socket: &Resource<Socket>) -> SocketsResult<&mut Socket> {
        self.table.get_mut(socket).map_err(SocketsError::trap)
    }

    fn check(&self, right: &Resource<Right>) -> SocketsResult<()> {
        self.table.get(right).map(drop).map_err(SocketsError::trap)
    }

    fn streams(&mut self, socket: &Resource<Socket>, connection: Arc<Connection>) -> SocketsResult<Streams> {
        let input: DynInputStream = Box::new(Reader(Arc::clone(&connection)));
        let output: DynOutputStream = Box::new(Writer::new(connection));
        let input = self.table.push_child(input, socket).map_err(SocketsError::trap)?;
        let output = self.table.push_child(output, socket).map_err(SocketsError::trap)?;
        Ok((input, output))
    }
}

impl tcp_create_socket::Host for SocketsHost<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketsResult<Resource<Socket>> {
        let inner = TcpSocket::new(Arc::clone(self.network.stack()?), family.into(), self.place()?);
        self.table.push(Socket { inner, pending: None }).map_err(SocketsError::trap)
    }
}

impl tcp::Host for SocketsHost<'_> {}

impl tcp::HostTcpSocket for SocketsHost<'_> {
    fn start_bind(
        &mut self,
        socket: Resource<Socket>,
        right: Resource<Right>,
        address: IpSocketAddress,
    ) -> SocketsResult<()> {
        self.check(&right)?;
        let socket = self.tcp_socket(&socket)?;
        socket.begin()?;
        socket.inner.bind(address.into())?;
        socket.pending = Some(Operation::Bind);
        Ok(())
    }

    fn finish_bind(&mut self, socket: Resource<Socket>) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.finish(Operation::Bind)?)
    }

    fn start_connect(
        &mut self,
        socket: Resource<Socket>,
        right: Resource<Right>,
        address: IpSocketAddress,
    ) -> SocketsResult<()> {
        self.check(&right)?;
        let socket = self.tcp_socket(&socket)?;
        socket.begin()?;
        socket.inner.start_connect(address.into())?;
        socket.pending = Some(Operation::Connect);
        Ok(())
    }

    fn finish_connect(&mut self, socket: Resource<Socket>) -> SocketsResult<Streams> {
        let inner = self.tcp_socket(&socket)?;
        if inner.pending != Some(Operation::Connect) {
            return Err(ErrorCode::NotInProgress.into());
        }
        let Poll::Ready(connected) = inner.inner.poll_connected(&mut idle()) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        inner.pending = None;
        connected?;
        let connection = Arc::clone(inner.inner.connection()?);
        self.streams(&socket, connection)
    }

    fn start_listen(&mut self, socket: Resource<Socket>) -> SocketsResult<()> {
        let socket = self.tcp_socket(&socket)?;
        socket.begin()?;
        if !socket.inner.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        socket.inner.listen()?;
        socket.pending = Some(Operation::Listen);
        Ok(())
    }

    fn finish_listen(&mut self, socket: Resource<Socket>) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.finish(Operation::Listen)?)
    }

    fn accept(
        &mut self,
        socket: Resource<Socket>,
    ) -> SocketsResult<(Resource<Socket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let place = self.place();
        let listening = self.tcp_socket(&socket)?;
        listening.begin()?;
        let listener = Arc::clone(listening.inner.listener().ok_or(ErrorCode::InvalidState)?);
        let place = place?;
        let Poll::Ready(accepted) = listener.poll_accept(&mut idle()) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        let established = accepted?;
        let connection = Arc::clone(&established.connection);
        let inner = listening.inner.accepted(established, place);
        let accepted = self.table.push(Socket { inner, pending: None }).map_err(SocketsError::trap)?;
        let (input, output) = self.streams(&accepted, connection)?;
        Ok((accepted, input, output))
    }

    fn local_address(&mut self, socket: Resource<Socket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.tcp_socket(&socket)?.inner.local_address()?.into())
    }

    fn remote_address(&mut self, socket: Resource<Socket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.tcp_socket(&socket)?.inner.remote_address()?.into())
    }

    fn is_listening(&mut self, socket: Resource<Socket>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&socket)?.inner.listener().is_some())
    }

    fn address_family(&mut self, socket: Resource<Socket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.inner.family.into())
    }

    fn set_listen_backlog_size(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.set_backlog(value)?)
    }

    fn keep_alive_enabled(&mut self, socket: Resource<Socket>) -> SocketsResult<bool> {
        Ok(self.tcp_socket(&socket)?.inner.options.keep_alive)
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<Socket>, value: bool) -> SocketsResult<()> {
        self.tcp_socket(&socket)?.inner.options.keep_alive = value;
        Ok(())
    }

    fn keep_alive_idle_time(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(nanoseconds(self.tcp_socket(&socket)?.inner.options.keep_alive_idle()))
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_keep_alive_idle(Duration::from_nanos(value))?)
    }

    fn keep_alive_interval(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(nanoseconds(self.tcp_socket(&socket)?.inner.options.keep_alive_interval()))
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_keep_alive_interval(Duration::from_nanos(value))?)
    }

    fn keep_alive_count(&mut self, socket: Resource<Socket>) -> SocketsResult<u32> {
        Ok(self.tcp_socket(&socket)?.inner.options.keep_alive_count())
    }

    fn set_keep_alive_count(&mut self, socket: Resource<Socket>, value: u32) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_keep_alive_count(value)?)
    }

    fn hop_limit(&mut self, socket: Resource<Socket>) -> SocketsResult<u8> {
        Ok(self.tcp_socket(&socket)?.inner.options.hop_limit())
    }

    fn set_hop_limit(&mut self, socket: Resource<Socket>, value: u8) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_hop_limit(value)?)
    }

    fn receive_buffer_size(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(self.tcp_socket(&socket)?.inner.options.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_receive_buffer(value)?)
    }

    fn send_buffer_size(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(self.tcp_socket(&socket)?.inner.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.tcp_socket(&socket)?.inner.options.set_send_buffer(value)?)
    }

    fn subscribe(&mut self, socket: Resource<Socket>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi_io::poll::subscribe(self.table, socket)
    }

    fn shutdown(&mut self, socket: Resource<Socket>, how: ShutdownType) -> SocketsResult<()> {
        let socket = self.tcp_socket(&socket)?;
        let connection = socket.inner.connection().map_err(|_: SocketError| ErrorCode::InvalidState)?;
        if matches!(how, ShutdownType::Receive | ShutdownType::Both) {
            connection.shut();
        }
        if matches!(how, ShutdownType::Send | ShutdownType::Both) {
            connection.finish();
        }
        Ok(())
    }

    fn drop(&mut self, socket: Resource<Socket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
