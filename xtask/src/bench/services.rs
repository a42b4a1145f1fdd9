//! `docker-compose up -d` of twenty services: CPU time of daemon and workers, on Sprat and on a real dockerd.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use sprat_tests::Installation;

use super::crowd::WAIT;
use super::dockerd::{self, load};
use super::table::Table;
use crate::setup::Clients;

/// Services of the file.
const SERVICES: usize = 20;
/// Times that all go up and down.
const ROUNDS: usize = 3;
/// Ticks a second of the kernel's process times.
const TICKS: f64 = 100.0;

pub(super) fn measure(table: &mut Table) -> Result<()> {
    let (Some(compose), Some(docker)) = (Clients::install().compose, sprat_tests::program("docker")) else {
        table.note("`compose up -d` of 20 services", "not measured: no Compose 2");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("compose.yaml");
    let services: String =
        (0..SERVICES).map(|n| format!("  s{n}:\n    image: waiter\n    stdin_open: true\n")).collect();
    std::fs::write(&file, format!("name: twenty\nservices:\n{services}"))?;

    let sprat = Installation::start();
    super::api::build(&sprat, "waiter", WAIT)?;
    let root = sprat.root().to_string_lossy().into_owned();
    let own = rounds(&compose, &file, &sprat.host(), || Ok(of_command_lines(&root)))?;
    table.note("`compose up -d` of 20 services: CPU time of Sprat's daemon and workers", format!("{own:.2} s"));
    match dockerd::start() {
        Ok(dockerd) => {
            load(&dockerd, &docker, "waiter", "#include <unistd.h>\nint main(void) { pause(); return 0; }\n")?;
            let pid = dockerd.pid();
            let real = rounds(&compose, &file, &dockerd.host(), || Ok(of_dockerd(pid)))?;
            table.note("the same of dockerd, containerd and its shims", format!("{real:.2} s"));
            table.at_least(
                "`compose up -d` of 20 services, CPU time of dockerd against Sprat",
                real / own,
                20.0,
                "times",
            );
        }
        Err(error) => table.note("the same on a real dockerd", format!("not measured: {error:#}")),
    }
    Ok(())
}

/// CPU seconds that a round of `up -d` takes.
fn rounds(compose: &Path, file: &Path, host: &str, processes: impl Fn() -> Result<BTreeSet<u32>>) -> Result<f64> {
    let run = |args: &[&str]| {
        let mut command = Command::new(compose);
        command.arg("-f").arg(file).args(args).env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT");
        let output = command.output().context("cannot run docker-compose")?;
        let text = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "docker-compose {args:?}: {text}");
        Ok(())
    };
    let mut sum = 0.0;
    for _ in 0..ROUNDS {
        let before = cpu(&processes()?);
        run(&["up", "-d"])?;
        sum += cpu(&processes()?) - before;
        run(&["down", "-t", "0"])?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
    let rounds = ROUNDS as f64;
    Ok(sum / rounds)
}

/// Processes whose command line names this folder.
fn of_command_lines(folder: &str) -> BTreeSet<u32> {
    all().filter(|pid| text(*pid, "cmdline").contains(folder)).collect()
}

/// dockerd, its children, and the shims, which are children of nobody.
fn of_dockerd(dockerd: u32) -> BTreeSet<u32> {
    let program = |pid: u32| {
        let line = text(pid, "comm");
        line.starts_with("dockerd") || line.starts_with("containerd") || line.starts_with("docker-proxy")
    };
    all().filter(|pid| *pid == dockerd || program(*pid)).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn text(pid: u32, name: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// CPU seconds of these processes and of their children that ended (proc(5), fields 14 to 17 of stat).
fn cpu(pids: &BTreeSet<u32>) -> f64 {
    let ticks = |pid: &u32| {
        let stat = text(*pid, "stat");
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
    };
    pids.iter().map(ticks).sum::<f64>() / TICKS
}
