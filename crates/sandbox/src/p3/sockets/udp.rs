//! `udp-socket`.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime::component::{Accessor, Resource};

use super::bindings::wasi::sockets::types::{HostUdpSocket, HostUdpSocketWithStore};
use super::{IpAddressFamily, IpSocketAddress, SocketsError, SocketsResult};
use crate::component::{HasSockets, SocketsHost};
use crate::network::UdpSocket;

impl<U> HostUdpSocketWithStore<U> for HasSockets {
    async fn send(
        store: &Accessor<U, Self>,
        socket: Resource<UdpSocket>,
        data: Vec<u8>,
        to: Option<IpSocketAddress>,
    ) -> SocketsResult<()> {
        let sender = store.with(|mut store| Ok::<_, SocketsError>(store.get().udp(&socket)?.sender()?))?;
        Ok(sender.send(data, to.map(SocketAddr::from))?)
    }

    async fn receive(
        store: &Accessor<U, Self>,
        socket: Resource<UdpSocket>,
    ) -> SocketsResult<(Vec<u8>, IpSocketAddress)> {
        let (port, only) = store.with(|mut store| Ok::<_, SocketsError>(store.get().udp(&socket)?.receiver()?))?;
        let datagram = poll_fn(|cx| port.poll_receive(cx, only)).await?;
        Ok((datagram.bytes.into(), datagram.from.into()))
    }
}

impl HostUdpSocket for SocketsHost<'_> {
    fn create(&mut self, family: IpAddressFamily) -> SocketsResult<Resource<UdpSocket>> {
        let socket = UdpSocket::new(Arc::clone(self.network.stack()?), family.into(), self.place()?);
        self.table.push(socket).map_err(SocketsError::trap)
    }

    fn bind(&mut self, socket: Resource<UdpSocket>, address: IpSocketAddress) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.bind(address.into())?)
    }

    fn connect(&mut self, socket: Resource<UdpSocket>, address: IpSocketAddress) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.connect(address.into())?)
    }

    fn disconnect(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.disconnect()?)
    }

    fn get_local_address(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.udp(&socket)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<IpSocketAddress> {
        Ok(self.udp(&socket)?.remote_address()?.into())
    }

    fn get_address_family(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family.into())
    }

    fn get_unicast_hop_limit(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<u8> {
        Ok(self.udp(&socket)?.options.hop_limit())
    }

    fn set_unicast_hop_limit(&mut self, socket: Resource<UdpSocket>, value: u8) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.options.set_hop_limit(value)?)
    }

    fn get_receive_buffer_size(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<u64> {
        Ok(self.udp(&socket)?.options.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.options.set_receive_buffer(value)?)
    }

    fn get_send_buffer_size(&mut self, socket: Resource<UdpSocket>) -> SocketsResult<u64> {
        Ok(self.udp(&socket)?.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> SocketsResult<()> {
        Ok(self.udp(&socket)?.options.set_send_buffer(value)?)
    }

    fn drop(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}
