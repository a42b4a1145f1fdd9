//! `sprat events`

use clap::Args;
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

use crate::client::{self, Client};
use crate::error::Outcome;
use crate::query::Query;
use crate::render::template::Template;
use crate::time::moment;

/// `sprat events`
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// From this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Filter: type=container, event=die, …
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat events`
pub(crate) async fn run(client: &Client, args: EventsArgs) -> Outcome {
    let since = args.since.as_deref().map(moment).transpose()?;
    let until = args.until.as_deref().map(moment).transpose()?;
    let path = Query::new("/events")
        .option("since", since.as_deref())
        .option("until", until.as_deref())
        .filters(&args.filter)?
        .path();
    let template = match args.format.as_deref() {
        None | Some("json") => None,
        Some(text) => Some(Template::parse(text)?),
    };
    let response = client.send(Method::GET, &path, &[], client::empty()).await?;
    client
        .lines(response, |event| {
            let line = match &template {
                Some(template) => template.render(&event)?,
                None if args.format.is_some() => event.to_string(),
                None => line(&event),
            };
            outln!("{line}");
            Ok(())
        })
        .await?;
    Ok(0)
}

/// An event as docker prints it.
fn line(event: &Value) -> String {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let ns = event.get("timeNano").and_then(Value::as_i64).unwrap_or_default();
    let at = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
    let attributes: Vec<_> = event
        .pointer("/Actor/Attributes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    format!("{at:.9} {} {} {} ({})", text("/Type"), text("/Action"), text("/Actor/ID"), attributes.join(", "))
}
