//! `sprat compose ls`: the projects that there are.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use sprat_compose::labels;

use super::containers::{self, Container};
use super::place::Place;
use crate::error::Outcome;
use crate::render::rows::{self, row};

/// `sprat compose ls`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose ls -a --format json")]
pub(crate) struct LsArgs {
    /// Those that don't run too
    #[arg(short, long)]
    pub all: bool,
    /// Only names
    #[arg(short, long)]
    pub quiet: bool,
    /// Only those whose name has this: name=TEXT
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Option<String>,
    /// json or table
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat compose ls`
pub(super) async fn run(place: &Place, args: &LsArgs) -> Outcome {
    let mut projects: BTreeMap<String, Vec<Container>> = BTreeMap::new();
    for container in containers::of_all(&place.client).await?.into_iter().filter(|c| !c.one_off) {
        let name = container.labels.get(labels::PROJECT).cloned().unwrap_or_default();
        projects.entry(name).or_default().push(container);
    }
    let part = args.filter.as_deref().and_then(|filter| filter.strip_prefix("name="));
    projects.retain(|name, own| {
        (args.all || own.iter().any(Container::is_up)) && part.is_none_or(|part| name.contains(part))
    });
    if args.quiet {
        projects.keys().for_each(|name| outln!("{name}"));
        return Ok(0);
    }
    let lines: Vec<_> = projects
        .iter()
        .map(|(name, own)| {
            let files = own.first().and_then(|c| c.labels.get(labels::CONFIG_FILES));
            row([
                ("Name", json!(name)),
                ("Status", status(own).into()),
                ("ConfigFiles", json!(files.map(String::as_str).unwrap_or_default())),
            ])
        })
        .collect();
    if args.format.as_deref() == Some("json") {
        outln!("{}", Value::Array(lines.into_iter().map(Value::Object).collect()));
        return Ok(0);
    }
    rows::print(&lines, &[("Name", "NAME"), ("Status", "STATUS"), ("ConfigFiles", "CONFIG FILES")], None)?;
    Ok(0)
}

/// `exited(1), running(2)`
fn status(containers: &[Container]) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for container in containers {
        *states.entry(container.state.as_str()).or_default() += 1;
    }
    states.iter().map(|(state, count)| format!("{state}({count})")).collect::<Vec<_>>().join(", ")
}
