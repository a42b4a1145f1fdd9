//! `sprat compose exec`

use std::io::IsTerminal as _;

use clap::Args;
use sprat_docker_api::DetachKeys;

use super::super::exec;
use super::list::pick;
use super::place::Place;
use crate::error::Outcome;

/// `sprat compose exec`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose exec web sh
  sprat compose exec -T db backup > dump")]
pub(crate) struct ExecArgs {
    /// Leave it running, without its streams
    #[arg(short, long)]
    pub detach: bool,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Without a terminal
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// User: name or uid[:group or gid]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Working folder
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// With all rights; the daemon says why not
    #[arg(long)]
    pub privileged: bool,
    /// The container's number
    #[arg(long, default_value_t = 1)]
    pub index: u32,
    /// Docker's flags for what is so anyhow
    #[arg(short, long, hide = true)]
    pub interactive: bool,
    /// The same
    #[arg(short, long, hide = true)]
    pub tty: bool,
    /// Service
    pub service: String,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `sprat compose exec`
pub(super) async fn run(place: &Place, args: ExecArgs) -> Outcome {
    let client = &place.client;
    let known = place.known()?;
    let there = place.containers(&known, std::slice::from_ref(&args.service), false).await?;
    let running: Vec<_> = there.into_iter().filter(|c| c.is_up()).collect();
    let container = pick(&running, &args.service, args.index)?;
    let tty = !args.no_tty && !args.detach && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let exec = exec::ExecArgs {
        detach: args.detach,
        detach_keys: DetachKeys::default_keys(),
        env: args.env,
        env_file: Vec::new(),
        interactive: !args.detach,
        privileged: args.privileged,
        tty,
        user: args.user,
        workdir: args.workdir,
        container: container.id.clone(),
        command: args.command,
    };
    exec::run(client, exec).await
}
