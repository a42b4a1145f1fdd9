//! The flags of `run` and `create` about networks, and the part of the request that they make.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::error::CliError;

/// Flags about networks.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// Network: default, none, host, a network's name, or name=NAME,alias=…,ip=…; several times for several
    #[arg(long = "network", alias = "net", value_name = "NETWORK")]
    pub networks: Vec<String>,
    /// A further name on its network
    #[arg(long = "network-alias", alias = "net-alias", value_name = "NAME")]
    pub aliases: Vec<String>,
    /// IPv4 address on its network
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// IPv6 address on its network
    #[arg(long, value_name = "ADDRESS")]
    pub ip6: Option<String>,
    /// Hardware address to show
    #[arg(long, value_name = "ADDRESS")]
    pub mac_address: Option<String>,
    /// A name for another container that only this one knows: CONTAINER[:ALIAS]
    #[arg(long, value_name = "CONTAINER:ALIAS")]
    pub link: Vec<String>,
    /// A further host: NAME:ADDRESS; the address host-gateway is this machine
    #[arg(long, value_name = "NAME:ADDRESS")]
    pub add_host: Vec<String>,
    /// Name server
    #[arg(long, value_name = "ADDRESS")]
    pub dns: Vec<String>,
    /// Domain that is searched
    #[arg(long, value_name = "DOMAIN")]
    pub dns_search: Vec<String>,
    /// Option of the resolver
    #[arg(long, alias = "dns-opt", value_name = "OPTION")]
    pub dns_option: Vec<String>,
    /// What it may reach beyond its networks: deny, allow, or rules such as api.example.com:443,10.0.0.0/8:5432
    #[arg(long, value_name = "RULES")]
    pub egress: Option<String>,
}

/// What a container asks for on one network, in docker's shape.
pub(crate) fn endpoint(aliases: &[String], links: &[String], v4: Option<&str>, v6: Option<&str>) -> Map<String, Value> {
    let mut config = Map::new();
    if !aliases.is_empty() {
        config.insert("Aliases".to_owned(), json!(aliases));
    }
    if !links.is_empty() {
        config.insert("Links".to_owned(), json!(links));
    }
    let addresses = [("IPv4Address", v4), ("IPv6Address", v6)];
    let addresses: Map<_, _> =
        addresses.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))).collect();
    if !addresses.is_empty() {
        config.insert("IPAMConfig".to_owned(), Value::Object(addresses));
    }
    config
}

/// Networks with what is asked for on each.
type Endpoints = Vec<(String, Map<String, Value>)>;

impl NetworkArgs {
    /// Adds what was given to the request and its `HostConfig`.
    pub(super) fn add_to(
        &self,
        config: &mut Map<String, Value>,
        host: &mut Map<String, Value>,
    ) -> Result<(), CliError> {
        let endpoints = self.endpoints()?;
        let mode = endpoints.first().map_or("default", |(name, _)| name).to_owned();
        host.insert("NetworkMode".to_owned(), json!(mode));
        let own = ["default", "bridge", "host", "none"];
        for (key, list) in [
            ("Dns", &self.dns),
            ("DnsSearch", &self.dns_search),
            ("DnsOptions", &self.dns_option),
            ("ExtraHosts", &self.add_host),
        ] {
            if !list.is_empty() {
                host.insert(key.to_owned(), json!(list));
            }
        }
        // Links on the default network are the container's, on others the endpoint's.
        if own.contains(&mode.as_str()) && !self.link.is_empty() {
            host.insert("Links".to_owned(), json!(self.link));
        }
        let endpoints: Map<_, _> = endpoints.into_iter().map(|(name, config)| (name, Value::Object(config))).collect();
        config.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": endpoints }));
        Ok(())
    }

    /// The networks in the order they were named, with what is asked for on each. Flags of their own mean the first.
    fn endpoints(&self) -> Result<Endpoints, CliError> {
        let wrong = |what: String, fix: &str| CliError::new(what).fix(fix).status(125);
        let mut endpoints = Endpoints::new();
        for text in &self.networks {
            let (name, config) = one(text)?;
            if endpoints.iter().any(|(other, _)| *other == name) {
                return Err(wrong(format!("network {name:?} is specified multiple times"), "name each network once"));
            }
            endpoints.push((name, config));
        }
        if endpoints.is_empty() {
            endpoints.push(("default".to_owned(), Map::new()));
        }
        let Some((name, first)) = endpoints.first_mut() else { return Ok(endpoints) };
        let plain = !["default", "bridge", "host", "none"].contains(&name.as_str());
        let links: &[String] = if plain { &self.link } else { &[] };
        let flags = endpoint(&self.aliases, links, self.ip.as_deref(), self.ip6.as_deref());
        if let Some(key) = flags.keys().find(|key| first.contains_key(*key)) {
            return Err(wrong(
                format!("conflicting options: {key} of network {name:?} is given twice"),
                "give it with --network alone, or with its own flag alone",
            ));
        }
        first.extend(flags);
        if let Some(mac) = &self.mac_address {
            first.insert("MacAddress".to_owned(), json!(mac));
        }
        Ok(endpoints)
    }
}

/// `NAME`, or docker's long form `name=NAME,alias=…,ip=…`.
fn one(text: &str) -> Result<(String, Map<String, Value>), CliError> {
    if !text.contains('=') {
        return Ok((text.to_owned(), Map::new()));
    }
    let wrong = |why: String| {
        CliError::new(format!("invalid --network {text:?}"))
            .why(why)
            .fix("write NAME, or name=NAME[,alias=…][,ip=…][,ip6=…][,mac-address=…]")
            .status(125)
    };
    let (mut name, mut aliases, mut v4, mut v6) = (None, Vec::new(), None, None);
    let (mut mac, mut options) = (None, Map::new());
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| wrong(format!("{part:?} has no value")))?;
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => name = Some(value.to_owned()),
            "alias" => aliases.push(value.to_owned()),
            "ip" => v4 = Some(value),
            "ip6" => v6 = Some(value),
            "mac-address" => mac = Some(value),
            "driver-opt" => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                options.insert(key.to_owned(), json!(value));
            }
            "link-local-ip" | "gw-priority" => {}
            other => return Err(wrong(format!("unexpected key {other:?}"))),
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| wrong("it has no name".to_owned()))?;
    let mut config = endpoint(&aliases, &[], v4, v6);
    if let Some(mac) = mac {
        config.insert("MacAddress".to_owned(), json!(mac));
    }
    if !options.is_empty() {
        config.insert("DriverOpts".to_owned(), Value::Object(options));
    }
    Ok((name, config))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: NetworkArgs,
    }

    fn body(words: &[&str]) -> Result<(Value, Value), String> {
        let line = Line::try_parse_from(["run"].iter().chain(words)).unwrap();
        let (mut config, mut host) = (Map::new(), Map::new());
        line.args.add_to(&mut config, &mut host).map_err(|error| error.what)?;
        Ok((Value::Object(config), Value::Object(host)))
    }

    #[test]
    fn flags_mean_the_first_network() {
        let words = [
            "--network",
            "front",
            "--network",
            "name=back,alias=db,ip=10.0.0.9",
            "--network-alias",
            "web",
            "--link",
            "a:b",
        ];
        let (config, host) = body(&words).unwrap();
        assert_eq!(host["NetworkMode"], "front");
        assert!(host.get("Links").is_none());
        assert_eq!(
            config["NetworkingConfig"]["EndpointsConfig"],
            json!({"front": {"Aliases": ["web"], "Links": ["a:b"]},
                   "back": {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}})
        );
    }

    #[test]
    fn links_of_the_default_network_are_the_containers() {
        let (config, host) = body(&["--link", "a:b", "--dns", "1.1.1.1", "--add-host", "x:host-gateway"]).unwrap();
        assert_eq!((&host["NetworkMode"], &host["Links"]), (&json!("default"), &json!(["a:b"])));
        assert_eq!((&host["Dns"], &host["ExtraHosts"]), (&json!(["1.1.1.1"]), &json!(["x:host-gateway"])));
        assert_eq!(config["NetworkingConfig"]["EndpointsConfig"], json!({"default": {}}));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for words in [
            &["--network", "a", "--network", "a"][..],
            &["--network", "alias=x"],
            &["--network", "name=a,colour=red"],
            &["--network", "name=a,ip=10.0.0.1", "--ip", "10.0.0.2"],
        ] {
            assert!(body(words).is_err(), "{words:?}");
        }
    }
}
