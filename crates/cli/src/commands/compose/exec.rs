//! `sprat compose exec`

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::list::pick;
use super::place::Place;
use super::stream::Stream;
use crate::error::{CliError, Outcome};
use crate::terminal::{self, RawMode};

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
pub(super) async fn run(place: &Place, args: &ExecArgs) -> Outcome {
    let client = &place.client;
    let known = place.known()?;
    let there = place.containers(&known, std::slice::from_ref(&args.service), false).await?;
    let running: Vec<_> = there.into_iter().filter(|c| c.is_up()).collect();
    let container = pick(&running, &args.service, args.index)?;
    let tty = !args.no_tty && !args.detach && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let own = |line: &String| match line.contains('=') {
        true => Some(line.clone()),
        false => std::env::var(line).ok().map(|value| format!("{line}={value}")),
    };
    let body = json!({
        "Cmd": args.command, "Env": args.env.iter().filter_map(own).collect::<Vec<_>>(), "Tty": tty,
        "User": args.user.as_deref().unwrap_or_default(), "WorkingDir": args.workdir.as_deref().unwrap_or_default(),
        "Privileged": args.privileged, "AttachStdin": !args.detach, "AttachStdout": !args.detach,
        "AttachStderr": !args.detach,
    });
    let created: Value = client.post(&format!("/containers/{}/exec", container.id), Some(&body)).await?;
    let id = created.get("Id").and_then(Value::as_str).unwrap_or_default();
    let start = json!({"Detach": args.detach, "Tty": tty});
    if args.detach {
        client.post_raw(&format!("/exec/{id}/start"), Some(&start)).await?;
        return Ok(0);
    }
    let (stream, mut to) = Stream::open(client, &format!("/exec/{id}/start"), Some(&start), tty).await?;
    let raw = RawMode::enter(tty);
    if let (true, Some((columns, rows))) = (tty, terminal::size()) {
        // It may have ended already.
        let _ = client.post_raw(&format!("/exec/{id}/resize?h={rows}&w={columns}"), None).await;
    }
    let input = async {
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut to).await;
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    };
    let copied = tokio::select! {
        copied = stream.copy(write) => copied,
        () = input => Ok(()),
    };
    drop(raw);
    if let Err(e) = copied {
        return Err(CliError::new("the attachment broke").why(e).status(125));
    }
    let ended: Value = client.get(&format!("/exec/{id}/json")).await?;
    let code = ended.get("ExitCode").and_then(Value::as_i64).unwrap_or_default();
    Ok(u8::try_from(code & 0xff).unwrap_or(125))
}

/// Writes a piece to our own streams.
fn write(stream: u8, data: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    if stream == 2 {
        return std::io::stderr().lock().write_all(data);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(data)?;
    out.flush()
}
