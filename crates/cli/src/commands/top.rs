//! `sprat top`: the processes of a container.

use clap::Args;
use serde_json::Value;
use sprat_docker_api::TopResponse;

use crate::client::Client;
use crate::error::Outcome;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row};

/// `sprat top`
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Name or id
    pub container: String,
    /// Options of ps: -ef, aux, -o pid,args
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    pub options: Vec<String>,
}

/// `sprat top`
pub(crate) async fn run(client: &Client, args: TopArgs) -> Outcome {
    let options = args.options.join(" ");
    let path = Query::new(format!("/containers/{}/top", segment(&args.container)))
        .option("ps_args", Some(options.as_str()).filter(|options| !options.is_empty()))
        .path();
    let table: TopResponse = client.get(&path).await?;
    let columns: Vec<(&str, &str)> = table.titles.iter().map(|title| (title.as_str(), title.as_str())).collect();
    let row = |cells: &Vec<String>| -> Row {
        table.titles.iter().zip(cells).map(|(title, cell)| (title.clone(), Value::from(cell.as_str()))).collect()
    };
    let lines: Vec<Row> = table.processes.iter().map(row).collect();
    rows::print(&lines, &columns, None)?;
    Ok(0)
}
