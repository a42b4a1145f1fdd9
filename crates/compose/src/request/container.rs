//! `POST /containers/create` (Docker Engine API, "ContainerCreate").

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Surroundings, host, mounts};
use crate::error::{Code, ComposeError};
use crate::project::{Project, Service};
use crate::{hash, labels, quantity};

/// The body for a container of a service.
///
/// # Errors
/// If a service's namespace is shared that has no container, or a secret has no source.
pub fn container(project: &Project, service: &Service, around: &Surroundings) -> Result<Value, ComposeError> {
    let at = |e: ComposeError| e.at(format!("services.{}", service.name));
    let mut body = Map::new();
    let text = [
        ("Hostname", &service.hostname),
        ("Domainname", &service.domainname),
        ("User", &service.user),
        ("WorkingDir", &service.working_dir),
        ("StopSignal", &service.stop_signal),
        ("MacAddress", &service.mac_address),
    ];
    body.extend(text.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
    body.insert("Image".into(), json!(around.image));
    body.insert("Tty".into(), service.tty.into());
    body.insert("OpenStdin".into(), service.stdin_open.into());
    body.insert("StdinOnce".into(), false.into());
    body.insert("AttachStdin".into(), false.into());
    body.insert("AttachStdout".into(), true.into());
    body.insert("AttachStderr".into(), true.into());
    body.insert("Env".into(), environment(service));
    body.insert("Cmd".into(), json!(service.command));
    body.insert("Entrypoint".into(), json!(service.entrypoint));
    body.insert("Labels".into(), json!(own_labels(project, service, around)));
    body.insert("ExposedPorts".into(), exposed(service));
    if let Some(period) = &service.stop_grace_period {
        let seconds = quantity::nanoseconds(period).map_err(at)?.div_euclid(1_000_000_000);
        body.insert("StopTimeout".into(), seconds.into());
    }
    if let Some(health) = health(service).map_err(at)? {
        body.insert("Healthcheck".into(), health);
    }
    let mut host = host::config(service, around).map_err(at)?;
    mounts::add(project, service, around, &mut host).map_err(at)?;
    let primary = primary_network(service);
    let mode = match (&service.network_mode, primary) {
        (Some(mode), _) => shared(mode, around).map_err(at)?,
        (None, Some(network)) => network_name(project, network),
        (None, None) => "none".into(),
    };
    host.insert("NetworkMode".into(), mode.into());
    body.insert("HostConfig".into(), host.into());
    body.insert("NetworkingConfig".into(), json!({ "EndpointsConfig": endpoints(project, service, around) }));
    Ok(body.into())
}

/// Variables without a value are not sent: the image's stay.
fn environment(service: &Service) -> Value {
    let pair = |(name, value): (&String, &Option<String>)| Some(format!("{name}={}", value.as_ref()?));
    service.environment.iter().filter_map(pair).collect()
}

fn own_labels(project: &Project, service: &Service, around: &Surroundings) -> BTreeMap<String, String> {
    let mut all = service.labels.clone();
    let paths =
        |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(",");
    let one_off = around.one_off.as_ref();
    let mut add = |name: &str, value: String| drop(all.insert(name.to_owned(), value));
    add(labels::PROJECT, project.name.clone());
    add(labels::SERVICE, service.name.clone());
    add(labels::VERSION, labels::COMPOSE_VERSION.into());
    add(labels::ONE_OFF, if one_off.is_some() { "True" } else { "False" }.into());
    add(labels::CONFIG_HASH, hash::service(service));
    add(labels::CONFIG_FILES, paths(&project.files));
    add(labels::WORKING_DIR, project.folder.to_string_lossy().into_owned());
    add(labels::DEPENDS_ON, depends_on(service));
    add(labels::IMAGE, around.image_id.clone());
    match one_off {
        Some(one_off) => add(labels::SLUG, one_off.slug.clone()),
        None => add(labels::NUMBER, around.number.to_string()),
    }
    if !project.env_files.is_empty() {
        add(labels::ENVIRONMENT_FILE, paths(&project.env_files));
    }
    if let Some(replaced) = &around.replaces {
        add(labels::REPLACE, replaced.clone());
    }
    all
}

/// `db:service_healthy:false,…`
#[must_use]
pub fn depends_on(service: &Service) -> String {
    let one = |(name, how): (&String, &crate::Dependency)| format!("{name}:{}:{}", how.condition.name(), how.restart);
    service.depends_on.iter().map(one).collect::<Vec<_>>().join(",")
}

fn exposed(service: &Service) -> Value {
    let mut ports = Map::new();
    for port in &service.ports {
        ports.insert(format!("{}/{}", port.target, port.protocol), json!({}));
    }
    for written in &service.expose {
        let (range, protocol) = written.split_once('/').unwrap_or((written, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            ports.extend((first..=last).map(|port| (format!("{port}/{protocol}"), json!({}))));
        }
    }
    ports.into()
}

fn health(service: &Service) -> Result<Option<Value>, ComposeError> {
    let Some(health) = &service.healthcheck else { return Ok(None) };
    if health.disable {
        return Ok(Some(json!({"Test": ["NONE"]})));
    }
    let mut body = Map::new();
    if !health.test.is_empty() {
        body.insert("Test".into(), json!(health.test));
    }
    for (name, value) in [
        ("Interval", &health.interval),
        ("Timeout", &health.timeout),
        ("StartPeriod", &health.start_period),
        ("StartInterval", &health.start_interval),
    ] {
        if let Some(value) = value {
            body.insert(name.into(), quantity::nanoseconds(value)?.into());
        }
    }
    if let Some(retries) = health.retries {
        body.insert("Retries".into(), retries.into());
    }
    Ok(Some(body.into()))
}

/// `service:NAME` as `container:ID`.
pub(super) fn shared(mode: &str, around: &Surroundings) -> Result<String, ComposeError> {
    let Some(other) = mode.strip_prefix("service:") else { return Ok(mode.to_owned()) };
    let id = around.containers.get(other).and_then(|ids| ids.first()).ok_or_else(|| {
        ComposeError::new(Code::Reference, format!("cannot share namespace with service {other}: container missing"))
            .fix(format!("start it first: up {other}"))
    })?;
    Ok(format!("container:{id}"))
}

fn network_name(project: &Project, key: &str) -> String {
    project.networks.get(key).map_or_else(|| key.to_owned(), |network| network.name.clone())
}

/// The network of the highest priority, the first by name among equals.
fn primary_network(service: &Service) -> Option<&str> {
    let priority = |key: &String| service.networks.get(key).and_then(|n| n.as_ref()?.priority).unwrap_or_default();
    let mut keys: Vec<_> = service.networks.keys().collect();
    keys.sort_by_key(|key| (std::cmp::Reverse(priority(key)), (*key).clone()));
    keys.first().map(|key| key.as_str())
}

fn endpoints(project: &Project, service: &Service, around: &Surroundings) -> Map<String, Value> {
    let mut all = Map::new();
    for (key, options) in &service.networks {
        let mut endpoint = Map::new();
        let mut aliases = vec![around.name.clone()];
        if around.one_off.as_ref().is_none_or(|one| one.aliases) {
            aliases.push(service.name.clone());
        }
        if let Some(options) = options {
            if around.one_off.as_ref().is_none_or(|one| one.aliases) {
                aliases.extend(options.aliases.iter().cloned());
            }
            let ipam = [("IPv4Address", &options.ipv4_address), ("IPv6Address", &options.ipv6_address)];
            let mut ipam: Map<String, Value> =
                ipam.into_iter().filter_map(|(name, ip)| Some((name.to_owned(), json!(ip.as_ref()?)))).collect();
            if !options.link_local_ips.is_empty() {
                ipam.insert("LinkLocalIPs".into(), json!(options.link_local_ips));
            }
            if !ipam.is_empty() {
                endpoint.insert("IPAMConfig".into(), ipam.into());
            }
            if let Some(mac) = &options.mac_address {
                endpoint.insert("MacAddress".into(), json!(mac));
            }
            if !options.driver_opts.is_empty() {
                endpoint.insert("DriverOpts".into(), json!(options.driver_opts));
            }
            if let Some(priority) = options.gw_priority {
                endpoint.insert("GwPriority".into(), priority.into());
            }
        }
        endpoint.insert("Aliases".into(), json!(aliases));
        let links = links(project, service);
        if !links.is_empty() {
            endpoint.insert("Links".into(), json!(links));
        }
        all.insert(network_name(project, key), endpoint.into());
    }
    all
}

/// `CONTAINER:ALIAS` of all links.
fn links(project: &Project, service: &Service) -> Vec<String> {
    let mut links = Vec::new();
    for link in &service.links {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        let other = project.services.get(name);
        for number in 1..=other.map_or(1, Service::replicas) {
            let container = other.map_or_else(|| name.to_owned(), |o| o.container_name(&project.name, number));
            links.push(format!("{container}:{alias}"));
        }
    }
    links
}
