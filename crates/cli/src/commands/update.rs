//! `sprat update`: limits and restart policies of containers that exist.

use clap::Args;
use serde_json::{Map, Value, json};
use sprat_docker_api::{UpdateResponse, parse_size};

use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::segment;

/// `sprat update`
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Memory limit, such as 64m; of containers that don't run
    #[arg(short, long, value_name = "BYTES")]
    pub memory: Option<String>,
    /// Number of CPUs, such as 0.5; of containers that don't run
    #[arg(long, value_name = "NUMBER")]
    pub cpus: Option<f64>,
    /// What happens after an exit: no, always, unless-stopped, on-failure[:MAX]
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat update`
pub(crate) async fn run(client: &Client, args: UpdateArgs) -> Outcome {
    let body = body(&args)?;
    let mut status = 0;
    for name in &args.containers {
        match client.post::<UpdateResponse>(&format!("/containers/{}/update", segment(name)), Some(&body)).await {
            Ok(answer) => {
                for warning in answer.warnings {
                    errln!("WARNING: {warning}");
                }
                outln!("{name}");
            }
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}

fn body(args: &UpdateArgs) -> Result<Value, CliError> {
    let mut body = Map::new();
    if let Some(memory) = &args.memory {
        let bytes =
            parse_size(memory).map_err(|e| CliError::new(e.to_string()).fix("write a size such as 64m or 1g"))?;
        body.insert("Memory".to_owned(), json!(bytes));
    }
    if let Some(cpus) = args.cpus {
        if !(0.01..=1e6).contains(&cpus) {
            return Err(CliError::new(format!("invalid --cpus {cpus}")).fix("write a number from 0.01 on, such as 0.5"));
        }
        body.insert("NanoCpus".to_owned(), json!((cpus * 1e9).round() as i64));
    }
    if let Some(restart) = &args.restart {
        let (name, count) =
            restart.split_once(':').map_or((restart.as_str(), Ok(0)), |(name, count)| (name, count.parse()));
        let count: i64 = count.map_err(|e| {
            CliError::new(format!("invalid --restart {restart}")).why(e).fix("write a policy such as on-failure:3")
        })?;
        body.insert("RestartPolicy".to_owned(), json!({ "Name": name, "MaximumRetryCount": count }));
    }
    if body.is_empty() {
        return Err(CliError::new("you must provide one or more flags when using this command")
            .fix("name what is to change: --memory, --cpus or --restart"));
    }
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_changes_and_nothing_else() {
        let args = |memory: Option<&str>, restart: Option<&str>| UpdateArgs {
            memory: memory.map(str::to_owned),
            cpus: None,
            restart: restart.map(str::to_owned),
            containers: Vec::new(),
        };
        let asked = body(&args(Some("1m"), Some("on-failure:3"))).unwrap();
        let policy = json!({ "Name": "on-failure", "MaximumRetryCount": 3 });
        assert_eq!(asked, json!({ "Memory": 1 << 20, "RestartPolicy": policy }));
        assert!(body(&args(None, None)).is_err());
        assert!(body(&args(None, Some("on-failure:x"))).is_err());
    }
}
