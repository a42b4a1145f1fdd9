//! Many waiting containers: what the next one costs, and what each weighs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sprat_tests::Installation;

use super::api::{Connection, build};
use super::stats::median_ms;
use super::table::Table;

/// Containers of a crowd.
const CROWD: usize = 10_000;
/// Containers on either side of the one whose cost is told.
const AROUND: usize = 25;
/// Listings of all containers measured.
const LISTINGS: usize = 9;
/// A core module that waits for standard input.
pub(super) const WAIT: &str = "(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 16)) \
                    (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32)))";

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let times = crowd(table, "core module", 60.0, |sprat| build(sprat, "wait", WAIT))?;
    let around = |n: usize| median_ms(times.get(n - AROUND..n + AROUND).unwrap_or_default());
    table.note("create + start of container 50 / 5,000", format!("{:.3} / {:.3} ms", around(50), around(5000)));
    table.at_most("create + start of container 5,000 against container 50", around(5000) / around(50), 1.5, "times");
    crowd(table, "WASI 0.2 command", 160.0, build_component)?;
    Ok(())
}

/// Fills an installation and tells what each container weighs; gives the time of each create + start.
fn crowd(
    table: &mut Table,
    kind: &str,
    bound: f64,
    build: impl Fn(&Installation) -> Result<()>,
) -> Result<Vec<Duration>> {
    let sprat = Installation::start();
    build(&sprat)?;
    let mut connection = Connection::open(&sprat)?;
    let mut times = Vec::with_capacity(CROWD);
    let before = Memory::of(&sprat)?;
    for _ in 0..CROWD {
        let begin = Instant::now();
        let id = connection.create("wait", true)?;
        connection.ok("POST", &format!("/containers/{id}/start"), None)?;
        times.push(begin.elapsed());
    }
    let after = Memory::of(&sprat)?;
    let mut listings = Vec::new();
    for _ in 0..LISTINGS {
        let begin = Instant::now();
        connection.bytes("GET", "/containers/json", None)?;
        listings.push(begin.elapsed());
    }
    let name = format!("`GET /containers/json` with {CROWD} running containers ({kind}), the answer read");
    table.at_most(&name, median_ms(&listings), 150.0, "ms");
    #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
    let each = |f: fn(&Memory) -> u64| f(&after).saturating_sub(f(&before)) as f64 * 1.024 / CROWD as f64;
    let name = format!("memory of each of {CROWD} waiting containers ({kind}): daemon and workers");
    table.at_most(&name, each(|m| m.resident + m.page_tables), bound, "kB");
    table.note(
        format!("of which resident / page tables ({kind})"),
        format!("{:.1} / {:.1} kB", each(|m| m.resident), each(|m| m.page_tables)),
    );
    Ok(times)
}

/// A command that waits for standard input, compiled from source.
fn build_component(sprat: &Installation) -> Result<()> {
    let folder = sprat.path("waiter");
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = "[package]\nname = \"wait\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[profile.release]\npanic = \"abort\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    let source = "fn main() { let mut line = String::new(); let _ = std::io::stdin().read_line(&mut line); }\n";
    std::fs::write(folder.join("src/main.rs"), source)?;
    sprat.sprat(&["build", "-q", "-t", "wait", folder.to_str().context("UTF-8")?]).ok();
    Ok(())
}

/// Memory of the daemon and its workers, in KiB.
pub(super) struct Memory {
    pub(super) resident: u64,
    page_tables: u64,
}

impl Memory {
    pub(super) fn of(sprat: &Installation) -> Result<Self> {
        let mut sum = Self { resident: 0, page_tables: 0 };
        let folder = sprat.root().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if !String::from_utf8_lossy(&line).contains(&folder) {
                continue;
            }
            let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            sum.resident += field(&read("smaps_rollup"), "Pss:");
            sum.page_tables += field(&read("status"), "VmPTE:");
        }
        Ok(sum)
    }
}

/// A number of kilobytes out of a file of /proc.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}
