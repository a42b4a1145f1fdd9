//! Networks: the three predefined ones, so that clients which look for them find them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sprat_docker_api::{EndpointSettings, NetworkContainer, NetworkIpam, NetworkSummary, ZERO_TIME};
use sprat_engine::{ListFilter, Status};

use super::params::Params;
use super::{ApiError, Door, body};

/// Name, id and driver of the predefined networks. The ids only have to be stable and of docker's shape.
const PREDEFINED: [(&str, &str, &str); 3] = [
    ("bridge", "5b1d6e3a00000000000000000000000000000000000000000062726964676500", "bridge"),
    ("host", "5b1d6e3a000000000000000000000000000000000000000000000000686f7374", "host"),
    ("none", "5b1d6e3a0000000000000000000000000000000000000000000000006e6f6e65", "null"),
];

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(create))
        .route("/networks/prune", post(async || Json(json!({ "NetworksDeleted": null }))))
        .route("/networks/{name}", get(inspect).delete(remove))
}

/// The id of a predefined network; empty for others.
pub(super) fn id(name: &str) -> &'static str {
    PREDEFINED.iter().find(|(known, ..)| *known == name).map_or("", |(_, id, _)| id)
}

/// The network that a network mode stands for.
pub(super) fn of_mode(mode: &str) -> &str {
    if matches!(mode, "" | "default") { "bridge" } else { mode }
}

/// A container on its network, as list and inspect show it.
pub(super) fn endpoints(mode: &str) -> BTreeMap<String, EndpointSettings> {
    let name = of_mode(mode);
    let settings = EndpointSettings { network_id: id(name).to_owned(), ..EndpointSettings::default() };
    BTreeMap::from([(name.to_owned(), settings)])
}

async fn list(params: Params) -> Result<Json<Vec<NetworkSummary>>, ApiError> {
    let known = ["name", "id", "driver", "scope", "type", "label", "dangling"];
    let filters = params.filters()?.only(&known)?;
    let any = |key, test: &dyn Fn(&str) -> bool| {
        let values = filters.get(key);
        values.is_empty() || values.iter().any(|value| test(value))
    };
    let wanted = |network: &NetworkSummary| {
        any("name", &|value| network.name.contains(value))
            && any("id", &|value| network.id.starts_with(value))
            && any("driver", &|value| network.driver == value)
            && any("scope", &|value| network.scope == value)
            && any("type", &|value| value == "builtin")
            && filters.matches_labels(&network.labels)
    };
    Ok(Json(PREDEFINED.iter().map(predefined).filter(wanted).collect()))
}

fn predefined((name, id, driver): &(&str, &str, &str)) -> NetworkSummary {
    NetworkSummary {
        name: (*name).to_owned(),
        id: (*id).to_owned(),
        created: ZERO_TIME.to_owned(),
        scope: "local".to_owned(),
        driver: (*driver).to_owned(),
        enable_ipv4: true,
        ipam: NetworkIpam { driver: "default".to_owned(), ..NetworkIpam::default() },
        ..NetworkSummary::default()
    }
}

async fn inspect(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Result<Json<NetworkSummary>, ApiError> {
    let mut network = predefined(find(&name)?);
    for container in door.engine.list(&ListFilter::default())? {
        let running = matches!(container.state.status, Status::Running | Status::Paused);
        if running && of_mode(&container.spec.network) == network.name {
            let entry = NetworkContainer { name: container.name.clone(), ..NetworkContainer::default() };
            network.containers.insert(container.id.to_string(), entry);
        }
    }
    Ok(Json(network))
}

fn find(name: &str) -> Result<&'static (&'static str, &'static str, &'static str), ApiError> {
    let by_id = |id: &str| name.len() >= 12 && id.starts_with(name);
    let found = PREDEFINED.iter().find(|(known, id, _)| *known == name || by_id(id));
    found.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "network_not_found", format!("network {name} not found")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    name: String,
}

async fn create(headers: HeaderMap, body: Body) -> Result<Json<Value>, ApiError> {
    let request = body::json::<CreateRequest>(&headers, body).await?.map(|(request, _)| request).unwrap_or_default();
    if find(&request.name).is_ok() {
        let message = format!("operation is not permitted on predefined {} network", request.name);
        return Err(ApiError::new(StatusCode::FORBIDDEN, "network_predefined", message));
    }
    Err(ApiError::unsupported("Sprat has no networks of users' own: use bridge, host or none"))
}

async fn remove(Path(name): Path<String>) -> ApiError {
    match find(&name) {
        Ok((name, ..)) => ApiError::new(
            StatusCode::FORBIDDEN,
            "network_predefined",
            format!("{name} is a pre-defined network and cannot be removed"),
        ),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_predefined_networks_are_listed_and_filtered() {
        let names = async |query: &str| {
            let list = list(Params::parse(query)).await.unwrap().0;
            list.into_iter().map(|network| network.name).collect::<Vec<_>>()
        };
        assert_eq!(names("").await, ["bridge", "host", "none"]);
        assert_eq!(names("filters=%7B%22name%22%3A%5B%22host%22%5D%7D").await, ["host"]);
        assert!(names("filters=%7B%22name%22%3A%5B%22cmp_default%22%5D%7D").await.is_empty());
    }

    #[test]
    fn ids_have_dockers_shape() {
        for (_, id, _) in PREDEFINED {
            assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id} {}", id.len());
        }
    }

    #[test]
    fn a_network_is_found_by_name_or_long_id() {
        assert_eq!(find("bridge").unwrap().2, "bridge");
        assert_eq!(find(PREDEFINED[1].1).unwrap().0, "host");
        assert_eq!(find("nope").unwrap_err().status, 404);
        assert_eq!(find("5b1d").unwrap_err().status, 404);
    }
}
