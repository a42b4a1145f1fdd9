//! `sprat login` and `sprat logout`.

use clap::Args;
use std::io::{IsTerminal as _, Read as _};

use serde_json::{Value, json};

use crate::client::Client;
use crate::credentials;
use crate::error::{CliError, Outcome};

/// `sprat login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// User
    #[arg(short, long)]
    pub username: Option<String>,
    /// Password (others can see it in the process list: better --password-stdin)
    #[arg(short, long)]
    pub password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The registry's host; docker.io if none
    pub server: Option<String>,
}

/// `sprat logout`
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The registry's host; docker.io if none
    pub server: Option<String>,
}

/// Bytes of a password read from standard input.
const PASSWORD_LIMIT: u64 = 64 * 1024;

/// `sprat login`
pub(crate) async fn login(client: &Client, args: LoginArgs) -> Outcome {
    let registry = credentials::key(args.server.as_deref());
    let username = match args.username {
        Some(name) => name,
        None => ask("Username: ")?,
    };
    let password = match args.password {
        Some(password) => {
            errln!("warning: other users can see --password in the process list; use --password-stdin");
            password
        }
        None if args.password_stdin => from_stdin()?,
        None => secret("Password: ")?,
    };
    let body = json!({"username": username, "password": password, "serveraddress": registry});
    let answer: Value = client.post("/auth", Some(&body)).await?;
    credentials::store(&registry, &username, &password)?;
    outln!("{}", answer.get("Status").and_then(Value::as_str).unwrap_or("Login Succeeded"));
    Ok(0)
}

/// `sprat logout`
pub(crate) fn logout(args: LogoutArgs) -> Outcome {
    let registry = credentials::key(args.server.as_deref());
    if credentials::forget(&registry)? {
        outln!("Removing login credentials for {registry}");
    } else {
        outln!("Not logged in to {registry}");
    }
    Ok(0)
}

fn from_stdin() -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin().take(PASSWORD_LIMIT).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask(prompt: &str) -> Result<String, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new("cannot ask for user and password")
            .why("standard input is no terminal")
            .fix("use --username and --password-stdin"));
    }
    err!("{prompt}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Asks without echo.
fn secret(prompt: &str) -> Result<String, CliError> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = rustix::stdio::stdin();
    let before = tcgetattr(stdin).map_err(|_| {
        CliError::new("cannot ask for a password").why("standard input is no terminal").fix("use --password-stdin")
    })?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin, OptionalActions::Now, &hidden).map_err(std::io::Error::from)?;
    let answer = ask(prompt);
    tcsetattr(stdin, OptionalActions::Now, &before).map_err(std::io::Error::from)?;
    errln!("");
    answer
}
