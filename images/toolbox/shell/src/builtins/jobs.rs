//! Children in the background, and signals.

use crate::shell::{Run, Shell};
use crate::stream;

/// Signals that can be sent, by number and name.
pub(super) const SIGNALS: [(u32, &str); 10] = [
    (0, "EXIT"),
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (9, "KILL"),
    (10, "USR1"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
];

pub(super) fn wait(shell: &mut Shell, args: &[String]) -> Run {
    // What runs in the background of a substitution writes to a pipe that nobody else reads.
    for capture in stream::captures(&shell.table) {
        capture.drain_pending().map_err(|e| shell.abort(&format!("read error: {e}")))?;
    }
    let Some(wanted) = args.get(1..).filter(|wanted| !wanted.is_empty()) else {
        let jobs = std::mem::take(&mut shell.jobs);
        for job in jobs.iter().filter(|job| job.status.is_none()) {
            // A child that is gone is as good as waited for.
            let _ = shell.system.wait(Some(job.process), true);
        }
        return Ok(0);
    };
    let mut status = 127;
    for text in wanted {
        let Some(process) = process(shell, text) else {
            shell.complain(&format!("wait: Illegal number: {text}"));
            return Ok(2);
        };
        let at = shell.jobs.iter().position(|job| job.process == process);
        let Some(job) = at.map(|at| shell.jobs.remove(at)) else {
            status = 127;
            continue;
        };
        status = match job.status {
            Some(status) => status,
            None => shell.system.wait(Some(process), true).ok().flatten().map_or(127, |(_, status)| status),
        };
    }
    Ok(status)
}

/// A process by its number, or a job by `%N`.
fn process(shell: &Shell, text: &str) -> Option<u32> {
    match text.strip_prefix('%') {
        Some(number) => {
            let number = if matches!(number, "" | "%" | "+") { shell.jobs.len() } else { number.parse().ok()? };
            shell.jobs.get(number.checked_sub(1)?).map(|job| job.process)
        }
        None => text.parse().ok(),
    }
}

pub(super) fn jobs(shell: &mut Shell, _: &[String]) -> Run {
    shell.reap();
    let shown: String = (1..)
        .zip(&shell.jobs)
        .map(|(number, job)| {
            let state = match job.status {
                None => "Running".to_owned(),
                Some(0) => "Done".to_owned(),
                Some(status) => format!("Done({status})"),
            };
            format!("[{number}] {} {state}\n", job.process)
        })
        .collect();
    shell.jobs.retain(|job| job.status.is_none());
    Ok(shell.print(&shown))
}

/// A signal by its number or name.
pub(super) fn signal(text: &str) -> Option<u32> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    text.parse().ok().or_else(|| SIGNALS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number))
}

pub(super) fn kill(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    let mut number = 15;
    match rest.first().map(String::as_str) {
        Some("-l") => {
            let shown = match rest.get(1).and_then(|text| text.parse::<u32>().ok()) {
                Some(status) => {
                    let wanted = status.checked_sub(128).unwrap_or(status);
                    let name = SIGNALS.iter().find(|(number, _)| *number == wanted).map_or("?", |(_, name)| name);
                    format!("{name}\n")
                }
                None => SIGNALS.iter().skip(1).map(|(_, name)| format!("{name}\n")).collect(),
            };
            return Ok(shell.print(&shown));
        }
        Some("-s") => {
            let Some(found) = rest.get(1).and_then(|text| signal(text)) else { return bad_signal(shell, rest.get(1)) };
            number = found;
            rest = rest.get(2..).unwrap_or_default();
        }
        Some(first) if first.len() > 1 && first.starts_with('-') && first != "--" => {
            let Some(found) = first.strip_prefix('-').and_then(signal) else { return bad_signal(shell, rest.first()) };
            number = found;
            rest = rest.get(1..).unwrap_or_default();
        }
        _ => {}
    }
    if rest.first().is_some_and(|first| first == "--") {
        rest = rest.get(1..).unwrap_or_default();
    }
    if rest.is_empty() {
        shell.complain("kill: Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]");
        return Ok(2);
    }
    let mut status = 0;
    for text in rest {
        let Some(process) = process(shell, text) else {
            shell.complain(&format!("kill: Illegal number: {text}"));
            return Ok(2);
        };
        if let Err(e) = shell.system.kill(process, number) {
            let why = match e.kind() {
                std::io::ErrorKind::InvalidInput => "Invalid argument".to_owned(),
                std::io::ErrorKind::PermissionDenied => "Operation not permitted".to_owned(),
                _ => "No such process".to_owned(),
            };
            shell.complain(&format!("kill: {why}"));
            status = 1;
        }
    }
    Ok(status)
}

fn bad_signal(shell: &mut Shell, text: Option<&String>) -> Run {
    shell.complain(&format!("kill: invalid signal number or name: {}", text.map_or("", String::as_str)));
    Ok(2)
}

/// `times`: what WASI does not tell is 0.
pub(super) fn times(shell: &mut Shell, _: &[String]) -> Run {
    Ok(shell.print("0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n"))
}
