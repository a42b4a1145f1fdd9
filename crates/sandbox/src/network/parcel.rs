//! [`Parcel`]: what one worker says to another at the beginning of a connection, and each datagram.
//!
//! A kind byte, the big-endian length of a head and the head (network, sender and goal, one a line), the big-endian length
//! of a payload and the payload.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::udp_port::MAX_DATAGRAM;

/// Bytes of a head.
const MAX_HEAD: usize = 1024;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) kind: Kind,
    pub(super) network: Arc<str>,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Of a datagram.
    pub(super) bytes: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connection,
    Datagram,
}

impl Parcel {
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let head = format!("{}\n{}\n{}", self.network, self.from, self.to);
        let mut bytes = Vec::with_capacity(head.len() + self.bytes.len() + 7);
        bytes.push(match self.kind {
            Kind::Connection => 0,
            Kind::Datagram => 1,
        });
        bytes.extend_from_slice(&u16::try_from(head.len()).map_err(|_| invalid())?.to_be_bytes());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&u32::try_from(self.bytes.len()).map_err(|_| invalid())?.to_be_bytes());
        bytes.extend_from_slice(&self.bytes);
        to.write_all(&bytes).await?;
        to.flush().await
    }

    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut start = [0; 3];
        from.read_exact(&mut start).await?;
        let [kind, high, low] = start;
        let kind = match kind {
            0 => Kind::Connection,
            1 => Kind::Datagram,
            _ => return Err(invalid()),
        };
        let head = read_bytes(from, usize::from(u16::from_be_bytes([high, low])), MAX_HEAD).await?;
        let mut len = [0; 4];
        from.read_exact(&mut len).await?;
        let len = usize::try_from(u32::from_be_bytes(len)).map_err(|_| invalid())?;
        let bytes = read_bytes(from, len, MAX_DATAGRAM).await?.into();
        let head = String::from_utf8(head).map_err(|_| invalid())?;
        let mut lines = head.split('\n');
        let mut line = || lines.next().ok_or_else(invalid);
        let network = line()?.into();
        let (from, to) = (line()?.parse().map_err(|_| invalid())?, line()?.parse().map_err(|_| invalid())?);
        Ok(Self { kind, network, from, to, bytes })
    }
}

async fn read_bytes(from: &mut (impl AsyncRead + Unpin), len: usize, most: usize) -> io::Result<Vec<u8>> {
    if len > most {
        return Err(invalid());
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn parcel(kind: Kind, len: usize) -> Parcel {
        Parcel {
            kind,
            network: "net".into(),
            from: "10.0.0.1:80".parse().unwrap(),
            to: "[fd00::1]:81".parse().unwrap(),
            bytes: vec![7; len].into(),
        }
    }

    #[test]
    fn a_parcel_comes_back_whole_up_to_the_limit() {
        for (kind, len, passes) in [
            (Kind::Connection, 0, true),
            (Kind::Datagram, MAX_DATAGRAM, true),
            (Kind::Datagram, MAX_DATAGRAM + 1, false),
        ] {
            let (sent, mut bytes) = (parcel(kind, len), Vec::new());
            sent.write(&mut bytes).now_or_never().unwrap().unwrap();
            let read = Parcel::read(&mut &bytes[..]).now_or_never().unwrap();
            assert_eq!(read.ok(), passes.then_some(sent));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parcel::read(&mut &bytes[..]).now_or_never().unwrap();
        }
    }
}
