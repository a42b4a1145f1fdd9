//! `sprat network …`

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::inspect::{self, InspectArgs};
use super::prune::{self, PruneArgs};
use super::run::network::endpoint;
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::pairs::pairs;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row, row, short};
use crate::render::template::LABELS;

/// `sprat network …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum NetworkCommand {
    /// Make a network, whose containers find each other by name
    #[command(after_help = "\
Examples:
  sprat network create front
  sprat network create --internal --subnet 10.5.0.0/24 back")]
    Create(Box<CreateArgs>),
    /// List networks
    #[command(visible_alias = "list")]
    #[command(after_help = "Example: sprat network ls --filter type=custom")]
    Ls(ListArgs),
    /// Show details
    #[command(after_help = "Example: sprat network inspect -f '{{.IPAM.Config}}' front")]
    Inspect(InspectArgs),
    /// Put a container on a network
    #[command(after_help = "Example: sprat network connect --alias db back postgres")]
    Connect(ConnectArgs),
    /// Take a container off a network
    #[command(after_help = "Example: sprat network disconnect back postgres")]
    Disconnect(DisconnectArgs),
    /// Remove networks
    #[command(alias = "remove")]
    #[command(after_help = "Example: sprat network rm front back")]
    Rm(RemoveArgs),
    /// Remove all networks that no container runs on
    #[command(after_help = "Example: sprat network prune --filter until=24h")]
    Prune(PruneArgs),
}

/// `sprat network create`
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Driver: bridge
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge")]
    pub driver: String,
    /// Its addresses, in CIDR notation
    #[arg(long, value_name = "SUBNET")]
    pub subnet: Vec<String>,
    /// Those that containers are given, in CIDR notation
    #[arg(long, value_name = "RANGE")]
    pub ip_range: Vec<String>,
    /// The host's address there
    #[arg(long, value_name = "ADDRESS")]
    pub gateway: Vec<String>,
    /// An address that no container is given
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub aux_address: Vec<String>,
    /// IPv4 addresses (the default)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub ipv4: Option<bool>,
    /// IPv6 addresses too
    #[arg(long)]
    pub ipv6: bool,
    /// Reach nothing outside
    #[arg(long)]
    pub internal: bool,
    /// Containers may join later (always so)
    #[arg(long)]
    pub attachable: bool,
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Option for the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
    #[arg(long, hide = true, default_value = "default")]
    ipam_driver: String,
    #[arg(long, hide = true)]
    ipam_opt: Vec<String>,
    #[arg(long, hide = true)]
    scope: Option<String>,
    /// Its name
    pub name: String,
}

/// `sprat network ls`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Filter: name=…, driver=…, label=…, type=custom|builtin, dangling=true
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Whole ids
    #[arg(long)]
    pub no_trunc: bool,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat network connect`
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// A further name there
    #[arg(long, value_name = "NAME")]
    pub alias: Vec<String>,
    /// This IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// This IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    pub ip6: Option<String>,
    /// A name that only this container knows: CONTAINER[:ALIAS]
    #[arg(long, value_name = "CONTAINER:ALIAS")]
    pub link: Vec<String>,
    /// Option for the driver
    #[arg(long, value_name = "KEY=VALUE")]
    pub driver_opt: Vec<String>,
    /// The network
    pub network: String,
    /// The container
    pub container: String,
}

/// `sprat network disconnect`
#[derive(Debug, Args)]
pub(crate) struct DisconnectArgs {
    /// Whatever its state
    #[arg(short, long)]
    pub force: bool,
    /// The network
    pub network: String,
    /// The container
    pub container: String,
}

/// `sprat network rm`
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// A missing one is no error
    #[arg(short, long)]
    pub force: bool,
    /// Names or ids
    #[arg(required = true)]
    pub networks: Vec<String>,
}

/// `sprat network …`
pub(crate) async fn run(client: &Client, command: NetworkCommand) -> Outcome {
    match command {
        NetworkCommand::Create(args) => create(client, *args).await,
        NetworkCommand::Ls(args) => list(client, args).await,
        NetworkCommand::Inspect(args) => inspect::kind(client, args, "network").await,
        NetworkCommand::Connect(args) => connect(client, args).await,
        NetworkCommand::Disconnect(args) => disconnect(client, args).await,
        NetworkCommand::Rm(args) => remove(client, args).await,
        NetworkCommand::Prune(args) => prune::networks(client, args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Outcome {
    let body = json!({
        "Name": args.name,
        "Driver": args.driver,
        "Scope": args.scope.clone().unwrap_or_default(),
        "Internal": args.internal,
        "Attachable": args.attachable,
        "EnableIPv4": args.ipv4,
        "EnableIPv6": args.ipv6,
        "Options": pairs("--opt", &args.opt)?,
        "Labels": pairs("--label", &args.label)?,
        "IPAM": {"Driver": args.ipam_driver, "Options": pairs("--ipam-opt", &args.ipam_opt)?, "Config": pools(&args)?},
    });
    let network: Value = client.post("/networks/create", Some(&body)).await?;
    outln!("{}", network.get("Id").and_then(Value::as_str).unwrap_or_default());
    Ok(0)
}

/// Subnets with the ranges, gateways and further addresses that lie in them, as docker's command line sorts them.
fn pools(args: &CreateArgs) -> Result<Vec<Value>, CliError> {
    let wrong = |what: String| CliError::new(what).fix("name the --subnet that it lies in");
    let mut pools: Vec<(Subnet, Map<String, Value>)> = Vec::new();
    for text in &args.subnet {
        let subnet = Subnet::parse(text).ok_or_else(|| {
            CliError::new(format!("invalid --subnet {text:?}")).fix("write it as 10.5.0.0/24 or fd00:5::/64")
        })?;
        pools.push((subnet, Map::from_iter([("Subnet".to_owned(), json!(text))])));
    }
    let mut put = |flag: &str, key: &str, address: &str, value: Value| {
        let pool = pools.iter_mut().find(|(subnet, _)| subnet.contains(address));
        let (_, pool) = pool.ok_or_else(|| wrong(format!("no matching subnet for {flag} {address}")))?;
        match (pool.remove(key), value) {
            (None, value) => drop(pool.insert(key.to_owned(), value)),
            (Some(Value::Object(mut map)), Value::Object(more)) => {
                map.extend(more);
                pool.insert(key.to_owned(), Value::Object(map));
            }
            (Some(_), _) => return Err(wrong(format!("cannot configure multiple {flag}s on the same subnet"))),
        }
        Ok(())
    };
    for range in &args.ip_range {
        let address = range.split_once('/').map_or(range.as_str(), |(address, _)| address);
        put("--ip-range", "IPRange", address, json!(range))?;
    }
    for gateway in &args.gateway {
        put("--gateway", "Gateway", gateway, json!(gateway))?;
    }
    for (name, address) in pairs("--aux-address", &args.aux_address)? {
        put("--aux-address", "AuxiliaryAddresses", &address, json!({ name: address }))?;
    }
    Ok(pools.into_iter().map(|(_, pool)| Value::Object(pool)).collect())
}

/// A subnet, to sort addresses by. The daemon checks what is in it.
struct Subnet {
    bits: u128,
    mask: u128,
    v6: bool,
}

impl Subnet {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (bits, v6) = number(address)?;
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= if v6 { 128 } else { 32 })?;
        // IPv4 addresses take the lowest bits.
        let prefix = if v6 { prefix } else { prefix + 96 };
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        Some(Self { bits: bits & mask, mask, v6 })
    }

    fn contains(&self, address: &str) -> bool {
        number(address).is_some_and(|(bits, v6)| v6 == self.v6 && bits & self.mask == self.bits)
    }
}

fn number(address: &str) -> Option<(u128, bool)> {
    Some(match address.parse().ok()? {
        std::net::IpAddr::V4(address) => (u32::from(address).into(), false),
        std::net::IpAddr::V6(address) => (address.into(), true),
    })
}

async fn list(client: &Client, args: ListArgs) -> Outcome {
    let networks: Vec<Value> = client.get(&Query::new("/networks").filters(&args.filter)?.path()).await?;
    let mut lines: Vec<Row> = networks.iter().map(|network| row_of(network, args.no_trunc)).collect();
    lines.sort_by_key(|line| line.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned());
    if args.quiet {
        return rows::ids(&lines);
    }
    let columns = [("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE")];
    rows::print(&lines, &columns, args.format.as_deref())?;
    Ok(0)
}

fn row_of(n: &Value, full: bool) -> Row {
    let text = |name: &str| n.get(name).and_then(Value::as_str).unwrap_or_default();
    let truth = |name: &str| n.get(name).and_then(Value::as_bool).unwrap_or_default().to_string();
    let labels = n.get("Labels").and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<_> = labels.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    row([
        ("ID", short(text("Id"), full).into()),
        ("Name", text("Name").into()),
        ("Driver", text("Driver").into()),
        ("Scope", text("Scope").into()),
        ("CreatedAt", text("Created").into()),
        ("IPv4", truth("EnableIPv4").into()),
        ("IPv6", truth("EnableIPv6").into()),
        ("Internal", truth("Internal").into()),
        ("Labels", labels.join(",").into()),
        (LABELS, n.get("Labels").cloned().unwrap_or_default()),
    ])
}

async fn connect(client: &Client, args: ConnectArgs) -> Outcome {
    let options: BTreeMap<String, String> = pairs("--driver-opt", &args.driver_opt)?;
    let mut config = endpoint(&args.alias, &args.link, args.ip.as_deref(), args.ip6.as_deref());
    config.insert("DriverOpts".to_owned(), json!(options));
    let body = json!({ "Container": args.container, "EndpointConfig": config });
    let path = format!("/networks/{}/connect", segment(&args.network));
    client.post::<Value>(&path, Some(&body)).await?;
    Ok(0)
}

async fn disconnect(client: &Client, args: DisconnectArgs) -> Outcome {
    let body = json!({ "Container": args.container, "Force": args.force });
    let path = format!("/networks/{}/disconnect", segment(&args.network));
    client.post::<Value>(&path, Some(&body)).await?;
    Ok(0)
}

async fn remove(client: &Client, args: RemoveArgs) -> Outcome {
    let mut status = 0;
    for name in &args.networks {
        match client.delete::<Value>(&format!("/networks/{}", segment(name))).await {
            Ok(_) => outln!("{name}"),
            Err(error) if error.missing && args.force => {}
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: CreateArgs,
    }

    fn config(words: &[&str]) -> Result<Vec<Value>, String> {
        let line = Line::try_parse_from(["create"].iter().chain(words).chain(&["n"])).unwrap();
        pools(&line.args).map_err(|error| error.what)
    }

    #[test]
    fn ranges_and_gateways_go_to_the_subnet_they_lie_in() {
        let words = [
            "--subnet",
            "10.1.0.0/16",
            "--subnet",
            "fd00:1::/64",
            "--gateway",
            "fd00:1::9",
            "--ip-range",
            "10.1.5.0/24",
            "--aux-address",
            "a=10.1.0.5",
            "--aux-address",
            "b=10.1.0.6",
        ];
        let pools = config(&words).unwrap();
        assert_eq!(
            pools,
            [
                json!({"Subnet": "10.1.0.0/16", "IPRange": "10.1.5.0/24",
                       "AuxiliaryAddresses": {"a": "10.1.0.5", "b": "10.1.0.6"}}),
                json!({"Subnet": "fd00:1::/64", "Gateway": "fd00:1::9"}),
            ]
        );
        assert!(config(&["--gateway", "10.1.0.1"]).unwrap_err().contains("no matching subnet"));
        assert!(config(&["--subnet", "here"]).is_err());
        assert!(
            config(&["--subnet", "10.1.0.0/16", "--gateway", "10.1.0.1", "--gateway", "10.1.0.2"])
                .unwrap_err()
                .contains("multiple --gateways")
        );
    }
}
