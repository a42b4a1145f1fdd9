//! `sprat port`

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::segment;

/// `sprat port`
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    /// Name or id
    pub container: String,
    /// Only this port of the container: PORT[/tcp|udp]
    pub port: Option<String>,
}

/// `sprat port`
pub(crate) async fn run(client: &Client, args: PortArgs) -> Outcome {
    let container: Value = client.get(&format!("/containers/{}/json", segment(&args.container))).await?;
    let empty = Value::default();
    let ports = container.pointer("/NetworkSettings/Ports").unwrap_or(&empty);
    let lines = match &args.port {
        Some(port) => {
            let wanted = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
            let found = bindings(ports.get(&wanted));
            if found.is_empty() {
                let what = format!("no public port '{wanted}' published for {}", args.container);
                return Err(CliError::new(what).fix("see what it publishes with `sprat port CONTAINER`"));
            }
            found
        }
        None => all(ports),
    };
    for line in lines {
        outln!("{line}");
    }
    Ok(0)
}

/// All ports in their order by number, as docker shows them.
fn all(ports: &Value) -> Vec<String> {
    let mut ports: Vec<_> = ports.as_object().into_iter().flatten().collect();
    let number = |port: &str| port.split_once('/').and_then(|(number, _)| number.parse::<u16>().ok());
    ports.sort_by_key(|(port, _)| (number(port), port.as_str()));
    let of = |(port, list): (&String, &Value)| {
        bindings(Some(list)).into_iter().map(|at| format!("{port} -> {at}")).collect::<Vec<_>>()
    };
    ports.into_iter().flat_map(of).collect()
}

fn bindings(list: Option<&Value>) -> Vec<String> {
    let text = |binding: &Value, name: &str| binding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let one = |binding: &Value| {
        let (ip, port) = (text(binding, "HostIp"), text(binding, "HostPort"));
        if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    };
    list.and_then(Value::as_array).into_iter().flatten().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_shown_as_docker_shows_them() {
        let ports = json!({
            "443/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8443"}, {"HostIp": "::", "HostPort": "8443"}],
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "9/udp": null,
        });
        assert_eq!(all(&ports), ["80/tcp -> 127.0.0.1:8080", "443/tcp -> 0.0.0.0:8443", "443/tcp -> [::]:8443"]);
        assert!(all(&Value::Null).is_empty());
    }
}
