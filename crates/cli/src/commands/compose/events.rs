//! `sprat compose events`

use clap::Args;
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use sprat_compose::labels;

use super::place::Place;
use crate::client;
use crate::error::Outcome;
use crate::query::Query;
use crate::time::moment;

/// `sprat compose events`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose events --json web")]
pub(crate) struct EventsArgs {
    /// As a stream of JSON objects
    #[arg(long)]
    pub json: bool,
    /// From this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `sprat compose events`
pub(super) async fn run(place: &Place, args: &EventsArgs) -> Outcome {
    let known = place.known()?;
    let since = args.since.as_deref().map(moment).transpose()?;
    let until = args.until.as_deref().map(moment).transpose()?;
    let filters = ["type=container".to_owned(), format!("label={}={}", labels::PROJECT, known.name)];
    let path = Query::new("/events")
        .option("since", since.as_deref())
        .option("until", until.as_deref())
        .filters(&filters)?
        .path();
    let response = place.client.send(Method::GET, &path, &[], client::empty()).await?;
    place
        .client
        .lines(response, |event| {
            let attributes = event.pointer("/Actor/Attributes").and_then(Value::as_object).cloned().unwrap_or_default();
            let attribute = |name: &str| attributes.get(name).and_then(Value::as_str).unwrap_or_default();
            let service = attribute(labels::SERVICE);
            let one_off = attribute(labels::ONE_OFF) == "True";
            if one_off || (!args.services.is_empty() && !args.services.iter().any(|s| s == service)) {
                return Ok(());
            }
            let ns = event.get("timeNano").and_then(Value::as_i64).unwrap_or_default();
            let at = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let own = attributes.iter().filter(|(name, _)| !name.starts_with("com.docker.compose."));
            if args.json {
                let own: Value = own.map(|(name, value)| (name.clone(), value.clone())).collect();
                let line = json!({"time": at.to_string(), "type": "container", "service": service,
                    "id": text("/Actor/ID"), "action": text("/Action"), "attributes": own});
                outln!("{line}");
            } else {
                let own: Vec<_> =
                    own.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
                outln!("{at:.6} container {} {} ({})", text("/Action"), text("/Actor/ID"), own.join(", "));
            }
            Ok(())
        })
        .await?;
    Ok(0)
}
