//! The command line as a whole: docker's verbs and flags. Each verb's own stand beside what it does, in `commands/`.

use clap::Parser;

use crate::commands::Command;

/// Build, ship and run WebAssembly as Docker does containers.
#[derive(Debug, Parser)]
#[command(name = "sprat", version, about, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  sprat run examples/hello             build a source folder and run it
  sprat run --rm -v $PWD:/data app     run an image with a folder of yours
  sprat build -t app:1 .               build an image
  sprat ps -a                          list containers
  DOCKER_HOST=unix:///run/sprat.sock docker ps   use docker's own tools")]
pub(crate) struct Cli {
    /// Daemon to talk to: unix:///path or tcp://127.0.0.1:port
    #[arg(short = 'H', long, env = "SPRAT_HOST", global = true, value_name = "HOST", hide_env_values = true)]
    pub host: Option<String>,
    /// State folder of the daemon
    #[arg(long, env = "SPRAT_ROOT", global = true, value_name = "DIR", hide_env_values = true)]
    pub root: Option<std::path::PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}
