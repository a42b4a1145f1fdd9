//! Networks made, removed and pruned.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sprat_docker_api::{IpamConfig, NetworkCreate, NetworkCreated};
use sprat_engine::{NetworkRequest, PoolRequest};

use crate::docker::params::Params;
use crate::docker::system::NO_CONTENT;
use crate::docker::{ApiError, Door, body};

pub(super) async fn create(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<NetworkCreated>), ApiError> {
    let request = body::json::<NetworkCreate>(&headers, body).await?.map(|(request, _)| request).unwrap_or_default();
    let network = door.engine.create_network(convert(request)?).await?;
    Ok((StatusCode::CREATED, Json(NetworkCreated { id: network.id.clone(), warning: String::new() })))
}

fn convert(request: NetworkCreate) -> Result<NetworkRequest, ApiError> {
    let forbidden = |text: &str| Err(ApiError::new(StatusCode::FORBIDDEN, "network_forbidden", text));
    match request.scope.as_str() {
        "" | "local" => {}
        "swarm" | "global" => {
            return forbidden("cannot create a swarm scoped network when swarm is not active");
        }
        other => return Err(ApiError::invalid(format!("invalid scope: {other}"))),
    }
    if request.ingress {
        return forbidden("Ingress network can only be global scope network");
    }
    if request.config_only {
        return Err(ApiError::invalid(
            "a network that is a mere configuration (ConfigOnly) is not offered: name the driver's options in each network",
        ));
    }
    let pool = |pool: IpamConfig| PoolRequest {
        subnet: pool.subnet,
        range: pool.ip_range,
        gateway: pool.gateway,
        auxiliary: pool.auxiliary_addresses,
    };
    Ok(NetworkRequest {
        name: request.name,
        driver: request.driver,
        pools: request.ipam.config.into_iter().map(pool).collect(),
        ipv4: request.enable_ipv4,
        ipv6: request.enable_ipv6,
        internal: request.internal,
        attachable: request.attachable,
        labels: request.labels,
        options: request.options,
        ipam_driver: request.ipam.driver,
        ipam_options: request.ipam.options,
    })
}

pub(super) async fn remove(State(door): State<Arc<Door>>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    door.engine.remove_network(&name).await?;
    Ok(NO_CONTENT)
}

pub(super) async fn prune(State(door): State<Arc<Door>>, params: Params) -> Result<Json<Value>, ApiError> {
    let filters = params.filters()?.only(&["until", "label", "label!"])?;
    let names = door.engine.prune_networks(&filters.into_map()).await?;
    Ok(Json(json!({ "NetworksDeleted": if names.is_empty() { None } else { Some(names) } })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (StatusCode, String) {
        let error = convert(serde_json::from_str(text).unwrap()).unwrap_err();
        (error.status, error.body.message)
    }

    #[test]
    fn what_needs_a_swarm_is_refused_in_dockers_words() {
        for (text, words) in [
            (r#"{"Name":"x","Scope":"swarm"}"#, "when swarm is not active"),
            (r#"{"Name":"x","Ingress":true}"#, "Ingress network"),
        ] {
            let (status, message) = refused(text);
            assert!(status == StatusCode::FORBIDDEN && message.contains(words), "{message}");
        }
        assert_eq!(refused(r#"{"Name":"x","ConfigOnly":true}"#).0, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn pools_go_to_the_engine_as_they_came() {
        let request = convert(
            serde_json::from_str(
                r#"{"Name":"x","EnableIPv6":true,"IPAM":{"Driver":"default","Options":{},
                "Config":[{"Subnet":"10.0.0.0/8","IPRange":"10.1.0.0/16","Gateway":"10.0.0.9",
                           "AuxiliaryAddresses":{"r":"10.0.0.8"}}]}}"#,
            )
            .unwrap(),
        )
        .unwrap();
        let pool = &request.pools[0];
        assert_eq!((pool.subnet.as_str(), pool.range.as_str(), pool.auxiliary.len()), ("10.0.0.0/8", "10.1.0.0/16", 1));
        assert!(request.ipv6 && request.ipv4.is_none());
    }
}
