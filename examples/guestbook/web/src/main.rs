//! The top tier: a page of the guestbook. `GET /` shows it, `POST /` adds what the form sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Most bytes of a request's body.
const LIMIT: usize = 64 << 10;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80")?;
    println!("web: listening on 80");
    for stream in listener.incoming() {
        if let Err(error) = stream.and_then(|stream| answer(&stream)) {
            eprintln!("web: {error}");
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
    if first.starts_with("POST / ") && length <= LIMIT {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        call("POST", &body)?;
    }
    let (status, page) = match call("GET", b"") {
        Ok(entries) => ("200 OK", page(&entries)),
        Err(error) => ("502 Bad Gateway", format!("the api: {error}\n")),
    };
    let kind = "Content-Type: text/html; charset=utf-8";
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len())
}

fn page(entries: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let items: String = entries.lines().map(|entry| format!("<li>{}</li>\n", escaped(entry))).collect();
    format!("<!doctype html>\n<title>Guestbook</title>\n<ul>\n{items}</ul>\n")
}

/// Calls the middle tier, and gives its answer's body.
fn call(method: &str, body: &[u8]) -> io::Result<String> {
    let api = std::env::var("API").unwrap_or_else(|_| "api:8000".to_owned());
    let mut stream = TcpStream::connect(&api)?;
    let length = body.len();
    write!(stream, "{method} /entries HTTP/1.1\r\nHost: {api}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    if head.starts_with("HTTP/1.1 20") { Ok(body.to_owned()) } else { Err(io::Error::other(body.to_owned())) }
}
