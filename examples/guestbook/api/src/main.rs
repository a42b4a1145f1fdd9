//! The middle tier: HTTP in front of the store. `GET /entries`, `POST /entries`, `GET /health`.
//!
//! `--check` asks a running one whether it is well, and is its health check.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

/// Most bytes of a request's body.
const LIMIT: usize = 64 << 10;

fn main() -> ExitCode {
    let done = if std::env::args().any(|arg| arg == "--check") { check() } else { serve() };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> io::Result<()> {
    let mut stream = TcpStream::connect("127.0.0.1:8000")?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(io::Error::other(answer)) }
}

fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:8000")?;
    println!("api: listening on 8000");
    for stream in listener.incoming() {
        if let Err(error) = stream.and_then(|stream| answer(&stream)) {
            eprintln!("api: {error}");
        }
    }
    Ok(())
}

fn answer(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut words = first.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/health")) => match ask("COUNT", false) {
            Ok(count) => ("200 OK", count),
            Err(error) => ("503 Service Unavailable", format!("the store: {error}\n")),
        },
        (Some("GET"), Some("/entries")) => ("200 OK", ask("LIST", true)?),
        (Some("POST"), Some("/entries")) if length <= LIMIT => {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let text = String::from_utf8_lossy(&body).replace(['\r', '\n'], " ");
            ("201 Created", ask(&format!("ADD {text}"), false)?)
        }
        _ => ("404 Not Found", "try GET or POST /entries\n".to_owned()),
    };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Asks the store; an answer of many lines ends with an empty one.
fn ask(request: &str, many: bool) -> io::Result<String> {
    let store = std::env::var("STORE").unwrap_or_else(|_| "store:6400".to_owned());
    let mut stream = TcpStream::connect(store)?;
    writeln!(stream, "{request}")?;
    let mut answer = String::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if many && line.is_empty() {
            break;
        }
        answer.push_str(&line);
        answer.push('\n');
        if !many {
            break;
        }
    }
    Ok(answer)
}
