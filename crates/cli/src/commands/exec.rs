//! `sprat exec`: another program in a running container.

use clap::Args;
use serde_json::{Value, json};
use sprat_docker_api::{DetachKeys, ExecInspect};
use tokio::signal::unix::{SignalKind, signal};

use super::attach::{NO_READER, Typed, type_in};
use crate::client::{Client, Copied};
use crate::error::{CliError, Outcome};
use crate::pairs::lines;
use crate::query::segment;
use crate::terminal::RawMode;

/// `sprat exec`
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Leave it running, without its streams
    #[arg(short, long)]
    pub detach: bool,
    /// Keys that detach from a terminal
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q", value_parser = DetachKeys::parse)]
    pub detach_keys: DetachKeys,
    /// Set an environment variable: NAME=value, or NAME to pass yours on
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<std::path::PathBuf>,
    /// Keep standard input open
    #[arg(short, long)]
    pub interactive: bool,
    /// Refused: there are no rights of the host to give
    #[arg(long)]
    pub privileged: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// User: name or uid[:group or gid]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Working folder
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Name or id
    pub container: String,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `sprat exec`
pub(crate) async fn run(client: &Client, args: ExecArgs) -> Outcome {
    let asked = request(&args)?;
    let path = format!("/containers/{}/exec", segment(&args.container));
    let created: Value = client.post(&path, Some(&asked)).await?;
    let id = created.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if args.detach {
        client.post::<Value>(&format!("/exec/{id}/start"), Some(&json!({ "Detach": true }))).await?;
        return Ok(0);
    }
    match session(client, &id, &args).await? {
        Left::Detached => Ok(0),
        Left::NoReader => Ok(NO_READER),
        Left::Ended => {
            let exec: ExecInspect = client.get(&format!("/exec/{id}/json")).await?;
            Ok(u8::try_from(exec.exit_code.unwrap_or_default() & 0xff).unwrap_or(125))
        }
    }
}

fn request(args: &ExecArgs) -> Result<Value, CliError> {
    let mut env = lines("--env-file", &args.env_file)?;
    env.extend(args.env.iter().cloned());
    // A name alone passes our own value on, if there is one.
    let own = |line: String| match line.contains('=') {
        true => Some(line),
        false => std::env::var(&line).ok().map(|value| format!("{line}={value}")),
    };
    let env: Vec<String> = env.into_iter().filter_map(own).collect();
    let mut asked = json!({
        "User": args.user, "Privileged": args.privileged, "Tty": args.tty, "Env": env, "WorkingDir": args.workdir,
        "AttachStdin": args.interactive && !args.detach, "AttachStdout": !args.detach, "AttachStderr": !args.detach,
        "Cmd": args.command,
    });
    if let (true, Some((columns, rows)), Some(map)) = (args.tty, crate::terminal::size(), asked.as_object_mut()) {
        map.insert("ConsoleSize".to_owned(), json!([rows, columns]));
    }
    Ok(asked)
}

/// Why we are not attached any more.
enum Left {
    Ended,
    Detached,
    NoReader,
}

async fn session(client: &Client, id: &str, args: &ExecArgs) -> Result<Left, CliError> {
    let streams = client.exec(id, args.tty).await?;
    let raw = if args.tty { RawMode::enter(args.interactive) } else { None };
    let (output, mut to) = streams.split();
    let input = async {
        if !args.interactive {
            // Without standard input its side stays open until the program ends.
            return std::future::pending().await;
        }
        type_in(&mut to, args.tty.then(|| args.detach_keys.clone())).await
    };
    let (output, window) = (output.copy(), follow_window(client, id, args.tty));
    tokio::pin!(output, input, window);
    let mut typing = true;
    loop {
        tokio::select! {
            copied = &mut output => {
                let copied = copied.map_err(|e| CliError::new("the attachment broke").why(e).status(125))?;
                drop(raw);
                return Ok(if copied == Copied::NoReader { Left::NoReader } else { Left::Ended });
            }
            typed = &mut input, if typing => match typed {
                Typed::Detached => {
                    drop(raw);
                    errln!("read escape sequence");
                    return Ok(Left::Detached);
                }
                Typed::Ended => typing = false,
            },
            () = &mut window => {}
        }
    }
}

/// Passes the size of our window on to its terminal. Never ends.
async fn follow_window(client: &Client, id: &str, tty: bool) {
    let Some(mut window) = tty.then(|| signal(SignalKind::window_change()).ok()).flatten() else {
        return std::future::pending().await;
    };
    loop {
        window.recv().await;
        if let Some((columns, rows)) = crate::terminal::size() {
            // It may just have ended; then there is no terminal to tell.
            let _ = client.post_raw(&format!("/exec/{id}/resize?h={rows}&w={columns}"), None).await;
        }
    }
}
