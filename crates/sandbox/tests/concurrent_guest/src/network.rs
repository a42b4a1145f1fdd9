//! Steps that use the network.

use futures_util::future::join;
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};
use wasip3::wit_stream;

use crate::print;

/// Does a step, if it is one of these.
pub(crate) async fn run(words: &[&str]) -> Option<Result<(), ErrorCode>> {
    Some(match *words {
        ["serve", address, count] => serve(parse(address), count.parse().unwrap()).await,
        ["call", address, text] => call(parse(address), text).await,
        ["connect-and-drop", address] => connect(parse(address)).await.map(drop),
        ["udp-serve", address, count] => udp_serve(parse(address), count.parse().unwrap()).await,
        ["udp-call", address, text] => udp_call(parse(address), text).await,
        ["resolve", name] => {
            let found =
                resolve_addresses(name.to_owned()).await.map_err(|error| ErrorCode::Other(Some(format!("{error:?}"))));
            match found {
                Ok(found) => {
                    let first = |address: &IpAddress| matches!(address, IpAddress::Ipv4((10, 9, 0, _)));
                    print(found.iter().filter(|address| first(address)).count().to_string()).await;
                    Ok(())
                }
                Err(error) => Err(error),
            }
        }
        _ => return None,
    })
}

/// An address like `10.9.0.2:80`.
fn parse(text: &str) -> IpSocketAddress {
    let address: std::net::SocketAddrV4 = text.parse().unwrap();
    let [a, b, c, d] = address.ip().octets();
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) })
}

async fn connect(address: IpSocketAddress) -> Result<TcpSocket, ErrorCode> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.connect(address).await?;
    Ok(socket)
}

async fn serve(address: IpSocketAddress, count: usize) -> Result<(), ErrorCode> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.bind(address)?;
    let mut accepted = socket.listen()?;
    print("listening".into()).await;
    for _ in 0..count {
        let caller = accepted.next().await.expect("it goes on");
        let (data, received) = caller.receive();
        let (sent, received) = join(caller.send(data).into_future(), received.into_future()).await;
        sent?;
        received?;
    }
    Ok(())
}

async fn call(address: IpSocketAddress, text: &str) -> Result<(), ErrorCode> {
    let socket = connect(address).await?;
    let (mut data, reader) = wit_stream::new();
    let text = text.as_bytes().to_vec();
    let (sent, ()) = join(socket.send(reader).into_future(), async move {
        data.write_all(text).await;
    })
    .await;
    sent?;
    let (answer, received) = socket.receive();
    let answer = answer.collect().await;
    received.await?;
    print(String::from_utf8_lossy(&answer).into_owned()).await;
    Ok(())
}

async fn udp_serve(address: IpSocketAddress, count: usize) -> Result<(), ErrorCode> {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    socket.bind(address)?;
    print("listening".into()).await;
    for _ in 0..count {
        let (data, from) = socket.receive().await?;
        socket.send(data, Some(from)).await?;
    }
    Ok(())
}

async fn udp_call(address: IpSocketAddress, text: &str) -> Result<(), ErrorCode> {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    socket.connect(address)?;
    socket.send(text.as_bytes().to_vec(), None).await?;
    let (data, _) = socket.receive().await?;
    print(String::from_utf8_lossy(&data).into_owned()).await;
    Ok(())
}
