//! A guest that talks: it serves, asks others, and does so again when a caller tells it to.
//!
//! `serve PORT NAME`: answers each line of TCP with `NAME got LINE`, and a line `ask ADDRESS TEXT` with what that address
//! answers to the text. `udp PORT NAME`: the same answers to datagrams. `ask ADDRESS TEXT`: asks once and prints the answer.
//! `resolve NAME`: prints its addresses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match *words.as_slice() {
        ["serve", port, name] => serve(port, name),
        ["udp", port, name] => udp(port, name),
        ["ask", address, text] => ask(address, text).map(|answer| println!("{answer}")),
        ["resolve", name] => resolve(name).map(|found| println!("{found}")),
        _ => Err(io::Error::other("serve PORT NAME, udp PORT NAME, ask ADDRESS TEXT or resolve NAME")),
    };
    if let Err(error) = done {
        println!("error: {error}");
        std::process::exit(1);
    }
}

fn serve(port: &str, name: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    println!("listening");
    loop {
        let (stream, _) = listener.accept()?;
        // A caller that goes away is no reason to end.
        let _ = converse(stream, name);
    }
}

fn converse(stream: TcpStream, name: &str) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let line = line.trim();
    let answer = match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["ask", address, text] => ask(address, text).unwrap_or_else(|error| format!("error: {error}")),
        ["resolve", wanted] => resolve(wanted).unwrap_or_else(|error| format!("error: {error}")),
        ["read", path] => std::fs::read_to_string(path).unwrap_or_else(|error| format!("error: {error}")),
        _ => format!("{name} got {line}"),
    };
    (&stream).write_all(answer.as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

fn ask(address: &str, text: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("{text}\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn resolve(name: &str) -> io::Result<String> {
    let mut found: Vec<_> = (name, 0).to_socket_addrs()?.map(|address| address.ip().to_string()).collect();
    found.dedup();
    Ok(found.join(","))
}

fn udp(port: &str, name: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(format!("0.0.0.0:{port}"))?;
    println!("listening");
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        socket.send_to(format!("{name} got {text}").as_bytes(), from)?;
    }
}
