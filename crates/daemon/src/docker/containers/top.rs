//! `GET /containers/NAME/top`: the processes of a container, as `ps` would show them.
//!
//! There is no `ps` to run: its usual forms (`-ef`, `aux`, and lists of columns with `-o`) are rendered here.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use sprat_docker_api::TopResponse;
use sprat_engine::Process;

use crate::docker::params::Params;
use crate::docker::{ApiError, Door};

pub(super) async fn top(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<TopResponse>, ApiError> {
    let columns = columns(params.text("ps_args").unwrap_or("-ef"))?;
    let processes = door.engine.top(&name).await?;
    let now = Timestamp::now();
    let render = |process: &Process| columns.iter().map(|column| column.of(process, now)).collect();
    Ok(Json(TopResponse {
        processes: processes.iter().map(render).collect(),
        titles: columns.iter().map(|column| column.title().to_owned()).collect(),
    }))
}

/// A column of `ps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Uid,
    User,
    Pid,
    Parent,
    Cpu,
    CpuShare,
    MemoryShare,
    Size,
    Resident,
    Terminal,
    State,
    Started,
    Time,
    Command,
    Name,
}

const FULL: [Column; 8] = [
    Column::Uid,
    Column::Pid,
    Column::Parent,
    Column::Cpu,
    Column::Started,
    Column::Terminal,
    Column::Time,
    Column::Command,
];

const USER: [Column; 11] = [
    Column::User,
    Column::Pid,
    Column::CpuShare,
    Column::MemoryShare,
    Column::Size,
    Column::Resident,
    Column::Terminal,
    Column::State,
    Column::Started,
    Column::Time,
    Column::Command,
];

/// The columns that arguments of `ps` ask for.
fn columns(args: &str) -> Result<Vec<Column>, ApiError> {
    let mut wanted = Vec::new();
    let mut words = args.split_whitespace();
    let mut by_user = false;
    while let Some(word) = words.next() {
        let option = word.strip_prefix('-');
        match option.and_then(|option| option.split_once('o')) {
            // What stands before the o in one word selects processes, and all are shown.
            Some((before, list)) if before.chars().all(|c| "eAax".contains(c)) => {
                let list = if list.is_empty() { words.next().unwrap_or_default() } else { list };
                for name in list.split(',').filter(|name| !name.is_empty()) {
                    wanted.push(column(name)?);
                }
            }
            _ if option == Some("-format") => {
                for name in words.next().unwrap_or_default().split(',') {
                    wanted.push(column(name)?);
                }
            }
            _ if word.trim_start_matches('-').chars().all(|c| "efFaAxulwH".contains(c)) => {
                by_user |= option.is_none() && word.contains('u');
            }
            _ => {
                return Err(ApiError::invalid(format!(
                    "ps does not understand {word:?} here: use -ef, aux, or -o with columns such as pid,ppid,user,time,args"
                )));
            }
        }
    }
    Ok(match (wanted.is_empty(), by_user) {
        (false, _) => wanted,
        (true, true) => USER.to_vec(),
        (true, false) => FULL.to_vec(),
    })
}

fn column(name: &str) -> Result<Column, ApiError> {
    Ok(match name.trim_end_matches('=') {
        "uid" | "euid" | "ruid" => Column::Uid,
        "user" | "euser" | "ruser" | "uname" => Column::User,
        "pid" | "tgid" => Column::Pid,
        "ppid" => Column::Parent,
        "c" => Column::Cpu,
        "pcpu" | "%cpu" => Column::CpuShare,
        "pmem" | "%mem" => Column::MemoryShare,
        "vsz" | "vsize" => Column::Size,
        "rss" | "rssize" => Column::Resident,
        "tty" | "tt" | "tname" => Column::Terminal,
        "stat" | "state" | "s" => Column::State,
        "stime" | "start" | "lstart" | "start_time" => Column::Started,
        "time" | "cputime" => Column::Time,
        "cmd" | "args" | "command" => Column::Command,
        "comm" | "ucmd" | "ucomm" => Column::Name,
        other => {
            return Err(ApiError::invalid(format!(
                "unknown column {other:?} of ps: there are uid, user, pid, ppid, c, pcpu, pmem, vsz, rss, tty, stat, stime, \
                 time, args and comm"
            )));
        }
    })
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Uid => "UID",
            Self::User => "USER",
            Self::Pid => "PID",
            Self::Parent => "PPID",
            Self::Cpu => "C",
            Self::CpuShare => "%CPU",
            Self::MemoryShare => "%MEM",
            Self::Size => "VSZ",
            Self::Resident => "RSS",
            Self::Terminal => "TTY",
            Self::State => "STAT",
            Self::Started => "STIME",
            Self::Time => "TIME",
            Self::Command => "CMD",
            Self::Name => "COMMAND",
        }
    }

    fn of(self, process: &Process, now: Timestamp) -> String {
        let name = || process.argv.first().map(|first| first.rsplit('/').next().unwrap_or_default().to_owned());
        match self {
            Self::Uid | Self::User if process.uid == 0 => "root".to_owned(),
            Self::Uid | Self::User => process.uid.to_string(),
            Self::Pid => process.pid.to_string(),
            Self::Parent => process.parent.to_string(),
            Self::Cpu => (share(process, now) as u64).to_string(),
            Self::CpuShare => format!("{:.1}", share(process, now)),
            Self::MemoryShare => "0.0".to_owned(),
            Self::Size | Self::Resident => (process.memory_bytes / 1024).to_string(),
            Self::Terminal => if process.tty { "pts/0" } else { "?" }.to_owned(),
            Self::State => "S".to_owned(),
            Self::Started => started(process, now),
            Self::Time => {
                let seconds = process.cpu_us / 1_000_000;
                format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
            }
            Self::Command => process.argv.join(" "),
            Self::Name => name().unwrap_or_default(),
        }
    }
}

/// Percents of a CPU since its start.
fn share(process: &Process, now: Timestamp) -> f64 {
    let lived = now.as_nanosecond() - i128::from(process.started_ns);
    if lived <= 0 { 0.0 } else { process.cpu_us as f64 * 100_000.0 / lived as f64 }
}

/// The time of today, or the day.
fn started(process: &Process, now: Timestamp) -> String {
    let Ok(at) = Timestamp::from_nanosecond(process.started_ns.into()) else { return "?".to_owned() };
    let zone = jiff::tz::TimeZone::system();
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone));
    at.strftime(if at.date() == now.date() { "%H:%M" } else { "%b%d" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_of_ps_are_understood() {
        assert_eq!(columns("-ef").unwrap(), FULL);
        assert_eq!(columns("aux").unwrap(), USER);
        assert_eq!(columns("-o pid,comm").unwrap(), [Column::Pid, Column::Name]);
        assert_eq!(columns("-eo pid,args").unwrap(), [Column::Pid, Column::Command]);
        assert_eq!(columns("-opid").unwrap(), [Column::Pid]);
        for wrong in ["-o nice,pid", "--sort=-pid", "-ef; rm"] {
            assert_eq!(columns(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn a_process_is_shown_as_ps_shows_it() {
        let process = Process {
            pid: 1,
            parent: 0,
            uid: 0,
            tty: true,
            argv: vec!["/bin/srv".to_owned(), "-v".to_owned()],
            started_ns: 0,
            cpu_us: 3_725_000_000,
            memory_bytes: 2 << 20,
        };
        let now = Timestamp::from_second(7_450).unwrap();
        let shown = |column: Column| column.of(&process, now);
        assert_eq!(
            [Column::Uid, Column::Cpu, Column::Terminal, Column::Time, Column::Resident, Column::Command].map(shown),
            ["root", "50", "pts/0", "01:02:05", "2048", "/bin/srv -v"]
        );
    }
}
