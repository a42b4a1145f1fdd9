//! Steps that use the network.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::FromRawFd;
use std::time::Instant;

use crate::print;

const CHUNK: usize = 64 << 10;

/// Does a step, if it is one of these.
pub(crate) fn run(words: &[&str]) -> Option<io::Result<()>> {
    Some(match *words {
        ["resolve", name] => resolve(name),
        ["serve", address, count] => serve(address, count.parse().unwrap()),
        ["serve-given", index, count] => serve_given(index.parse().unwrap(), count.parse().unwrap()),
        ["call", address, text] => call(address, text),
        ["sink", address] => sink(address),
        ["pump", address, bytes] => pump(address, bytes.parse().unwrap()),
        ["pong", address] => pong(address),
        ["ping", address, count] => ping(address, count.parse().unwrap()),
        ["addresses", address] => addresses(address),
        ["who-calls", address] => who_calls(address),
        ["hold", address] => hold(address),
        ["connect-many", address, most] => connect_many(address, most.parse().unwrap()),
        ["bind-many", most] => bind_many(most.parse().unwrap()),
        ["bind", address] => TcpListener::bind(address).map(drop),
        ["bind-twice", first, second] => bind_twice(first, second),
        ["read-one-then-leave", address] => read_one_then_leave(address),
        ["write-until-it-fails", address] => write_until_it_fails(address),
        ["fill-unread", address] => fill_unread(address),
        ["udp-serve", address, count] => udp_serve(address, count.parse().unwrap()),
        ["udp-call", from, to, text] => udp_call(from, to, text),
        ["udp-flood", to, count] => udp_flood(to, count.parse().unwrap()),
        ["udp-count", address] => udp_count(address),
        ["udp-too-large", to] => {
            UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(&[0; 65508], to)).map(drop)
        }
        ["udp-send", to] => UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", to)).map(drop),
        _ => return None,
    })
}

fn resolve(name: &str) -> io::Result<()> {
    let mut found: Vec<_> = (name, 0).to_socket_addrs()?.map(|address| address.ip().to_string()).collect();
    found.dedup();
    print(found.join(","))
}

/// Serves on one of the descriptors that the program was given.
fn serve_given(index: i32, count: usize) -> io::Result<()> {
    let variable = |name: &str| std::env::var(name).map_err(io::Error::other);
    let first: i32 = variable("LISTEN_FDS_START")?.parse().unwrap();
    assert!(index < variable("LISTEN_FDS")?.parse().unwrap());
    // SAFETY: it is this program's, and nobody else has it.
    let listener = unsafe { TcpListener::from_raw_fd(first + index) };
    print(format!("listening {}", variable("LISTEN_FDNAMES")?))?;
    serve_all(&listener, count)
}

fn serve(address: &str, count: usize) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print("listening".into())?;
    serve_all(&listener, count)
}

fn serve_all(listener: &TcpListener, count: usize) -> io::Result<()> {
    for _ in 0..count {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = vec![0; CHUNK];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => stream.write_all(&buffer[..read])?,
            }
        }
    }
    Ok(())
}

fn call(address: &str, text: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    print(answer)
}

fn sink(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print("listening".into())?;
    let (mut stream, _) = listener.accept()?;
    let (mut buffer, mut all, mut sum) = (vec![0; CHUNK], 0_usize, 0_u64);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            stream.write_all(b"done")?;
            return print(format!("{all} {sum}"));
        }
        all += read;
        sum = buffer[..read].iter().step_by(4096).fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
    }
}

fn pump(address: &str, mut bytes: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let (buffer, begin, all) = (vec![1; CHUNK], Instant::now(), bytes);
    while bytes > 0 {
        let part = bytes.min(CHUNK);
        stream.write_all(&buffer[..part])?;
        bytes -= part;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    print(format!("{:.0} MB/s", all as f64 / begin.elapsed().as_secs_f64() / 1e6))
}

fn pong(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print("listening".into())?;
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut byte = [0];
    while stream.read(&mut byte)? > 0 {
        stream.write_all(&byte)?;
    }
    Ok(())
}

fn ping(address: &str, count: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    for _ in 0..count {
        let begin = Instant::now();
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])?;
        times.push(begin.elapsed());
    }
    times.sort();
    print(format!("median {:?}", times[times.len() / 2]))
}

fn addresses(address: &str) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
    assert!((32768..=60999).contains(&local.port()), "{local}");
    print(format!("{} {peer}", local.ip()))
}

fn who_calls(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print("listening".into())?;
    let (stream, peer) = listener.accept()?;
    print(format!("{} {}", peer.ip(), stream.local_addr()?))
}

/// Listens and accepts nothing until its input ends.
fn hold(address: &str) -> io::Result<()> {
    let _listener = TcpListener::bind(address)?;
    print("listening".into())?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn connect_many(address: &str, most: usize) -> io::Result<()> {
    let mut all = Vec::new();
    while all.len() < most {
        match TcpStream::connect(address) {
            Ok(stream) => all.push(stream),
            Err(error) => return print(format!("{} then {:?}", all.len(), error.kind())),
        }
    }
    print(format!("{most}"))
}

fn bind_many(most: usize) -> io::Result<()> {
    let mut all = Vec::new();
    while all.len() < most {
        match TcpListener::bind("0.0.0.0:0") {
            Ok(listener) => all.push(listener),
            Err(error) => return print(format!("{} then {:?}", all.len(), error.raw_os_error())),
        }
    }
    print(format!("{most}"))
}

fn bind_twice(first: &str, second: &str) -> io::Result<()> {
    let _first = TcpListener::bind(first)?;
    TcpListener::bind(second).map(drop)
}

fn read_one_then_leave(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print("listening".into())?;
    let (mut stream, _) = listener.accept()?;
    stream.read_exact(&mut [0])
}

fn write_until_it_fails(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    loop {
        stream.write_all(&[0; 1000])?;
    }
}

/// How much can be written to who does not read.
fn fill_unread(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    let mut written = 0;
    loop {
        match stream.write(&[0; 1000]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return print(written.to_string()),
            Err(error) => return Err(error),
        }
    }
}

fn udp_serve(address: &str, count: usize) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    print("listening".into())?;
    let mut buffer = vec![0; CHUNK];
    for _ in 0..count {
        let (read, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..read], from)?;
    }
    Ok(())
}

fn udp_call(from: &str, to: &str, text: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(from)?;
    let to: SocketAddr = to.to_socket_addrs()?.next().unwrap();
    socket.send_to(text.as_bytes(), to)?;
    let mut buffer = vec![0; CHUNK];
    let (read, partner) = socket.recv_from(&mut buffer)?;
    assert_eq!(partner, to);
    print(String::from_utf8_lossy(&buffer[..read]).into_owned())
}

fn udp_flood(to: &str, count: usize) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    for _ in 0..count {
        socket.send_to(&[0; 100], to)?;
    }
    print("sent".into())
}

/// Counts what came when its input ends.
fn udp_count(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    print("listening".into())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    socket.set_nonblocking(true)?;
    let mut count = 0;
    while socket.recv_from(&mut [0; 200]).is_ok() {
        count += 1;
    }
    print(count.to_string())
}
