//! The other roles of this binary: worker, compiler child, daemon.

use sprat_daemon::DaemonConfig;

use crate::commands::daemon::DaemonArgs;
use crate::error::{CliError, Outcome};
use crate::quantity::bytes;
use crate::settings::{READY, Settings};

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
    // What the kernel lacks does not keep the compiler from its work, as with workers, which tell it.
    if let Some(output) = args.last() {
        let _ = sprat_worker::confine_compiler(std::path::Path::new(output));
    }
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
pub(crate) fn daemon(settings: &Settings, args: &DaemonArgs) -> Outcome {
    let wrong = |what: String, fix: &str| CliError::new(what).fix(fix).status(125);
    let host = settings
        .host
        .to_string()
        .parse()
        .map_err(|e: sprat_daemon::HostError| wrong(e.to_string(), "correct --host or SPRAT_HOST"))?;
    let listen = match args.listen.as_str() {
        "" => None,
        address => Some(address.parse().map_err(|_| {
            wrong(format!("invalid address {address:?}"), "write --listen 127.0.0.1:7070, or --listen \"\" for none")
        })?),
    };
    let default_memory = u64::try_from(bytes("--default-memory", &args.default_memory)?).unwrap_or_default();
    let config = DaemonConfig {
        hosts: vec![host],
        root: settings.root.clone(),
        run: settings.run_folder(),
        listen,
        log: args.log_level.clone(),
        pidfile: Some(settings.run_folder().join("daemon.pid")),
        executable: std::env::current_exe()?,
        worker_args: vec![WORKER.to_owned()],
        compiler_args: vec![COMPILE.to_owned()],
        worker_slots: args.worker_slots,
        max_workers: args.max_workers,
        default_memory,
        egress: args.egress.clone(),
        insecure_registries: args.insecure_registry.clone(),
        reaper: !args.no_reaper,
        registry_certificates: args.registry_certificate.clone(),
        on_ready: Some(say_ready),
    };
    sprat_daemon::run(config).map(|()| 0).map_err(|e| {
        chain("the daemon cannot serve", &e)
            .fix("correct what is named there; --root and --host choose other places")
            .status(125)
    })
}

/// Tells whoever started us that requests are answered from now on.
fn say_ready() {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    // Nobody may be listening.
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
}
