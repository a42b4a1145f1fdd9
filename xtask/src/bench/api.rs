//! The raw API over one kept connection: create, start, wait, remove.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sprat_tests::{Installation, wat};

use super::stats::median_ms;
use super::table::Table;

/// Rounds measured, after as many that warm up.
const ROUNDS: usize = 300;

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let sprat = Installation::start();
    build(&sprat, "ok", "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))")?;
    let mut connection = Connection::open(&sprat)?;
    let mut times = Vec::new();
    for _ in 0..2 * ROUNDS {
        let begin = Instant::now();
        let id = connection.create("ok", false)?;
        connection.ok("POST", &format!("/containers/{id}/start"), None)?;
        connection.ok("POST", &format!("/containers/{id}/wait"), None)?;
        connection.ok("DELETE", &format!("/containers/{id}"), None)?;
        times.push(begin.elapsed());
    }
    let warm = times.get(ROUNDS..).unwrap_or_default();
    table.at_most("raw API create + start + wait + remove, warm, median", median_ms(warm), 2.0, "ms");
    Ok(())
}

/// Builds an image of a program in the text format with this body.
pub(super) fn build(sprat: &Installation, name: &str, body: &str) -> Result<()> {
    let path = sprat.path(&format!("{name}.wat"));
    std::fs::write(&path, wat(body))?;
    sprat.sprat(&["build", "-q", "-t", name, path.to_str().context("UTF-8")?]).ok();
    Ok(())
}

/// A connection that is kept.
pub(super) struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    pub(super) fn open(sprat: &Installation) -> Result<Self> {
        let stream = UnixStream::connect(sprat.path("s.sock")).context("the daemon answers")?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Creates a container and gives its id.
    pub(super) fn create(&mut self, image: &str, stdin: bool) -> Result<String> {
        let body = json!({"Image": image, "OpenStdin": stdin});
        let answer = self.ok("POST", "/containers/create", Some(&body))?;
        Ok(answer.get("Id").and_then(Value::as_str).context("an id")?.to_owned())
    }

    /// Sends a request that must go well.
    pub(super) fn ok(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        Ok(serde_json::from_slice(&self.bytes(method, path, body)?).unwrap_or_default())
    }

    /// The same; the answer as it came.
    pub(super) fn bytes(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sprat\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status: u16 =
            line.split(' ').nth(1).and_then(|s| s.parse().ok()).with_context(|| format!("no HTTP: {line:?}"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let lower = line.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(n) = lower.strip_prefix("content-length:") {
                length = n.trim().parse()?;
            }
            chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
        }
        let mut body = Vec::new();
        if chunked {
            self.read_chunks(&mut body)?;
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        }
        if status >= 300 {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16)?;
            let start = body.len();
            body.resize(start + size + 2, 0);
            self.stream.read_exact(body.get_mut(start..).unwrap_or_default())?;
            body.truncate(start + size);
            if size == 0 {
                return Ok(());
            }
        }
    }
}
