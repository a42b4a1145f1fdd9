//! What clients do beside starting containers: `exec`, `logs -f`, and a thousand that don't read.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sprat_tests::{Installation, wat};

use super::api::{Connection, build};
use super::crowd::{Memory, WAIT};
use super::processes::timed;
use super::stats::median_ms;
use super::table::Table;

/// Runs of each command, in turns.
const RUNS: usize = 41;
/// Clients that ask and never read.
const SLOW: usize = 1000;
/// Writes of the guest whose log is followed: 1,600 times 64 KiB are 100 MiB.
const WRITES: usize = 1600;

pub(super) fn measure(table: &mut Table) -> Result<()> {
    exec(table)?;
    logs(table)?;
    slow(table)
}

/// `docker exec` of a program that ends at once.
fn exec(table: &mut Table) -> Result<()> {
    let Some(docker) = sprat_tests::program("docker") else { return Ok(()) };
    let sprat = Installation::start();
    let folder = sprat.path("box");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("wait.wat"), wat(WAIT))?;
    std::fs::write(folder.join("true.wat"), wat(""))?;
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY wait.wat true.wat /bin/\nCMD [\"/bin/wait.wat\"]\n")?;
    sprat.sprat(&["build", "-q", "-t", "box", folder.to_str().context("UTF-8")?]).ok();
    sprat.sprat(&["run", "-d", "-i", "--name", "box", "box"]).ok();
    let command = |args: &[&str]| {
        let mut command = Command::new(&docker);
        command
            .args(args)
            .env("DOCKER_HOST", sprat.host())
            .env("DOCKER_CLI_HINTS", "false")
            .env_remove("DOCKER_CONTEXT");
        command
    };
    let (mut version, mut exec) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        version.push(timed(command(&["--version"]))?);
        exec.push(timed(command(&["exec", "box", "/bin/true.wat"]))?);
    }
    let (version, exec) = (median_ms(&version), median_ms(&exec));
    table.note("`docker exec` of true", format!("{exec:.2} ms"));
    table.at_most("`docker exec` of true beyond `docker --version`", exec - version, 5.0, "ms");
    Ok(())
}

/// A guest that writes 100 MiB of lines in pieces of 64 KiB.
fn writer() -> String {
    // Lines of 1,023 letters, then 64 KiB at once from one iovec.
    format!(
        "(local $i i32) (memory.grow (i32.const 2)) (drop) \
         (loop $fill (i32.store8 (i32.add (i32.const 65536) (local.get $i)) \
           (select (i32.const 10) (i32.const 120) (i32.eqz (i32.and (i32.add (local.get $i) (i32.const 1)) (i32.const 1023))))) \
           (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $fill (i32.lt_u (local.get $i) (i32.const 65536)))) \
         (i32.store (i32.const 16) (i32.const 65536)) (local.set $i (i32.const 0)) \
         (loop $write (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (i32.const 65536)) \
           (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32))) \
           (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $write (i32.lt_u (local.get $i) (i32.const {WRITES}))))"
    )
}

/// `logs -f` from the start of a guest that writes 100 MiB.
fn logs(table: &mut Table) -> Result<()> {
    let sprat = Installation::start();
    build(&sprat, "writer", &writer())?;
    let mut connection = Connection::open(&sprat)?;
    let mut rates = Vec::new();
    let mut growth = 0;
    for _ in 0..5 {
        let config = json!({"Image": "writer", "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"max-size": "300m"}}}});
        let made = connection.ok("POST", "/containers/create", Some(&config))?;
        let id = made.get("Id").and_then(Value::as_str).context("an id")?.to_owned();
        let before = Memory::of(&sprat)?.resident;
        let begin = Instant::now();
        connection.ok("POST", &format!("/containers/{id}/start"), None)?;
        let bytes = read_all(&sprat, &format!("/containers/{id}/logs?follow=1&stdout=1"))?;
        let took = begin.elapsed();
        growth = growth.max(Memory::of(&sprat)?.resident.saturating_sub(before));
        anyhow::ensure!(bytes >= WRITES * 65536, "{bytes} bytes came");
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        rates.push(Duration::from_secs_f64(took.as_secs_f64() / (WRITES * 65536) as f64 * 1e6));
        connection.ok("DELETE", &format!("/containers/{id}"), None)?;
    }
    // Milliseconds a megabyte, turned over.
    table.at_least("`logs -f` of a guest that writes 100 MiB", 1000.0 / median_ms(&rates), 200.0, "MB/s");
    table.note("memory of daemon and workers that it took", format!("{growth} KiB"));
    Ok(())
}

/// A request whose answer is read to its end and counted.
fn read_all(sprat: &Installation, path: &str) -> Result<usize> {
    let mut stream = ask(sprat, "GET", path)?;
    let (mut buffer, mut sum) = (vec![0; 1 << 20], 0);
    while let n @ 1.. = stream.read(&mut buffer)? {
        sum += n;
    }
    Ok(sum)
}

fn ask(sprat: &Installation, method: &str, path: &str) -> Result<UnixStream> {
    let mut stream = UnixStream::connect(sprat.path("s.sock"))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: sprat\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
    Ok(stream)
}

/// A thousand clients each of events, stats and attach that never read, and a guest that writes meanwhile.
fn slow(table: &mut Table) -> Result<()> {
    let sprat = Installation::start();
    build(&sprat, "writer", &writer())?;
    build(&sprat, "wait", WAIT)?;
    let mut connection = Connection::open(&sprat)?;
    let write = |connection: &mut Connection| -> Result<Duration> {
        let id = connection.create("writer", false)?;
        let begin = Instant::now();
        connection.ok("POST", &format!("/containers/{id}/start"), None)?;
        connection.ok("POST", &format!("/containers/{id}/wait"), None)?;
        let took = begin.elapsed();
        connection.ok("DELETE", &format!("/containers/{id}"), None)?;
        Ok(took)
    };
    let alone = (0..5).map(|_| write(&mut connection)).collect::<Result<Vec<_>>>()?;
    let waiting = connection.create("wait", true)?;
    connection.ok("POST", &format!("/containers/{waiting}/start"), None)?;
    let before = Memory::of(&sprat)?.resident;
    let mut clients = Vec::new();
    for _ in 0..SLOW {
        clients.push(ask(&sprat, "GET", "/events")?);
        clients.push(ask(&sprat, "GET", &format!("/containers/{waiting}/stats"))?);
        clients.push(ask(&sprat, "POST", &format!("/containers/{waiting}/attach?stream=1&stdout=1"))?);
    }
    // The answer to a later request shows that theirs were taken up.
    connection.ok("GET", "/containers/json", None)?;
    let crowded = (0..5).map(|_| write(&mut connection)).collect::<Result<Vec<_>>>()?;
    let after = Memory::of(&sprat)?.resident;
    #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
    let each = after.saturating_sub(before) as f64 / (3 * SLOW) as f64;
    table.note(format!("memory of each of {} clients that don't read", 3 * SLOW), format!("{each:.1} KiB"));
    table.at_most(
        "a guest that writes 100 MiB beside them, against alone",
        median_ms(&crowded) / median_ms(&alone),
        1.1,
        "times",
    );
    Ok(())
}
