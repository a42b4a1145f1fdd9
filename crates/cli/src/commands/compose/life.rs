//! Verbs on containers that are there: start, stop, restart, kill, rm, pause, unpause, top.

use clap::Args;
use futures_util::future::join_all;
use serde_json::Value;
use sprat_compose::Project;

use super::containers::{Container, in_order};
use super::output::step;
use super::place::Place;
use super::{converge, hooks};
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::Query;

/// Services.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `stop`, `restart`
#[derive(Debug, Args)]
pub(crate) struct Timed {
    /// Seconds to wait before KILL
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Don't restart what depends on these
    #[arg(long)]
    pub no_deps: bool,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `kill`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose kill -s TERM web")]
pub(crate) struct KillArgs {
    /// The signal
    #[arg(short, long, default_value = "SIGKILL")]
    pub signal: String,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// `rm`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose rm -fsv web")]
pub(crate) struct RmArgs {
    /// Don't ask
    #[arg(short, long)]
    pub force: bool,
    /// Stop them first
    #[arg(short, long)]
    pub stop: bool,
    /// Remove their anonymous volumes too
    #[arg(short, long)]
    pub volumes: bool,
    /// Services; all if none is named
    pub services: Vec<String>,
}

/// Stops a container.
pub(super) async fn stop_one(client: &Client, container: &Container, timeout: Option<i64>) -> Result<(), CliError> {
    if !container.is_up() {
        return Ok(());
    }
    step("Container", &container.name, "Stopping");
    let time = timeout.map(|t| t.to_string());
    let path = Query::new(format!("/containers/{}/stop", container.id)).option("t", time.as_deref()).path();
    gone_is_fine(client.post_raw(&path, None).await.map(drop))?;
    step("Container", &container.name, "Stopped");
    Ok(())
}

/// Removes a container.
pub(super) async fn remove_one(
    client: &Client,
    container: &Container,
    force: bool,
    volumes: bool,
) -> Result<(), CliError> {
    step("Container", &container.name, "Removing");
    let path = Query::new(format!("/containers/{}", container.id)).flag("force", force).flag("v", volumes).path();
    gone_is_fine(client.delete::<Value>(&path).await.map(drop))?;
    step("Container", &container.name, "Removed");
    Ok(())
}

fn gone_is_fine(done: Result<(), CliError>) -> Result<(), CliError> {
    match done {
        Err(error) if error.missing => Ok(()),
        other => other,
    }
}

/// Stops containers, what nobody needs first.
pub(super) async fn stop_all(
    client: &Client,
    project: Option<&Project>,
    all: &[Container],
    timeout: Option<i64>,
) -> Result<(), CliError> {
    for group in in_order(all, true) {
        let stopping = group.iter().filter(|c| c.is_up()).map(async |container| {
            if let Some(project) = project {
                hooks::before_stop(client, project, container).await;
            }
            stop_one(client, container, timeout).await
        });
        join_all(stopping).await.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

/// `sprat compose start`
pub(super) async fn start(place: Place, args: Names) -> Outcome {
    let known = place.known()?;
    let there = place.containers(&known, &args.services, false).await?;
    if let Some(missing) = args.services.iter().find(|name| !there.iter().any(|c| c.service == **name)) {
        return Err(CliError::new(format!("service {missing:?} has no container to start"))
            .fix(format!("sprat compose up -d {missing}")));
    }
    match &known.project {
        Some(project) => {
            let names = there.iter().map(|c| c.service.clone()).collect();
            converge::start(&place.client, project, &names, &converge::Options::default()).await?;
        }
        None => {
            for container in in_order(&there, false).iter().flatten().filter(|c| !c.is_up()) {
                converge::start_one(&place.client, container).await?;
            }
        }
    }
    Ok(0)
}

/// `sprat compose stop`
pub(super) async fn stop(place: &Place, args: Timed) -> Outcome {
    let known = place.known()?;
    let there = place.containers(&known, &args.services, false).await?;
    stop_all(&place.client, known.project.as_ref(), &there, args.timeout).await?;
    Ok(0)
}

/// `sprat compose restart`: what depends on these with `restart: true` too.
pub(super) async fn restart(place: &Place, args: Timed) -> Outcome {
    let known = place.known()?;
    let mut services = args.services.clone();
    if let (Some(project), false, false) = (&known.project, args.no_deps, services.is_empty()) {
        let follows = |s: &&sprat_compose::Service| {
            s.depends_on.iter().any(|(name, how)| how.restart && args.services.contains(name))
        };
        services.extend(project.services.values().filter(follows).map(|s| s.name.clone()));
    }
    let there = place.containers(&known, &services, false).await?;
    let time = args.timeout.map(|t| t.to_string());
    for group in in_order(&there, false) {
        let restarting = group.iter().map(async |container| {
            step("Container", &container.name, "Restarting");
            let path = format!("/containers/{}/restart", container.id);
            place.client.post_raw(&Query::new(path).option("t", time.as_deref()).path(), None).await?;
            step("Container", &container.name, "Started");
            Ok(())
        });
        join_all(restarting).await.into_iter().collect::<Result<(), CliError>>()?;
    }
    Ok(0)
}

/// `sprat compose kill`
pub(super) async fn kill(place: &Place, args: KillArgs) -> Outcome {
    let known = place.known()?;
    for container in place.containers(&known, &args.services, false).await?.iter().filter(|c| c.is_up()) {
        step("Container", &container.name, "Killing");
        let path = Query::new(format!("/containers/{}/kill", container.id)).add("signal", &args.signal).path();
        place.client.post_raw(&path, None).await?;
        step("Container", &container.name, "Killed");
    }
    Ok(0)
}

/// `sprat compose pause` and `unpause`
pub(super) async fn each(place: &Place, args: &Names, verb: &str, done: &str) -> Outcome {
    let known = place.known()?;
    for container in place.containers(&known, &args.services, false).await? {
        let fits = if verb == "pause" { container.state == "running" } else { container.state == "paused" };
        if fits {
            place.client.post_raw(&format!("/containers/{}/{verb}", container.id), None).await?;
            step("Container", &container.name, done);
        }
    }
    Ok(0)
}

/// `sprat compose rm`
pub(super) async fn rm(place: &Place, args: RmArgs) -> Outcome {
    let known = place.known()?;
    let mut there = place.containers(&known, &args.services, true).await?;
    if args.stop {
        stop_all(&place.client, known.project.as_ref(), &there, None).await?;
    } else {
        there.retain(|c| !c.is_up());
    }
    if there.is_empty() {
        errln!("No stopped containers");
        return Ok(0);
    }
    if !args.force && !agreed(&there)? {
        return Ok(0);
    }
    for container in &there {
        remove_one(&place.client, container, false, args.volumes).await?;
    }
    Ok(0)
}

fn agreed(containers: &[Container]) -> Result<bool, CliError> {
    let names: Vec<_> = containers.iter().map(|c| c.name.as_str()).collect();
    err!("Going to remove {}\nAre you sure? [yN] ", names.join(", "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// `sprat compose top`
pub(super) async fn top(place: &Place, args: &Names) -> Outcome {
    let known = place.known()?;
    for container in place.containers(&known, &args.services, false).await?.iter().filter(|c| c.is_up()) {
        let top: Value = place.client.get(&format!("/containers/{}/top", container.id)).await?;
        let texts = |value: Option<&Value>| -> Vec<String> {
            let list = value.and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let rows = top.get("Processes").and_then(Value::as_array).into_iter().flatten();
        let rows: Vec<Vec<String>> =
            std::iter::once(texts(top.get("Titles"))).chain(rows.map(|row| texts(Some(row)))).collect();
        outln!("{}", container.name);
        for row in &rows {
            let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(String::len).max().unwrap_or(0);
            let cells: Vec<_> = row.iter().enumerate().map(|(i, cell)| format!("{cell:w$}", w = width(i))).collect();
            outln!("{}", cells.join("   ").trim_end());
        }
        outln!("");
    }
    Ok(0)
}
