//! `sprat diff`: what a container changed of its image's files.

use clap::Args;
use sprat_docker_api::FileChange;

use crate::client::Client;
use crate::error::Outcome;
use crate::query::segment;

/// `sprat diff`
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Name or id
    pub container: String,
}

/// `sprat diff`
pub(crate) async fn run(client: &Client, args: DiffArgs) -> Outcome {
    let path = format!("/containers/{}/changes", segment(&args.container));
    let changes: Option<Vec<FileChange>> = client.get(&path).await?;
    for change in changes.unwrap_or_default() {
        let sign = match change.kind {
            0 => 'C',
            1 => 'A',
            _ => 'D',
        };
        outln!("{sign} {}", change.path);
    }
    Ok(0)
}
