//! [`SocketError`]: why a call on a socket failed, before it is a code of some version of WASI.

use std::io;

use rustix::io::Errno;

/// Why a call on a socket failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("the network refused it")]
    AccessDenied,
    #[error("not supported")]
    NotSupported,
    #[error("an invalid argument")]
    InvalidArgument,
    #[error("timed out")]
    Timeout,
    #[error("not in this state of the socket")]
    InvalidState,
    #[error("too many open sockets and files")]
    TooManySockets,
    #[error("no address of this container")]
    AddressNotBindable,
    #[error("the address is in use, or no port is left")]
    AddressInUse,
    #[error("the address can't be reached")]
    RemoteUnreachable,
    #[error("connection refused")]
    ConnectionRefused,
    #[error("connection reset")]
    ConnectionReset,
    #[error("connection aborted")]
    ConnectionAborted,
    #[error("the connection is closed for this direction")]
    ConnectionBroken,
    #[error("the datagram is too large")]
    DatagramTooLarge,
    #[error("no such name")]
    NameUnresolvable,
    #[error("the name servers do not answer")]
    TemporaryResolverFailure,
    #[error("the name servers refused")]
    PermanentResolverFailure,
    #[error("an error of the host")]
    Other,
}

pub(crate) type Result<T, E = SocketError> = std::result::Result<T, E>;

impl From<io::Error> for SocketError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => match error.kind() {
                io::ErrorKind::InvalidInput => Self::InvalidArgument,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Self::ConnectionBroken,
                io::ErrorKind::ConnectionReset => Self::ConnectionReset,
                io::ErrorKind::TimedOut => Self::Timeout,
                _ => Self::Other,
            },
        }
    }
}

impl From<Errno> for SocketError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::PERM | Errno::ACCESS => Self::AccessDenied,
            Errno::ADDRINUSE => Self::AddressInUse,
            Errno::ADDRNOTAVAIL => Self::AddressNotBindable,
            Errno::TIMEDOUT => Self::Timeout,
            Errno::CONNREFUSED => Self::ConnectionRefused,
            Errno::CONNRESET => Self::ConnectionReset,
            Errno::CONNABORTED => Self::ConnectionAborted,
            Errno::PIPE => Self::ConnectionBroken,
            Errno::INVAL => Self::InvalidArgument,
            Errno::HOSTUNREACH | Errno::HOSTDOWN | Errno::NETDOWN | Errno::NETUNREACH => Self::RemoteUnreachable,
            Errno::ISCONN | Errno::NOTCONN | Errno::DESTADDRREQ => Self::InvalidState,
            Errno::NFILE | Errno::MFILE | Errno::NOBUFS | Errno::NOMEM => Self::TooManySockets,
            Errno::MSGSIZE => Self::DatagramTooLarge,
            Errno::OPNOTSUPP | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => Self::NotSupported,
            _ => Self::Other,
        }
    }
}
