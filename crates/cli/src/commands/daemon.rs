//! `sprat daemon` and `sprat daemon stop`.

use clap::{Args, Subcommand};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::Query;
use crate::settings::Settings;

/// `sprat daemon`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat daemon                         serve in the foreground
  sprat daemon stop                    stop all containers and the daemon
  sprat -H unix:///tmp/s.sock --root /tmp/s daemon   a second installation")]
pub(crate) struct DaemonArgs {
    /// HTTP address for metrics and functions; empty for none
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDRESS")]
    pub listen: String,
    /// Registry reached over plain HTTP (loopback ones always may be)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub insecure_registry: Vec<String>,
    /// PEM file with further root certificates for registries
    #[arg(long, value_name = "FILE")]
    pub registry_certificate: Vec<std::path::PathBuf>,
    /// Memory limit of containers that name none
    #[arg(long, default_value = "256m", value_name = "SIZE")]
    pub default_memory: String,
    /// What containers may reach beyond their networks unless they say so themselves: deny, allow, or rules such as
    /// api.example.com:443,10.0.0.0/8:5432
    #[arg(long, default_value = "deny", value_name = "RULES")]
    pub egress: String,
    /// Containers of one shared worker process
    #[arg(long, default_value_t = 2048, value_name = "NUMBER")]
    pub worker_slots: u32,
    /// Most shared worker processes
    #[arg(long, default_value_t = 64, value_name = "NUMBER")]
    pub max_workers: u32,
    /// Log level: error, warn, info, debug, trace
    #[arg(long, default_value = "info", env = "SPRAT_LOG", value_name = "LEVEL")]
    pub log_level: String,
    #[command(subcommand)]
    pub command: Option<DaemonCommand>,
}

/// `sprat daemon …`
#[derive(Debug, Clone, Subcommand)]
#[command(defer = true)]
pub(crate) enum DaemonCommand {
    /// Stop all containers and the daemon
    #[command(after_help = "\
Examples:
  sprat daemon stop
  sprat daemon stop --keep-containers   for another version of the daemon")]
    Stop {
        /// Let containers go on; a new daemon finds them
        #[arg(long)]
        keep_containers: bool,
    },
}

/// `sprat daemon stop`; the daemon itself is started by `main`, before there is a runtime.
pub(crate) async fn run(settings: &Settings, args: DaemonArgs) -> Outcome {
    let Some(DaemonCommand::Stop { keep_containers }) = args.command else { return Ok(0) };
    let client = Client::new(settings.host.clone());
    let path = Query::new("/sprat/shutdown").flag("keep", keep_containers).path();
    let answered = client.post::<Value>(&path, None).await;
    match answered {
        Ok(answer) => {
            wait_for_end(&answer);
            Ok(0)
        }
        Err(e) if e.what.starts_with("cannot connect") => {
            errln!("No daemon runs at {}", settings.host);
            Ok(0)
        }
        // It ends while it answers.
        Err(e) if e.what.starts_with("the connection") => Ok(0),
        Err(e) => Err(CliError::new("the daemon did not stop").why(e.what).status(125)),
    }
}

/// Waits until the daemon's process has ended, if it is one of this machine.
fn wait_for_end(answer: &Value) {
    let pid = answer.get("pid").and_then(Value::as_i64).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
    // An interrupted wait only means that the user is not kept.
    let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], None);
}
