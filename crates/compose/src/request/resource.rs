//! `POST /networks/create` and `POST /volumes/create` (Docker Engine API, "NetworkCreate", "VolumeCreate").

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::project::Project;
use crate::tree::set;
use crate::{hash, labels};

/// The body for a network, by its name in the project; nothing for one that is there already.
#[must_use]
pub fn network(project: &Project, key: &str) -> Option<Value> {
    let network = project.networks.get(key).filter(|network| !network.external)?;
    let entry = project.model.get("networks").and_then(|n| n.get(key)).cloned().unwrap_or_default();
    let own = own_labels(project, &network.labels, labels::NETWORK, key, hash::network(network, &entry));
    let mut body = json!({"Name": network.name, "CheckDuplicate": true, "Labels": own});
    let Value::Object(map) = &mut body else { return None };
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value);
        }
    };
    add("Driver", network.driver.as_ref().map(|driver| json!(driver)));
    add("Options", (!network.driver_opts.is_empty()).then(|| json!(network.driver_opts)));
    add("Internal", network.internal.then(|| true.into()));
    add("Attachable", network.attachable.then(|| true.into()));
    add("EnableIPv4", network.enable_ipv4.map(Value::from));
    add("EnableIPv6", network.enable_ipv6.map(Value::from));
    add("IPAM", ipam(&network.ipam));
    Some(body)
}

fn ipam(ipam: &Value) -> Option<Value> {
    let ipam = ipam.as_object().filter(|map| !map.is_empty())?;
    let mut body = Map::new();
    for (key, name) in [("driver", "Driver"), ("options", "Options")] {
        body.extend(ipam.get(key).map(|value| (name.to_owned(), value.clone())));
    }
    let pool = |config: &Value| {
        let names = [
            ("subnet", "Subnet"),
            ("ip_range", "IPRange"),
            ("gateway", "Gateway"),
            ("aux_addresses", "AuxiliaryAddresses"),
        ];
        let pairs = names.into_iter().filter_map(|(key, name)| Some((name.to_owned(), config.get(key)?.clone())));
        Value::Object(pairs.collect())
    };
    let pools = ipam.get("config").and_then(Value::as_array);
    body.extend(pools.map(|pools| ("Config".to_owned(), pools.iter().map(pool).collect())));
    Some(body.into())
}

/// The body for a volume, by its name in the project; nothing for one that is there already.
#[must_use]
pub fn volume(project: &Project, key: &str) -> Option<Value> {
    let volume = project.volumes.get(key).filter(|volume| !volume.external)?;
    let entry = project.model.get("volumes").and_then(|n| n.get(key)).cloned().unwrap_or_default();
    let own = own_labels(project, &volume.labels, labels::VOLUME, key, hash::volume(volume, &entry));
    let mut body = json!({"Name": volume.name, "Labels": own});
    if let Some(driver) = &volume.driver {
        set(&mut body, "Driver", json!(driver));
    }
    if !volume.driver_opts.is_empty() {
        set(&mut body, "DriverOpts", json!(volume.driver_opts));
    }
    Some(body)
}

fn own_labels(
    project: &Project,
    labels: &BTreeMap<String, String>,
    kind: &str,
    key: &str,
    hash: String,
) -> BTreeMap<String, String> {
    let mut all = labels.clone();
    let own = [
        (labels::PROJECT, project.name.clone()),
        (labels::VERSION, labels::COMPOSE_VERSION.to_owned()),
        (labels::CONFIG_HASH, hash),
        (kind, key.to_owned()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all
}
