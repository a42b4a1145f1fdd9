//! `timeout`: ends a program that takes too long.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use toolbox_shell::{Shell, System};

/// How often the program is looked after: there is no wait with an end.
const INTERVAL: Duration = Duration::from_millis(10);

/// The status of a program that took too long.
const TIMED_OUT: i32 = 124;

pub(super) fn run(system: &dyn System, shell: &mut Shell, args: &[OsString]) -> i32 {
    let mut rest = args.get(1..).unwrap_or_default();
    let mut signal = 15;
    if let [first, value, others @ ..] = rest
        && first == "-s"
    {
        signal = match value.to_str().map(|text| text.trim_start_matches("SIG")) {
            Some("KILL" | "9") => 9,
            Some("INT" | "2") => 2,
            _ => 15,
        };
        rest = others;
    }
    let Some((limit, program)) = rest.split_first().filter(|(_, program)| !program.is_empty()) else {
        eprintln!("Usage: timeout [-s SIGNAL] SECONDS[smhd] COMMAND [ARG]...");
        return 125;
    };
    let Some(limit) = limit.to_str().and_then(duration) else {
        eprintln!("timeout: {} is no time", limit.display());
        return 125;
    };
    let process = match shell.start_program(program) {
        Ok(process) => process,
        Err(status) => return status,
    };
    let start = Instant::now();
    loop {
        match system.wait(Some(process), false) {
            Ok(Some((_, status))) => return status,
            Ok(None) if limit.is_zero() || start.elapsed() < limit => std::thread::sleep(INTERVAL),
            Ok(None) => break,
            Err(_) => return 125,
        }
    }
    // It may have ended just now; then there is nothing to end.
    let _ = system.kill(process, signal);
    let _ = system.wait(Some(process), true);
    TIMED_OUT
}

/// A time: a number, and its unit.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.chars().last()? {
        's' => (text.trim_end_matches('s'), 1.0),
        'm' => (text.trim_end_matches('m'), 60.0),
        'h' => (text.trim_end_matches('h'), 3600.0),
        'd' => (text.trim_end_matches('d'), 86400.0),
        _ => (text, 1.0),
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}
