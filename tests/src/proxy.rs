//! [`Proxy`]: a TCP proxy that breaks off when it has passed so many bytes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A proxy before a server of this machine. It ends with the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    left: Arc<AtomicI64>,
    passed: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts one that passes `bytes` of answers, and then breaks all connections off.
    ///
    /// # Panics
    /// It can't listen.
    #[must_use]
    pub fn start(server: SocketAddr, bytes: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let proxy = Self { address, left: Arc::new(AtomicI64::new(bytes)), passed: Arc::default() };
        let accepting = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let proxy = accepting.clone();
                std::thread::spawn(move || proxy.pass(&client, server));
            }
        });
        proxy
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets so many bytes pass from now on, and begins to count anew.
    pub fn allow(&self, bytes: i64) {
        self.passed.store(0, Ordering::SeqCst);
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// Bytes of answers that passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    fn pass(&self, client: &TcpStream, server: SocketAddr) {
        if self.left.load(Ordering::SeqCst) <= 0 {
            return;
        }
        let Ok(server) = TcpStream::connect(server) else { return };
        let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
        // Requests go through whole; a broken pipe is the end of it.
        std::thread::spawn(move || std::io::copy(&mut from, &mut to).map(|_| to.shutdown(Shutdown::Write)));
        let mut buffer = [0; 16 * 1024];
        let (mut from, mut to) = (&server, client);
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let count = i64::try_from(n).expect("a buffer's length");
            let piece = buffer.get(..n).unwrap_or_default();
            if self.left.fetch_sub(count, Ordering::SeqCst) < count || to.write_all(piece).is_err() {
                break;
            }
            self.passed.fetch_add(n as u64, Ordering::SeqCst);
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}
