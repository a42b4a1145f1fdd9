//! The other roles of this binary: worker, compiler child, daemon.

use crate::args::DaemonArgs;
use crate::error::{CliError, Outcome};
use crate::settings::Settings;

/// Hidden verb of a worker; its options follow as JSON.
const WORKER: &str = "worker";
/// Hidden verb of the compiler child.
const COMPILE: &str = "compile";

/// Runs a hidden role if the arguments name one.
pub(crate) fn hidden() -> Option<Outcome> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(WORKER) => Some(worker(&args.next().unwrap_or_default())),
        Some(COMPILE) => Some(compile(&args.collect::<Vec<_>>())),
        _ => None,
    }
}

fn worker(options: &str) -> Outcome {
    let options = serde_json::from_str(options)
        .map_err(|e| CliError::new("`sprat worker` is started by the daemon").why(e).fix("use `sprat daemon`"))?;
    sprat_worker::serve(options).map(|()| 0).map_err(|e| chain("the worker failed", &e))
}

fn compile(args: &[String]) -> Outcome {
    // The child has told its parent what is wrong; the status is all that is left to say.
    Ok(u8::from(sprat_program::compile_child(args).is_err()))
}

fn chain(what: &str, error: &dyn std::error::Error) -> CliError {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    CliError::new(what).why(why)
}

/// Runs the daemon in the foreground.
pub(crate) fn daemon(_settings: &Settings, _args: &DaemonArgs) -> Outcome {
    Err(CliError::new("no daemon yet"))
}
