//! Connections to the daemon.

use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;

use super::{Body, Host};
use crate::error::CliError;

/// Opens a connection for one request. Its driver ends with it.
pub(super) async fn open(host: &Host) -> Result<SendRequest<Body>, CliError> {
    match host {
        Host::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await.map_err(|e| unreachable(host, &e))?;
            start(TokioIo::new(stream)).await
        }
        Host::Tcp(address) => {
            let stream = tokio::net::TcpStream::connect(address).await.map_err(|e| unreachable(host, &e))?;
            start(TokioIo::new(stream)).await
        }
    }
}

async fn start<T>(io: TokioIo<T>) -> Result<SendRequest<Body>, CliError>
where
    TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(io).await.map_err(|e| CliError::new("the daemon did not answer").why(e))?;
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

fn unreachable(host: &Host, error: &std::io::Error) -> CliError {
    CliError::new(format!("cannot connect to the daemon at {host}"))
        .why(error)
        .fix("is it running? start it with `sprat daemon`, or name another one with --host or SPRAT_HOST")
        .status(125)
}
