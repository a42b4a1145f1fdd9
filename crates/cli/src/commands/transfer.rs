//! `sprat pull`, `push`, `save`, `load`, `import`.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use hyper::Method;
use serde_json::Value;

use crate::args::{ImportArgs, LoadArgs, PullArgs, PushArgs, SaveArgs};
use crate::client::{self, Client};
use crate::credentials;
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};
use crate::render::progress::Transfers;

/// Splits a name into repository and tag (or digest).
fn split(image: &str) -> (&str, Option<&str>) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, Some(digest));
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

/// `sprat pull`
pub(crate) async fn pull(client: &Client, args: PullArgs) -> Outcome {
    if split(&args.image).1.is_none() && !args.quiet {
        outln!("Using default tag: latest");
    }
    fetch(client, &args.image, args.platform.as_deref(), args.quiet).await?;
    outln!("{}", args.image);
    Ok(0)
}

/// Pulls with progress on standard error.
pub(super) async fn fetch(client: &Client, image: &str, platform: Option<&str>, quiet: bool) -> Result<(), CliError> {
    let (name, tag) = split(image);
    let path = Query::new("/images/create")
        .add("fromImage", name)
        .add("tag", tag.unwrap_or("latest"))
        .option("platform", platform)
        .path();
    let auth = credentials::header(&credentials::registry_of(image))?;
    let headers = [("X-Registry-Auth", auth.as_str()), ("Content-Length", "0")];
    let response = client.send(Method::POST, &path, &headers, client::empty()).await?;
    let mut transfers = Transfers::start(quiet);
    client.lines(response, |message| transfers.message(&message)).await
}

/// `sprat push`
pub(crate) async fn push(client: &Client, args: PushArgs) -> Outcome {
    let (name, tag) = split(&args.image);
    let path = Query::new(format!("/images/{}/push", segment(name))).add("tag", tag.unwrap_or("latest")).path();
    let auth = credentials::header(&credentials::registry_of(&args.image))?;
    let headers = [("X-Registry-Auth", auth.as_str()), ("Content-Length", "0")];
    let response = client.send(Method::POST, &path, &headers, client::empty()).await?;
    let mut transfers = Transfers::start(args.quiet);
    client.lines(response, |message| transfers.message(&message)).await?;
    outln!("{}", args.image);
    Ok(0)
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
        Some(path) => Ok(tokio::fs::File::from_std(fs_err::File::open(path)?.into_parts().0)),
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
                return Err(CliError::new(error));
            }
            if let Some(id) = message.get("status").and_then(Value::as_str) {
                outln!("{id}");
            }
            Ok(())
        })
        .await?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(split("localhost:5000/a"), ("localhost:5000/a", None));
        assert_eq!(split("localhost:5000/a:1"), ("localhost:5000/a", Some("1")));
        assert_eq!(split("a@sha256:00"), ("a", Some("sha256:00")));
    }
}
