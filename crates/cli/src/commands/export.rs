//! `sprat export`: a container's files as a tar.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Method;

use crate::client::{self, Client};
use crate::error::{CliError, Outcome};
use crate::query::segment;

/// `sprat export`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Name or id
    pub container: String,
}

/// `sprat export`
pub(crate) async fn run(client: &Client, args: ExportArgs) -> Outcome {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(CliError::new("a tar is not written to a terminal").fix("use --output FILE, or redirect"));
    }
    let path = format!("/containers/{}/export", segment(&args.container));
    let response = client.send(Method::GET, &path, &[], client::empty()).await?;
    let Some(output) = args.output else {
        client.copy(response, &mut std::io::stdout()).await?;
        return Ok(0);
    };
    // Beside the file and renamed, so that a broken export leaves nothing.
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let cannot = |e: std::io::Error| CliError::new(format!("cannot write {}", output.display())).why(e);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    client.copy(response, file.as_file_mut()).await?;
    file.persist(&output).map_err(|e| cannot(e.error))?;
    Ok(0)
}
