//! `wasi:sockets/udp`.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable};

use super::bindings::wasi::sockets::udp::{self, IncomingDatagram, OutgoingDatagram};
use super::bindings::wasi::sockets::udp_create_socket;
use super::{ErrorCode, IpAddressFamily, IpSocketAddress, Right, SocketsError, SocketsResult};
use crate::component::SocketsHost;
use crate::network::{Sender, UdpPort, UdpSocket};

/// Datagrams that one call moves at most.
const MAX_DATAGRAMS: usize = 64;

/// Bytes that one call receives, before the last datagram.
const MAX_BYTES: usize = 128 << 10;

/// A socket, and whether a bind was begun and not finished.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Socket {
    inner: UdpSocket,
    binding: bool,
}

/// What comes in.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Incoming {
    port: Arc<UdpPort>,
    only: Option<SocketAddr>,
}

/// What goes out.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Outgoing {
    sender: Sender,
    /// Datagrams that the last `check-send` allowed.
    permitted: usize,
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        poll_fn(|cx| self.port.poll_receivable(cx, self.only)).await;
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {}
}

impl SocketsHost<'_> {
    fn udp_socket(&mut self, socket: &Resource<Socket>) -> SocketsResult<&mut Socket> {
        self.table.get_mut(socket).map_err(SocketsError::trap)
    }
}

impl udp_create_socket::Host for SocketsHost<'_> {
    fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketsResult<Resource<Socket>> {
        let inner = UdpSocket::new(Arc::clone(self.network.stack()?), family.into(), self.place()?);
        self.table.push(Socket { inner, binding: false }).map_err(SocketsError::trap)
    }
}

impl udp::Host for SocketsHost<'_> {}

impl udp::HostUdpSocket for SocketsHost<'_> {
    fn start_bind(
        &mut self,
        socket: Resource<Socket>,
        right: Resource<Right>,
        address: IpSocketAddress,
    ) -> SocketsResult<()> {
        self.table.get(&right).map_err(SocketsError::trap)?;
        let socket = self.udp_socket(&socket)?;
        if socket.binding {
            return Err(ErrorCode::ConcurrencyConflict.into());
        }
        socket.inner.bind(address.into())?;
        socket.binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, socket: Resource<Socket>) -> SocketsResult<()> {
        let socket = self.udp_socket(&socket)?;
        if std::mem::take(&mut socket.binding) { Ok(()) } else { Err(ErrorCode::NotInProgress.into()) }
    }

    fn stream(
        &mut self,
        socket: Resource<Socket>,
        remote: Option<IpSocketAddress>,
    ) -> SocketsResult<(Resource<Incoming>, Resource<Outgoing>)> {
        let mut children = self.table.iter_children(&socket).map_err(SocketsError::trap)?;
        let streaming = children.any(|child| child.is::<Incoming>() || child.is::<Outgoing>());
        drop(children);
        if streaming {
            return Err(SocketsError::trap(wasmtime::Error::msg("the socket's earlier streams are not dropped yet")));
        }
        let inner = &mut self.udp_socket(&socket)?.inner;
        // Only 0.3 binds by itself.
        inner.local_address()?;
        match remote {
            Some(remote) => inner.connect(remote.into())?,
            // It may have had none.
            None => drop(inner.disconnect()),
        }
        let (port, only) = inner.receiver()?;
        let sender = inner.sender()?;
        let incoming = self.table.push_child(Incoming { port, only }, &socket).map_err(SocketsError::trap)?;
        let outgoing = Outgoing { sender, permitted: 0 };
        let outgoing = self.table.push_child(outgoing, &socket).map_err(SocketsError::trap)?;
        Ok((incoming, outgoing))
    }

    fn local_address(&mut self, socket: Resource<Socket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.udp_socket(&socket)?.inner.local_address()?.into())
    }

    fn remote_address(&mut self, socket: Resource<Socket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.udp_socket(&socket)?.inner.remote_address()?.into())
    }

    fn address_family(&mut self, socket: Resource<Socket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.inner.family.into())
    }

    fn unicast_hop_limit(&mut self, socket: Resource<Socket>) -> SocketsResult<u8> {
        Ok(self.udp_socket(&socket)?.inner.options.hop_limit())
    }

    fn set_unicast_hop_limit(&mut self, socket: Resource<Socket>, value: u8) -> SocketsResult<()> {
        Ok(self.udp_socket(&socket)?.inner.options.set_hop_limit(value)?)
    }

    fn receive_buffer_size(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(self.udp_socket(&socket)?.inner.options.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.udp_socket(&socket)?.inner.options.set_receive_buffer(value)?)
    }

    fn send_buffer_size(&mut self, socket: Resource<Socket>) -> SocketsResult<u64> {
        Ok(self.udp_socket(&socket)?.inner.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> SocketsResult<()> {
        Ok(self.udp_socket(&socket)?.inner.options.set_send_buffer(value)?)
    }

    fn subscribe(&mut self, socket: Resource<Socket>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi_io::poll::subscribe(self.table, socket)
    }

    fn drop(&mut self, socket: Resource<Socket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for SocketsHost<'_> {
    fn receive(&mut self, stream: Resource<Incoming>, max: u64) -> SocketsResult<Vec<IncomingDatagram>> {
        let stream = self.table.get(&stream).map_err(SocketsError::trap)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(MAX_DATAGRAMS);
        let (mut datagrams, mut bytes) = (Vec::new(), 0);
        while datagrams.len() < max && bytes < MAX_BYTES {
            match stream.port.poll_receive(&mut Context::from_waker(Waker::noop()), stream.only) {
                Poll::Pending => break,
                Poll::Ready(Ok(datagram)) => {
                    bytes += datagram.bytes.len();
                    let remote_address = datagram.from.into();
                    datagrams.push(IncomingDatagram { data: datagram.bytes.into(), remote_address });
                }
                Poll::Ready(Err(_)) if !datagrams.is_empty() => break,
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
        }
        Ok(datagrams)
    }

    fn subscribe(&mut self, stream: Resource<Incoming>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi_io::poll::subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<Incoming>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl udp::HostOutgoingDatagramStream for SocketsHost<'_> {
    fn check_send(&mut self, stream: Resource<Outgoing>) -> SocketsResult<u64> {
        let stream = self.table.get_mut(&stream).map_err(SocketsError::trap)?;
        stream.permitted = MAX_DATAGRAMS;
        Ok(MAX_DATAGRAMS as u64)
    }

    fn send(&mut self, stream: Resource<Outgoing>, datagrams: Vec<OutgoingDatagram>) -> SocketsResult<u64> {
        let stream = self.table.get_mut(&stream).map_err(SocketsError::trap)?;
        if datagrams.len() > std::mem::take(&mut stream.permitted) && !datagrams.is_empty() {
            return Err(SocketsError::trap(wasmtime::Error::msg("more datagrams than `check-send` allowed")));
        }
        let mut sent = 0;
        for datagram in datagrams {
            match stream.sender.send(datagram.data, datagram.remote_address.map(SocketAddr::from)) {
                Ok(()) => sent += 1,
                // An error is told by the next call.
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    fn subscribe(&mut self, stream: Resource<Outgoing>) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi_io::poll::subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<Outgoing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
