//! `sprat volume …`

use serde_json::{Value, json};

use crate::client::Client;
use crate::config::pairs;
use crate::error::Outcome;
use crate::query::{Query, segment};
use crate::render::rows::{self, Row, row};

/// `sprat volume create`
pub(crate) async fn create(client: &Client, name: Option<String>, labels: &[String]) -> Outcome {
    let body = json!({"Name": name.unwrap_or_default(), "Labels": pairs("--label", labels)?});
    let volume: Value = client.post("/volumes/create", Some(&body)).await?;
    outln!("{}", volume.get("Name").and_then(Value::as_str).unwrap_or_default());
    Ok(0)
}

/// `sprat volume ls`
pub(crate) async fn list(client: &Client, quiet: bool, format: Option<String>) -> Outcome {
    let answer: Value = client.get("/volumes").await?;
    let volumes = answer.get("Volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if quiet {
        for volume in &volumes {
            outln!("{}", text(volume, "Name"));
        }
        return Ok(0);
    }
    let lines: Vec<Row> = volumes
        .iter()
        .map(|v| {
            row([
                ("Driver", text(v, "Driver").into()),
                ("Name", text(v, "Name").into()),
                ("Mountpoint", text(v, "Mountpoint").into()),
            ])
        })
        .collect();
    rows::print(&lines, &[("Driver", "DRIVER"), ("Name", "VOLUME NAME")], format.as_deref())?;
    Ok(0)
}

/// `sprat volume rm`
pub(crate) async fn remove(client: &Client, force: bool, volumes: &[String]) -> Outcome {
    let mut status = 0;
    for name in volumes {
        let path = Query::new(format!("/volumes/{}", segment(name))).flag("force", force).path();
        match client.delete::<Value>(&path).await {
            Ok(_) => outln!("{name}"),
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}
