//! HTTP services under load, beside a plain hyper server with the same runtime.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use sprat_tests::{Installation, example};

use super::instantiate;
use super::stats::median;
use super::table::Table;

/// Windows of each server, in turns.
const WINDOWS: usize = 5;

/// Seconds of a window.
const SECONDS: &str = "3s";

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let wrk = sprat_tests::program("wrk").context("wrk is not installed (Debian's package)")?;
    let plain_server = Plain::start()?;
    let sprat = Installation::start();
    sprat.sprat(&["build", "-q", "-t", "web", &example("web").to_string_lossy()]).ok();
    let start = |name: &str, flags: &[&str]| -> Result<String> {
        let run = ["run", "-d", "--name", name, "-p", "127.0.0.1::80"];
        sprat.sprat(&[&run[..], flags, &["web"]].concat()).ok();
        Ok(format!("http://{}/", sprat.sprat(&["port", name, "80"]).ok().lines().next().context("a port")?))
    };
    let servers = [
        plain_server.url.clone(),
        start("fresh", &[])?,
        start("reused", &["--reuse", "1000"])?,
        start("ready", &["--ready", "64"])?,
    ];
    let mut rates = vec![Vec::new(); servers.len()];
    for _ in 0..WINDOWS {
        for (url, rates) in servers.iter().zip(&mut rates) {
            rates.push(rate(&wrk, url)?);
        }
    }
    let rates: Vec<f64> = rates.iter_mut().map(|rates| median(rates)).collect();
    let [plain, fresh, reused, ready] = rates[..] else { bail!("four servers") };
    let thousands = |rate: f64| format!("{:.1}k requests/s", rate / 1000.0);
    table.note("plain hyper, no wasm", thousands(plain));
    table.note("HTTP service, a fresh instance a request", thousands(fresh));
    table.at_least("a fresh instance a request, against plain hyper", fresh / plain, 0.5, "times");
    table.note("HTTP service, instances that answer 1000 requests", thousands(reused));
    table.at_least("with reuse, against plain hyper", reused / plain, 0.7, "times");
    table.note("HTTP service, instances made ahead", thousands(ready));
    drop((sprat, plain_server));
    inside(table)
}

/// What the sandbox room's own benchmark tells.
fn inside(table: &mut Table) -> Result<()> {
    let bench = ["bench", "--package", "sprat-sandbox", "--bench", "requests"];
    crate::run(Command::new("cargo").args(bench).stdout(Stdio::null()))?;
    let figure = |name: &str| instantiate::median_us(&format!("requests_{name}"));
    table.at_most("fresh wasi:http instance inside the worker, median", figure("instance")?, 4.5, "µs");
    table.at_most("in-process service call (whole request and answer), fresh", figure("fresh")?, 15.0, "µs");
    table.note("in-process service call, reused instance", format!("{:.2} µs", figure("reused")?));
    Ok(())
}

/// Requests a second.
fn rate(wrk: &std::path::Path, url: &str) -> Result<f64> {
    let output = Command::new(wrk).args(["-t1", "-c32", &format!("-d{SECONDS}"), url]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("{url} did not always answer: {text}");
    }
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk tells a rate")?;
    Ok(rate.trim().parse()?)
}

/// The server without wasm.
struct Plain {
    child: Child,
    url: String,
}

impl Plain {
    fn start() -> Result<Self> {
        let build = ["build", "--release", "--package", "sprat-sandbox", "--example", "plain_http"];
        crate::run(Command::new("cargo").args(build))?;
        let program = crate::target().join("release/examples/plain_http");
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut line)?;
        Ok(Self { child, url: format!("http://{}/", line.trim()) })
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // It ends with its standard input; at worst it is ended.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
