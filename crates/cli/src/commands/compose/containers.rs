//! Containers of a project, as their labels tell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sprat_compose::labels;
use sprat_compose::plan::Existing;

use crate::client::Client;
use crate::error::CliError;
use crate::query::Query;

/// A container of a project.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub id: String,
    pub name: String,
    pub service: String,
    pub number: u32,
    pub one_off: bool,
    pub state: String,
    /// What it depends on: services.
    pub depends_on: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// As the daemon lists it.
    pub raw: Value,
}

impl Container {
    fn of(raw: Value) -> Option<Self> {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels: BTreeMap<String, String> = serde_json::from_value(raw.get("Labels").cloned()?).ok()?;
        let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
        let depends_on = label(labels::DEPENDS_ON).split(',').filter_map(|d| d.split(':').next());
        let name = raw.get("Names").and_then(|names| names.get(0)).and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            id: text("Id"),
            name: name.trim_start_matches('/').to_owned(),
            service: label(labels::SERVICE).to_owned(),
            number: label(labels::NUMBER).parse().unwrap_or_default(),
            one_off: label(labels::ONE_OFF) == "True",
            state: text("State"),
            depends_on: depends_on.filter(|d| !d.is_empty()).map(str::to_owned).collect(),
            labels,
            raw,
        })
    }

    /// It runs, also if it is paused.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }

    /// For the plan.
    pub(super) fn existing(&self) -> Existing {
        let label = |name: &str| self.labels.get(name).cloned().unwrap_or_default();
        Existing {
            id: self.id.clone(),
            name: self.name.clone(),
            number: self.number,
            running: self.is_up(),
            hash: label(labels::CONFIG_HASH),
            image: label(labels::IMAGE),
        }
    }
}

/// All containers of a project, by service and number.
pub(super) async fn of_project(client: &Client, project: &str) -> Result<Vec<Container>, CliError> {
    let filter = format!("label={}={project}", labels::PROJECT);
    list(client, &filter).await
}

/// All containers of all projects.
pub(super) async fn of_all(client: &Client) -> Result<Vec<Container>, CliError> {
    list(client, &format!("label={}", labels::PROJECT)).await
}

async fn list(client: &Client, filter: &str) -> Result<Vec<Container>, CliError> {
    let path = Query::new("/containers/json").flag("all", true).filters(&[filter.to_owned()])?.path();
    let raw: Vec<Value> = client.get(&path).await?;
    let mut all: Vec<_> = raw.into_iter().filter_map(Container::of).collect();
    all.sort_by(|a, b| (&a.service, a.number, &a.name).cmp(&(&b.service, b.number, &b.name)));
    Ok(all)
}

/// Containers in groups: none needs another of its own group or of a later one. What nobody needs comes first if `reverse`.
pub(super) fn in_order(all: &[Container], reverse: bool) -> Vec<Vec<Container>> {
    let mut left: Vec<&Container> = all.iter().collect();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<String> = left.iter().map(|c| c.service.clone()).collect();
        let blocked = |c: &Container| c.depends_on.iter().any(|d| *d != c.service && waiting.contains(d));
        let (mut later, mut free): (Vec<_>, Vec<_>) = left.iter().copied().partition(|c| blocked(c));
        if free.is_empty() {
            // Labels may say anything, a circle too.
            free = std::mem::take(&mut later);
        }
        groups.push(free.into_iter().cloned().collect::<Vec<_>>());
        left = later;
    }
    if reverse {
        groups.reverse();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(service: &str, needs: &str) -> Container {
        Container::of(json!({"Id": service, "Names": [format!("/p-{service}-1")], "State": "running", "Labels": {
            labels::SERVICE: service, labels::NUMBER: "1", labels::DEPENDS_ON: needs}}))
        .unwrap()
    }

    #[test]
    fn what_is_needed_comes_first_and_circles_end() {
        let all = [
            container("web", "api:service_healthy:false,cache:service_started:false"),
            container("api", "db:service_started:false"),
            container("cache", ""),
            container("db", "gone:service_started:false"),
        ];
        let shown = |groups: Vec<Vec<Container>>| {
            let one = |g: Vec<Container>| g.into_iter().map(|c| c.service).collect::<Vec<_>>().join("+");
            groups.into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(shown(in_order(&all, false)), ["cache+db", "api", "web"]);
        assert_eq!(shown(in_order(&all, true)), ["web", "api", "cache+db"]);
        let circle = [container("a", "b:x:false"), container("b", "a:x:false")];
        assert_eq!(shown(in_order(&circle, false)), ["a+b"]);
    }
}
