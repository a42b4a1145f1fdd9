//! Binding the API's addresses: safe against a second daemon and against what a killed one left.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::{DaemonError, Host};

/// Time that another daemon on the same socket has to answer before it is taken for one that hangs.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);

/// A bound address of the API.
#[derive(Debug)]
pub(crate) enum Bound {
    /// A Unix socket, with what removes it.
    Unix(UnixListener, SocketFile),
    /// A loopback TCP address.
    Tcp(TcpListener),
}

/// A socket's file. Dropping it removes the file if it is still ours.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs_err::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode);
        if ours && let Err(error) = fs_err::remove_file(&self.path) {
            tracing::warn!(%error, "the socket could not be removed");
        }
    }
}

/// Binds one address.
///
/// # Errors
/// Another daemon answers there, something else lies there, or the host refuses.
pub(crate) async fn bind(host: &Host) -> Result<Bound, DaemonError> {
    match host {
        Host::Unix(path) => bind_unix(path).await,
        Host::Tcp(address) => {
            let listener = TcpListener::bind(address).await;
            Ok(Bound::Tcp(listener.map_err(DaemonError::io(format!("listen on {host}")))?))
        }
    }
}

async fn bind_unix(path: &Path) -> Result<Bound, DaemonError> {
    refuse_if_taken(path).await?;
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(DaemonError::io("make the socket's folder"))?;
    }
    // Bound under another name and renamed, so that nobody ever sees it with a wrong mode, and a stale one is replaced
    // in one step.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let action = || format!("listen on {}", path.display());
    let _ = fs_err::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary).map_err(DaemonError::io(action()))?;
    let mode = if rustix::process::geteuid().is_root() { 0o660 } else { 0o600 };
    let placed = fs_err::set_permissions(&temporary, PermissionsExt::from_mode(mode))
        .and_then(|()| fs_err::rename(&temporary, path))
        .and_then(|()| fs_err::symlink_metadata(path));
    match placed {
        Ok(meta) => Ok(Bound::Unix(listener, SocketFile { path: path.to_owned(), inode: meta.ino() })),
        Err(source) => {
            let _ = fs_err::remove_file(&temporary);
            Err(DaemonError::Io { action: action(), source })
        }
    }
}

/// A socket nobody answers on is stale and may be replaced; anything else may not.
async fn refuse_if_taken(path: &Path) -> Result<(), DaemonError> {
    let Ok(meta) = fs_err::symlink_metadata(path) else { return Ok(()) };
    if !meta.file_type().is_socket() {
        return Err(DaemonError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Ok(stream) => match is_answered(stream).await {
            true => Err(DaemonError::AlreadyRunning(format!("unix://{}", path.display()))),
            false => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DaemonError::Io { action: format!("see who holds {}", path.display()), source }),
    }
}

/// Whether anybody is behind a connection. A daemon killed while it started a worker leaves a copy of its socket in the
/// child until that runs another program: one can connect then, but the connection breaks a moment later.
async fn is_answered(mut stream: UnixStream) -> bool {
    let ask = async {
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: sprat\r\nConnection: close\r\n\r\n").await?;
        stream.read(&mut [0]).await
    };
    match tokio::time::timeout(ANSWER_DEADLINE, ask).await {
        Ok(Ok(bytes)) => bytes > 0,
        Ok(Err(_)) => false,
        // Somebody holds it and is slow.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(folder: &tempfile::TempDir) -> Host {
        Host::Unix(folder.path().join("s.sock"))
    }

    #[tokio::test]
    async fn a_live_socket_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let _first = bind(&unix(&folder)).await.unwrap();
        let second = bind(&unix(&folder)).await;
        assert!(matches!(second, Err(DaemonError::AlreadyRunning(_))));
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let bound = bind(&unix(&folder)).await.unwrap();
        let mode = fs_err::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{mode:o}");
        drop(bound);
        assert!(!path.exists());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_socket_that_only_the_child_of_a_killed_daemon_holds_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let held = std::os::unix::net::UnixListener::bind(&path).unwrap();
        // Its backlog takes this connection; the end of the holder breaks it.
        let waiting = UnixStream::connect(&path).await.unwrap();
        let answered = tokio::spawn(is_answered(waiting));
        tokio::task::yield_now().await;
        drop(held);
        assert!(!answered.await.unwrap());
        bind(&unix(&folder)).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        fs_err::write(&path, "precious").unwrap();
        assert!(matches!(bind(&unix(&folder)).await, Err(DaemonError::NotASocket(_))));
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_that_was_replaced_by_another_daemon_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let first = bind(&unix(&folder)).await.unwrap();
        fs_err::remove_file(&path).unwrap();
        let _second = bind(&unix(&folder)).await.unwrap();
        drop(first);
        assert!(path.exists());
    }
}
