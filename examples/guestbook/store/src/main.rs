//! The bottom tier: keeps entries in a file of its volume, one a line, and gives them over TCP.
//!
//! `ADD text` adds an entry, `LIST` gives all and an empty line, `COUNT` their number.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "/data".to_owned());
    let path = Path::new(&folder).join("entries");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut entries: Vec<String> = BufReader::new(File::open(&path)?).lines().collect::<io::Result<_>>()?;
    let listener = TcpListener::bind("0.0.0.0:6400")?;
    println!("store: {} entries, listening on 6400", entries.len());
    for stream in listener.incoming() {
        // A client that vanishes is no reason to end.
        if let Err(error) = stream.and_then(|stream| serve(&stream, &mut entries, &mut file)) {
            eprintln!("store: {error}");
        }
    }
    Ok(())
}

fn serve(stream: &TcpStream, entries: &mut Vec<String>, file: &mut File) -> io::Result<()> {
    let mut answer = stream;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("ADD", text) => {
                writeln!(file, "{text}")?;
                entries.push(text.to_owned());
                writeln!(answer, "OK")?;
            }
            ("LIST", _) => {
                let list: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
                writeln!(answer, "{list}")?;
            }
            ("COUNT", _) => writeln!(answer, "{}", entries.len())?,
            (word, _) => writeln!(answer, "ERROR unknown word {word}")?,
        }
    }
    Ok(())
}
