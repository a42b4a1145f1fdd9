//! Two workers in one process, joined by a socket.

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use super::*;
use crate::network::udp_port::UdpPort;
use crate::network::{EndpointSpec, Lookup, NetworkMode, NetworkSpec, Protocol, RemoteMember};
use crate::{Output, Stream};

struct Nowhere;

impl Output for Nowhere {
    fn write(&self, _: Stream, bytes: &[u8]) -> Option<usize> {
        Some(bytes.len())
    }

    fn poll_ready(&self, _: Stream, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, last)
}

fn stack(fabric: &Arc<Network>, last: u8) -> Arc<Stack> {
    let endpoint =
        EndpointSpec { network: "net".into(), v4: Some(address(last)), prefix_v4: 24, ..EndpointSpec::default() };
    let spec = NetworkSpec { mode: NetworkMode::Virtual, endpoints: vec![endpoint], ..NetworkSpec::default() };
    Stack::new(Arc::clone(fabric), spec, Vec::new(), Arc::new(Nowhere)).unwrap()
}

fn member(last: u8, worker: &str) -> RemoteMember {
    RemoteMember { names: vec![format!("g{last}")], v4: Some(address(last)), v6: None, worker: worker.into() }
}

/// Worker `a` with guest 2, worker `b` with guest 3, each knowing of the other.
struct World {
    fabrics: [Arc<Network>; 2],
    stacks: [Arc<Stack>; 2],
}

impl World {
    fn new() -> Self {
        let fabrics: [Arc<Network>; 2] = Default::default();
        let stacks = [stack(&fabrics[0], 2), stack(&fabrics[1], 3)];
        fabrics[0].add_remote("net", member(3, "b")).unwrap();
        fabrics[1].add_remote("net", member(2, "a")).unwrap();
        let world = Self { fabrics, stacks };
        world.join();
        world
    }

    fn join(&self) {
        let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
        self.fabrics[0].join("b", OwnedFd::from(left)).unwrap();
        self.fabrics[1].join("a", OwnedFd::from(right)).unwrap();
    }

    async fn call(&self, port: u16) -> Result<Established> {
        match self.stacks[0].dial(None, (address(3), port).into()) {
            Dial::Done(done) => done,
            Dial::Pending(dial) => dial.await,
        }
    }

    fn listen(&self, port: u16) -> Arc<crate::network::listener::Listener> {
        let stack = &self.stacks[1];
        let bound = stack.bind(Protocol::Tcp, (Ipv4Addr::UNSPECIFIED, port).into()).unwrap();
        stack.listen(crate::network::dial::Binding::Own(bound), 4).unwrap()
    }
}

async fn read_all(connection: &Connection) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let bytes = poll_fn(|cx| connection.poll_read(cx, 100_000)).await?;
        if bytes.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&bytes);
    }
}

async fn write_all(connection: &Connection, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| connection.poll_write(cx, bytes)).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

#[tokio::test]
async fn a_name_of_another_workers_guest_is_found_and_its_bytes_come_whole() {
    let world = World::new();
    let Lookup::Done(found) = world.stacks[0].look_up("G3") else { panic!("no server is asked") };
    assert_eq!(found, Ok(vec![address(3).into()]));
    let listener = world.listen(80);
    let (near, far) = tokio::join!(world.call(80), poll_fn(|cx| listener.poll_accept(cx)));
    let (near, far) = (near.unwrap(), far.unwrap());
    assert_eq!((near.local, near.remote.port()), (far.remote, 80));
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let write = async {
        write_all(&near.connection, &sent).await.unwrap();
        near.connection.finish();
    };
    let (seen, ()) = tokio::join!(read_all(&far.connection), write);
    assert!(seen.unwrap() == sent);
    // The other direction is still open.
    write_all(&far.connection, b"answer").await.unwrap();
    drop(far);
    assert_eq!(read_all(&near.connection).await.unwrap(), b"answer");
}

#[tokio::test]
async fn one_that_is_not_read_holds_up_no_other_and_its_writer_waits() {
    let world = World::new();
    let listener = world.listen(80);
    let (stuck, _unread) = tokio::join!(world.call(80), poll_fn(|cx| listener.poll_accept(cx)));
    let (near, far) = tokio::join!(world.call(80), poll_fn(|cx| listener.poll_accept(cx)));
    let (stuck, near, far) = (stuck.unwrap(), near.unwrap(), far.unwrap());
    let endless = async {
        let mut written = 0;
        loop {
            write_all(&stuck.connection, &[0; 10_000]).await.unwrap();
            written += 10_000;
            assert!(written < 32 << 20, "there is no end of room");
        }
    };
    let other = async {
        write_all(&near.connection, &[1; 2_000_000]).await.unwrap();
        near.connection.finish();
    };
    tokio::select! {
        () = endless => {}
        (seen, ()) = async { tokio::join!(read_all(&far.connection), other) } => assert_eq!(seen.unwrap().len(), 2_000_000),
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_joined_is_refused() {
    let world = World::new();
    assert_eq!(world.call(81).await.unwrap_err(), SocketError::ConnectionRefused);
    // `b` does not know that guest 2 is of `a`: it believes nothing from there.
    world.fabrics[1].remove_remote("net", &[address(2).into()]);
    let _listener = world.listen(80);
    assert_eq!(world.call(80).await.unwrap_err(), SocketError::RemoteUnreachable);
    world.fabrics[0].remove_remote("net", &[address(3).into()]);
    assert_eq!(world.call(80).await.unwrap_err(), SocketError::RemoteUnreachable);
}

#[tokio::test]
async fn a_network_is_forgotten_with_its_last_member() {
    let world = World::new();
    world.fabrics[0].remove_remote("net", &[address(3).into()]);
    assert_eq!(world.fabrics[0].segments(), 1);
    let World { fabrics, stacks } = world;
    drop(stacks);
    assert_eq!(fabrics[0].segments(), 0);
    assert_eq!(fabrics[1].segments(), 1, "a member of another worker is still there");
}

#[tokio::test]
async fn joining_anew_cuts_what_was_and_goes_on() {
    let world = World::new();
    let listener = world.listen(80);
    let (near, far) = tokio::join!(world.call(80), poll_fn(|cx| listener.poll_accept(cx)));
    let (near, _far) = (near.unwrap(), far.unwrap());
    world.join();
    // However it is told, the connection is over.
    assert!(read_all(&near.connection).await.map_or(true, |bytes| bytes.is_empty()));
    let (near, far) = tokio::join!(world.call(80), poll_fn(|cx| listener.poll_accept(cx)));
    assert!(near.is_ok() && far.is_ok());
}

#[tokio::test]
async fn datagrams_go_to_another_workers_guest_and_back() {
    let world = World::new();
    let port = |stack: &Arc<Stack>, number: u16| {
        let bound = stack.bind(Protocol::Udp, (Ipv4Addr::UNSPECIFIED, number).into()).unwrap();
        let local = bound.address;
        let port = UdpPort::new(Some(bound), local, Vec::new(), Arc::default());
        port.announce();
        port
    };
    let (ours, theirs) = (port(&world.stacks[0], 1000), port(&world.stacks[1], 53));
    let (from, to) = ((address(2), 1000).into(), (address(3), 53).into());
    let network: Arc<str> = "net".into();
    world.fabrics[0].peers.send("b", &network, (from, to), Bytes::from_static(b"ask"));
    let asked = poll_fn(|cx| theirs.poll_receive(cx, None)).await.unwrap();
    assert_eq!(asked, Datagram { bytes: Bytes::from_static(b"ask"), from });
    world.fabrics[1].peers.send("a", &network, (to, from), Bytes::from_static(b"answer"));
    let answered = poll_fn(|cx| ours.poll_receive(cx, Some(to))).await.unwrap();
    assert_eq!(answered.bytes, "answer");
}
