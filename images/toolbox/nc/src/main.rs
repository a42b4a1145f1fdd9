//! `nc`: sends standard input to a port and prints what comes back; or only looks whether somebody listens there (`-z`), as health
//! checks and Testcontainers do.
//!
//! It does one after the other: all input first, then the answer. WASI 0.2 could wait for both, but Rust's library has no call for it.
//! It uses nothing but that library, so that it can be compiled without Cargo.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "Usage: nc [-nvz] [-w SECONDS] HOST PORT[-LAST]
       nc -l [-v] [-p] PORT

Sends standard input to HOST and PORT, then prints the answer.

  -z  only connect; PORT may be a range then
  -w  longest time to connect
  -n  HOST is an address
  -v  tell what happens on standard error
  -l  take one connection on PORT instead";

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    listen: bool,
    numeric: bool,
    scan: bool,
    told: bool,
    wait: Option<Duration>,
    words: Vec<String>,
}

fn main() -> ExitCode {
    let Some(asked) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("nc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut args = args.peekable();
    let mut flags = true;
    while let Some(arg) = args.next() {
        if !flags || !arg.starts_with('-') || arg == "-" {
            asked.words.push(arg);
            continue;
        }
        flags = arg != "--";
        let mut letters = arg.trim_start_matches('-').chars();
        while let Some(letter) = letters.next() {
            match letter {
                'l' => asked.listen = true,
                'n' => asked.numeric = true,
                'v' => asked.told = true,
                'z' => asked.scan = true,
                // With -l the port is the only word anyway.
                'p' => {}
                'w' => {
                    let rest: String = letters.by_ref().collect();
                    let text = if rest.is_empty() { args.next()? } else { rest };
                    asked.wait = Some(Duration::from_secs(text.parse().ok().filter(|seconds| *seconds > 0)?));
                }
                _ => return None,
            }
        }
    }
    let wanted = if asked.listen { 1 } else { 2 };
    (asked.words.len() == wanted).then_some(asked)
}

/// True if all that was asked for could be done.
fn run(asked: &Asked) -> io::Result<bool> {
    if let [port] = asked.words.as_slice() {
        let listener = TcpListener::bind(("0.0.0.0", number(port)?))?;
        tell(asked, &format!("listening on {}", listener.local_addr()?));
        let (stream, from) = listener.accept()?;
        tell(asked, &format!("connection from {from}"));
        return converse(stream).map(|()| true);
    }
    let [host, ports] = asked.words.as_slice() else { return Ok(false) };
    let (first, last) = ports.split_once('-').filter(|_| asked.scan).unwrap_or((ports, ports));
    let mut done = true;
    for port in number(first)?..=number(last)? {
        match connect(asked, host, port) {
            Ok(stream) if asked.scan => {
                tell(asked, &format!("{host} ({}) open", stream.peer_addr()?));
            }
            Ok(stream) => {
                tell(asked, &format!("{host} ({}) open", stream.peer_addr()?));
                converse(stream)?;
            }
            Err(error) if asked.scan => {
                tell(asked, &format!("{host} port {port}: {error}"));
                done = false;
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{host} port {port}: {error}"))),
        }
    }
    Ok(done)
}

fn number(text: &str) -> io::Result<u16> {
    let wrong = || io::Error::new(ErrorKind::InvalidInput, format!("{text} is no port"));
    text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)
}

fn tell(asked: &Asked, text: &str) {
    if asked.told {
        eprintln!("nc: {text}");
    }
}

/// Connects to the first address of a host that answers.
fn connect(asked: &Asked, host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = if asked.numeric {
        let wrong = || io::Error::new(ErrorKind::InvalidInput, "-n wants an address");
        vec![SocketAddr::new(host.parse().map_err(|_| wrong())?, port)]
    } else {
        (host, port).to_socket_addrs()?.collect()
    };
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let connected = match asked.wait {
            Some(wait) => TcpStream::connect_timeout(&address, wait),
            None => TcpStream::connect(address),
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends all input, then prints all that comes.
fn converse(mut stream: TcpStream) -> io::Result<()> {
    let sent = io::copy(&mut io::stdin().lock(), &mut stream).and_then(|_| stream.shutdown(Shutdown::Write));
    let mut bytes = vec![0; 64 << 10];
    let mut output = io::stdout().lock();
    loop {
        match stream.read(&mut bytes) {
            // Who answered and closed before all was sent has answered all the same.
            Ok(0) => {
                return sent.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) });
            }
            Ok(count) => output.write_all(bytes.get(..count).unwrap_or_default()).and_then(|()| output.flush())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Asked> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_stand_together_and_apart() {
        let asked = parsed("-vz -w 1 localhost 8000").unwrap();
        assert!(asked.scan && asked.told && asked.wait == Some(Duration::from_secs(1)));
        assert_eq!(asked.words, ["localhost", "8000"]);
        assert_eq!(parsed("-w3 a 1").unwrap().wait, Some(Duration::from_secs(3)));
        assert!(parsed("-lp 80").unwrap().listen && parsed("-l -p 80").unwrap().listen);
        for wrong in ["", "a", "-z a", "-x a 1", "-w a 1", "-w 0 a 1", "a 1 2", "-l a 1"] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
