//! `sprat save`, `load` and `import`.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use clap::Args;
use hyper::Method;
use serde_json::Value;

use crate::client::{self, Client};
use crate::error::{CliError, Outcome};
use crate::name::split;
use crate::query::Query;
use crate::render::progress::Transfers;

/// `sprat save`
#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,
    /// Names or ids
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// `sprat load`
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// File to read instead of standard input
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<std::path::PathBuf>,
    /// Only errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// `sprat import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Dockerfile instruction to apply
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Message
    #[arg(short, long)]
    pub message: Option<String>,
    /// Tar file, or - for standard input
    pub file: std::path::PathBuf,
    /// Name of the image
    pub name: Option<String>,
}

/// `sprat save`
pub(crate) async fn save(client: &Client, args: SaveArgs) -> Outcome {
    let mut query = Query::new("/images/get");
    for image in &args.images {
        query = query.add("names", image);
    }
    let mut to: Box<dyn std::io::Write + Send> = match &args.output {
        None if std::io::stdout().is_terminal() => {
            return Err(CliError::new("a tar is not written to a terminal").fix("use --output FILE, or redirect"));
        }
        None => Box::new(std::io::stdout()),
        Some(path) => return save_file(client, &query.path(), path).await,
    };
    let response = client.send(Method::GET, &query.path(), &[], client::empty()).await?;
    client.copy(response, &mut *to).await?;
    Ok(0)
}

/// Writes beside the file and renames, so that a broken save leaves nothing.
async fn save_file(client: &Client, query: &str, path: &Path) -> Outcome {
    let response = client.send(Method::GET, query, &[], client::empty()).await?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    client.copy(response, file.as_file_mut()).await?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| CliError::new(format!("cannot write {}", path.display())).why(e))?;
    Ok(0)
}

/// A file, or standard input (also as `-`), as something to send.
fn input(path: Option<&Path>) -> Result<tokio::fs::File, CliError> {
    match path.filter(|p| *p != Path::new("-")) {
        Some(path) => {
            let unread = |why: &dyn std::fmt::Display| {
                CliError::new(format!("cannot read {}", path.display())).why(why).fix("name a tar file, or - for input")
            };
            let file = std::fs::File::open(path).map_err(|e| unread(&e))?;
            if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                return Err(unread(&"it is a folder"));
            }
            Ok(tokio::fs::File::from_std(file))
        }
        None if std::io::stdin().is_terminal() => {
            Err(CliError::new("a tar is not read from a terminal").fix("name a file, or redirect"))
        }
        None => {
            // A pipe can't be sent twice and has no length: it goes through a file without a name.
            let mut file = tempfile::tempfile()?;
            std::io::copy(&mut std::io::stdin().lock().by_ref(), &mut file)?;
            std::io::Seek::rewind(&mut file)?;
            Ok(tokio::fs::File::from_std(file))
        }
    }
}

/// `sprat load`
pub(crate) async fn load(client: &Client, args: LoadArgs) -> Outcome {
    let body = client::file(input(args.input.as_deref())?);
    let headers = [("Content-Type", "application/x-tar")];
    let response = client.send(Method::POST, "/images/load?quiet=0", &headers, body).await?;
    let mut transfers = Transfers::start(args.quiet);
    client
        .lines(response, |message| {
            match message.get("stream").and_then(Value::as_str) {
                Some(text) => out!("{text}"),
                None => transfers.message(&message)?,
            }
            Ok(())
        })
        .await?;
    Ok(0)
}

/// `sprat import`
pub(crate) async fn import(client: &Client, args: ImportArgs) -> Outcome {
    let body = client::file(input(Some(&args.file))?);
    let (repo, tag) = args.name.as_deref().map(split).unwrap_or_default();
    let mut query = Query::new("/images/create").add("fromSrc", "-").add("repo", repo).option("tag", tag);
    query = query.option("message", args.message.as_deref());
    for change in &args.change {
        query = query.add("changes", change);
    }
    let headers = [("Content-Type", "application/x-tar")];
    let response = client.send(Method::POST, &query.path(), &headers, body).await?;
    client
        .lines(response, |message| {
            if let Some(error) = message.get("error").and_then(Value::as_str) {
                return Err(CliError::new(error).fix(client::on_stream(error)));
            }
            if let Some(id) = message.get("status").and_then(Value::as_str) {
                outln!("{id}");
            }
            Ok(())
        })
        .await?;
    Ok(0)
}
