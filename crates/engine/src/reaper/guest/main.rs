//! The program of the image that stands for `testcontainers/ryuk`: it waits until nobody needs a session any more.
//!
//! It listens on the ports that its container exposes. Each line that comes is a filter, which it notes in a file of its
//! container before it answers `ACK`. It ends, with status 0, when the last connection has been closed for a while, or when none
//! came at all. It removes nothing and can't: it is a guest as any other. The engine, which knows its image, reads what it noted
//! when it has ended, and removes what is meant. So a session outlives any kill of the daemon, as its containers do.
//!
//! It is bounded: so many connections, so long a line, so many lines. Further connections wait until one is closed.

mod duration;
#[path = "../filter.rs"]
mod filter;
mod lines;
mod poll;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lines::Lines;

/// Where filters are noted; the engine reads it.
const NOTES: &str = "/sessions";
/// Most connections at once.
const CONNECTIONS_LIMIT: usize = 512;
/// Bytes read at once.
const CHUNK: usize = 4096;
/// Most characters of a stranger's line that the log shows.
const SHOWN: usize = 200;
/// How long a client that takes no answer holds up the others, once.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a listener that can't accept is left alone.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reaper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let first_wait = variable("RYUK_CONNECTION_TIMEOUT", Duration::from_secs(60))?;
    let last_wait = variable("RYUK_RECONNECTION_TIMEOUT", Duration::from_secs(10))?;
    let mut reaper = Reaper::new(last_wait)?;
    // What clients wait for.
    println!(
        "reaper: Started! Built into Sprat; it ends {last_wait:?} after the last connection, {first_wait:?} without any"
    );
    reaper.serve(Instant::now() + first_wait)?;
    println!("reaper: nobody is connected: removing what belongs to {} filters", reaper.noted.len());
    Ok(())
}

/// A variable with a duration.
fn variable(name: &str, default: Duration) -> io::Result<Duration> {
    match std::env::var(name).ok().filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => duration::parse(&text).ok_or_else(|| {
            io::Error::other(format!("{name}={text} is no duration: write it as Go does, such as 10s or 1m30s"))
        }),
    }
}

/// The sockets that this program was given, as systemd does it.
fn listeners() -> io::Result<Vec<TcpListener>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<RawFd>().ok());
    let (Some(first), Some(count)) = (number("LISTEN_FDS_START"), number("LISTEN_FDS")) else {
        return Err(io::Error::other("no port is exposed to listen on: expose 8080"));
    };
    (first..first + count)
        .map(|descriptor| {
            // SAFETY: it was given to this program, which takes each once.
            let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
            listener.set_nonblocking(true).map(|()| listener)
        })
        .collect()
}

/// Tells a client that its line was taken.
fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest: &[u8] = b"ACK\n";
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !poll::writable(stream.as_raw_fd(), ANSWER)? {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    lines: Lines,
}

struct Reaper {
    listeners: Vec<TcpListener>,
    connections: Vec<Connection>,
    noted: Vec<String>,
    notes: File,
    last_wait: Duration,
    /// Connections can't be accepted before this.
    paused: Option<Instant>,
}

impl Reaper {
    fn new(last_wait: Duration) -> io::Result<Self> {
        let notes = File::create(NOTES).map_err(|error| io::Error::other(format!("cannot make {NOTES}: {error}")))?;
        let listeners = listeners()?;
        Ok(Self { listeners, connections: Vec::new(), noted: Vec::new(), notes, last_wait, paused: None })
    }

    /// Serves until there was no connection for a while.
    fn serve(&mut self, mut deadline: Instant) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let alone = self.connections.is_empty();
            if alone && now >= deadline {
                return Ok(());
            }
            self.paused = self.paused.filter(|until| *until > now);
            let accepting = self.paused.is_none() && self.connections.len() < CONNECTIONS_LIMIT;
            let listeners: &[TcpListener] = if accepting { &self.listeners } else { &[] };
            let ports = listeners.len();
            let descriptors = listeners.iter().map(|listener| listener.as_raw_fd());
            let descriptors =
                descriptors.chain(self.connections.iter().map(|connection| connection.stream.as_raw_fd()));
            let most = [alone.then_some(deadline), self.paused].into_iter().flatten().min();
            let ready =
                poll::readable(&descriptors.collect::<Vec<_>>(), most.map(|at| at.saturating_duration_since(now)))?;
            // From the end: what is closed leaves the indexes before it as they are.
            for index in ready.into_iter().rev() {
                match index.checked_sub(ports) {
                    Some(connection) => self.read(connection),
                    None => self.accept(index),
                }
            }
            if !alone && self.connections.is_empty() {
                deadline = Instant::now() + self.last_wait;
            }
        }
    }

    fn accept(&mut self, index: usize) {
        let Some(listener) = self.listeners.get(index) else { return };
        let accepted = listener.accept().and_then(|(stream, _)| stream.set_nonblocking(true).map(|()| stream));
        match accepted {
            Ok(stream) => {
                self.connections.push(Connection { stream, lines: Lines::default() });
                println!("reaper: a client connected, now {}", self.connections.len());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                println!("reaper: no connection can be accepted for now: {error}");
                self.paused = Some(Instant::now() + PAUSE);
            }
        }
    }

    fn read(&mut self, index: usize) {
        if let Err(why) = self.hear(index) {
            self.connections.swap_remove(index);
            println!("reaper: a client {why}, now {}", self.connections.len());
        }
    }

    /// Takes what a client sent. `Err`: why it is cut off.
    fn hear(&mut self, index: usize) -> Result<(), String> {
        let mut bytes = [0; CHUNK];
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        let length = match connection.stream.read(&mut bytes) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(format!("is gone: {error}")),
        };
        let heard = connection.lines.take(bytes.get(..length).unwrap_or_default());
        let mut heard = heard.map_err(|_| format!("sent a line of more than {} bytes", filter::LINE_LIMIT))?;
        if length == 0 {
            heard.extend(connection.lines.finish());
        }
        for line in heard {
            self.note(&line)?;
            let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
            let answered = answer(&mut connection.stream);
            // Who closed already does not wait for an answer.
            if length > 0 {
                answered.map_err(|error| format!("takes no answer: {error}"))?;
            }
        }
        if length == 0 { Err("disconnected".to_owned()) } else { Ok(()) }
    }

    /// Notes a filter. One that may remove nothing is told in the log alone: clients are answered as ryuk answers them.
    fn note(&mut self, line: &str) -> Result<(), String> {
        let shown: String = line.chars().take(SHOWN).collect();
        if let Err(why) = filter::parse(line) {
            println!("reaper: nothing will be removed by {shown:?}: {why}");
            return Ok(());
        }
        if self.noted.iter().any(|noted| noted == line) {
            return Ok(());
        }
        if self.noted.len() >= filter::LINES_LIMIT {
            return Err(format!("sent more than {} filters", filter::LINES_LIMIT));
        }
        // In one write, so that no half of a line is noted.
        let noted = self.notes.write_all(format!("{line}\n").as_bytes());
        noted.map_err(|error| format!("can't be served: {NOTES}: {error}"))?;
        self.noted.push(line.to_owned());
        println!("reaper: will remove what has {shown:?}");
        Ok(())
    }
}
